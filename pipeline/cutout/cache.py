"""A cache, so that later swaps make nothing twice: cut-outs, by the photo and what cut it. Pinned backgrounds
are cached in the same way by `pipeline.background.pinned`.

The pipeline knows names and bytes; where they lie, and for how long, is its caller's business
(`service.storage.cache`).
"""

import hashlib
import json
from io import BytesIO
from typing import Literal, Protocol

import numpy as np

from pipeline.core.networks import Networks, cutting
from pipeline.core.order import PhotoPlace
from pipeline.core.types import Cutout, Photo
from pipeline.cutout.foreground import own_colours

#: Cut-outs, and pinned backgrounds.
Kind = Literal["cutouts", "scenes"]


class Cache(Protocol):
    """A cache of bytes by kind and name. Whatever breaks there, neither method raises: all of it can be made anew."""

    def get(self, kind: Kind, name: str) -> bytes | None:
        """Return what was put under that name, whole and unaltered, by this very code; None for a miss."""

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        """Store bytes under a name, in place of what is there."""


class CutoutCache:
    """The cache entry of one photo's cut-out. `cache` None, or networks without a version: never a hit, nothing stored.

    `data` is the photo's file, `subject` which product in it is meant. What is stored is the alpha, and what was said
    of it; the colours are worked out again from the photo, which is there anyway and takes most of the room.
    """

    def __init__(self, cache: Cache | None, data: bytes, networks: Networks, subject: PhotoPlace | None = None):
        by = cutting(networks)
        self._cache = None if by is None else cache
        made_of = [hashlib.sha256(data).hexdigest(), sorted((by or {}).items())]
        self._name = json.dumps([*made_of, subject] if subject else made_of)
        #: What the report says of it: a hit is "cached".
        self.cache_status: Literal["computed", "cached"] = "computed"

    def get(self, photo: Photo) -> Cutout | None:
        """Return the cut-out of the decoded photo as `extract_foreground` made it, to the bit; None for a miss."""
        data = None if self._cache is None else self._cache.get("cutouts", self._name)
        if data is None:
            return None
        cutout = unpacked(data, photo)
        self.cache_status = "cached"
        return cutout

    def put(self, cutout: Cutout) -> Cutout:
        """Store a cut-out that was just made, and return it."""
        if self._cache is not None:
            self._cache.put("cutouts", self._name, packed(cutout))
        return cutout


def packed(cutout: Cutout) -> bytes:
    """Return a cut-out without its colours, lossless: where it is all, where it is something, and the values between.

    Some 60 kB for a photo of 2.5 megapixels.
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
    }
    file = BytesIO()
    np.savez_compressed(
        file,
        facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
        all=np.packbits(alpha == 1),
        some=np.packbits(alpha > 0),
        between=alpha[(alpha > 0) & (alpha < 1)],
    )
    return file.getvalue()


def unpacked(data: bytes, photo: Photo) -> Cutout:
    """Return the cut-out that `packed` was given, its colours from the photo."""
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        facts = json.loads(arrays["facts"].tobytes())
        height, width = facts["shape"]
        everything, something = (
            np.unpackbits(arrays[name], count=height * width).reshape(height, width).view(bool)
            for name in ("all", "some")
        )
        alpha = everything.astype(np.float32)
        alpha[something & ~everything] = arrays["between"]
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
    )
