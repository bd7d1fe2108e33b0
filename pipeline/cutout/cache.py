"""What a swap keeps for later ones, so that it is made once: cut-outs, by the photo and what cut it. Pinned backgrounds
are kept in the same way by `pipeline.background.pinned`.

The pipeline knows names and bytes; where they lie, and for how long, is its caller's business
(`service.storage.cache`).
"""

import hashlib
import json
from io import BytesIO
from typing import Literal, Protocol

import numpy as np

from pipeline.core.networks import Networks, cutting
from pipeline.core.types import Cutout, Photo
from pipeline.cutout.foreground import own_colours

#: Cut-outs, and pinned backgrounds.
Kind = Literal["cutouts", "scenes"]


class Keeping(Protocol):
    """Where things are kept. Whatever breaks there, neither method raises: all that is kept can be made anew."""

    def recall(self, kind: Kind, name: str) -> bytes | None:
        """Return what was kept under that name, whole and unaltered, by this very code; None where there is none."""

    def keep(self, kind: Kind, name: str, data: bytes) -> None:
        """Keep bytes under a name, in place of what is there."""


class KeptCutout:
    """The cut-out of one photo, recalled or kept. `kept` None, or networks without a version: neither.

    `data` is the photo's file. What is kept is the alpha, and what was said of it; the colours are worked out again
    from the photo, which is there anyway and takes most of the room.
    """

    def __init__(self, kept: Keeping | None, data: bytes, networks: Networks):
        by = cutting(networks)
        self._kept = None if by is None else kept
        self._name = json.dumps([hashlib.sha256(data).hexdigest(), sorted((by or {}).items())])
        #: What the report says of it.
        self.came: Literal["computed", "cached"] = "computed"

    def recall(self, photo: Photo) -> Cutout | None:
        """Return the cut-out of the decoded photo as `refine` made it, to the bit; None where none is kept."""
        data = None if self._kept is None else self._kept.recall("cutouts", self._name)
        if data is None:
            return None
        cutout = unpacked(data, photo)
        self.came = "cached"
        return cutout

    def keep(self, cutout: Cutout) -> Cutout:
        """Keep a cut-out that was just made, and return it."""
        if self._kept is not None:
            self._kept.keep("cutouts", self._name, packed(cutout))
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
        "enclosed": cutout.enclosed,
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
        enclosed=facts["enclosed"],
    )
