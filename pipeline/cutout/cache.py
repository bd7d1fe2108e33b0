"""The cache of cut-outs, by the photo and the networks' versions. `pipeline.background.pinned` caches pinned
backgrounds in the same way.

The pipeline knows only names and bytes. Its caller decides where to store them and for how long
(`service.storage.cache`).
"""

import hashlib
import json
from dataclasses import astuple
from io import BytesIO
from typing import Literal, Protocol

import numpy as np

from pipeline.core.networks import Networks, cutting
from pipeline.core.order import PhotoPlace
from pipeline.core.types import Cutout, Doubts, Photo, Piece
from pipeline.cutout.foreground import own_colours

#: Cut-outs, and pinned backgrounds.
Kind = Literal["cutouts", "scenes"]


class Cache(Protocol):
    """A cache of bytes by kind and name. Neither method raises if the store fails: everything can be recomputed."""

    def get(self, kind: Kind, name: str) -> bytes | None:
        """Return the bytes stored under that name, unaltered and by this version of the code; None for a miss."""

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        """Store bytes under a name, replacing earlier ones."""


class CutoutCache:
    """The cache entry of one photo's cut-out.

    Without a cache, or with networks that have no version, nothing is stored or found. `data` is the photo's file,
    `subject` the place of the meant product in it. The entry contains the alpha and its facts. The colours would take
    most of the space, and are computed again from the photo.
    """

    def __init__(self, cache: Cache | None, data: bytes, networks: Networks, subject: PhotoPlace | None = None):
        by = cutting(networks)
        self._cache = None if by is None else cache
        made_of = [hashlib.sha256(data).hexdigest(), sorted((by or {}).items())]
        self._name = json.dumps([*made_of, subject] if subject else made_of)
        #: For the report: a hit is "cached".
        self.cache_status: Literal["computed", "cached"] = "computed"

    def get(self, photo: Photo) -> Cutout | None:
        """Return the cut-out of the decoded photo, bit for bit as `extract_foreground` made it; None for a miss."""
        data = None if self._cache is None else self._cache.get("cutouts", self._name)
        if data is None:
            return None
        cutout = unpacked(data, photo)
        self.cache_status = "cached"
        return cutout

    def put(self, cutout: Cutout) -> Cutout:
        """Store a new cut-out, and return it."""
        if self._cache is not None:
            self._cache.put("cutouts", self._name, packed(cutout))
        return cutout


def packed(cutout: Cutout) -> bytes:
    """Return a cut-out without its colours, lossless: bits for alpha of 1, bits for alpha above 0, and values between.

    About 60 kB for a photo of 2.5 megapixels.
    """
    alpha = cutout.alpha
    facts = {
        "shape": alpha.shape,
        "origin": cutout.origin,
        "confidence": cutout.confidence,
        "warnings": cutout.warnings,
        "cut_sides": cutout.cut_sides,
        "where": dict(cutout.where),
        "viewpoint": dict(cutout.viewpoint),
        "pieces": None if cutout.doubts is None else [astuple(piece) for piece in cutout.doubts.pieces],
    }
    file = BytesIO()
    np.savez_compressed(
        file,
        facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
        all=np.packbits(alpha == 1),
        some=np.packbits(alpha > 0),
        between=alpha[(alpha > 0) & (alpha < 1)],
        layer=np.frombuffer(b"" if cutout.doubts is None else cutout.doubts.layer, np.uint8),
    )
    return file.getvalue()


def unpacked(data: bytes, photo: Photo) -> Cutout:
    """Return the cut-out that `packed` got, with its colours from the photo."""
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        facts = json.loads(arrays["facts"].tobytes())
        height, width = facts["shape"]
        everything, something = (
            np.unpackbits(arrays[name], count=height * width).reshape(height, width).view(bool)
            for name in ("all", "some")
        )
        alpha = everything.astype(np.float32)
        alpha[something & ~everything] = arrays["between"]
        pieces = facts["pieces"]
        doubts = None
        if pieces is not None:
            doubts = Doubts(
                tuple(Piece(number, tuple(box), *rest) for number, box, *rest in pieces), arrays["layer"].tobytes()
            )
    left, top = facts["origin"]
    return Cutout(
        rgb=own_colours(photo, alpha, (left, top)),
        alpha=alpha,
        confidence=facts["confidence"],
        warnings=tuple(facts["warnings"]),
        cut_sides=tuple(facts["cut_sides"]),
        origin=(left, top),
        where={code: tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in boxes) for code, boxes in facts["where"].items()},
        viewpoint=facts.get("viewpoint", {}),
        doubts=doubts,
    )
