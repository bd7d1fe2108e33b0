"""The pictures and facts of a cut-out, from the networks or from a mask. It loads the kernels, so import it late."""

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.codes import resized
from pipeline.core.parallel import together
from pipeline.core.resample import Box, tight_box
from pipeline.core.types import Cutout, Photo
from pipeline.cutout.foreground import foreground_colours, frame_of
from pipeline.cutout.given import codes_of, coverage
from pipeline.cutout.stance import NOBODY_LOOKED, facts_of, guess
from pipeline.cutout.subjects import Subjects, subjects_of
from pipeline.cutout.warnings import Evidence, assessed
from pipeline.placement.facts import CutoutFacts
from pipeline.scene.surfaces import product_colour
from service.cutouts.mask_file import encode_mask
from service.cutouts.pieces import piece_facts
from service.jobs.records import KeptFacts, KeptSubject, KeptWarning

#: Longer side of a preview in pixels, enough for a large screen.
PREVIEW_SIDE = 1600


@dataclass(frozen=True)
class Pictures:
    """The stored parts of a cut-out: PNG of the mask at the photo's size, RGBA PNG of the preview, and the facts."""

    mask: bytes
    preview: bytes
    facts: KeptFacts


def of_network(photo: Photo, cutout: Cutout | None) -> tuple[Pictures, bytes]:
    """Return the networks' cut-out of a photo, and the photo as JPEG at the preview's size, for later previews.

    If `cutout` is None, nothing stands out in the photo, and the mask is empty.
    """
    height, width = photo.rgb.shape[:2]
    codes = np.zeros((height, width), np.uint8)
    if cutout is not None:
        codes = codes_of(cutout.alpha, cutout.origin, width, height)

    def small() -> tuple[bytes, bytes]:
        rgb = resized(photo.rgb, *preview_size(width, height))
        return _jpeg(rgb), preview(rgb, codes)

    (reduced, shown), (mask, subjects) = together(small, lambda: (encode_mask(codes), subjects_of(codes)))
    facts = _facts(codes, subjects, facts_of(cutout) if cutout else CutoutFacts("standing"))
    if cutout is None:
        facts |= {"confidence": 0.0, "warnings": [{"code": "no_subject", "boxes": []}]}
    else:
        facts |= {"confidence": cutout.confidence, "warnings": _warnings(cutout.warnings, cutout.where)}
        facts |= _colour(cutout.rgb, cutout.alpha)
        facts["pieces"] = piece_facts(cutout.doubts.pieces if cutout.doubts else ())
        facts["viewpoint"] = {name: round(float(share), 4) for name, share in cutout.viewpoint.items()}
    return Pictures(mask, shown, facts), reduced


def of_mask(
    codes: NDArray[np.uint8],
    reduced: bytes,
    kept: Collection[int] | None = None,
    *,
    viewpoint: Mapping[str, float] = NOBODY_LOOKED,
) -> Pictures:
    """Return the cut-out that an H×W mask of codes 0–255 gives. `reduced` is the JPEG from `of_network`.

    `kept`: the ids of the subjects to keep, None for all; the facts list the others, too. `viewpoint` is the network's
    view of the photo, because no network classifies this mask before the swap does.
    """
    height, width = codes.shape
    subjects = subjects_of(codes)
    if kept is not None:
        codes = subjects.only(codes, kept)
    with Image.open(io.BytesIO(reduced), formats=["JPEG"]) as picture:
        rgb = np.asarray(picture.convert("RGB"))
    alpha = _reduced(codes, rgb.shape[1], rgb.shape[0])
    quality = assessed(Evidence.of(alpha))
    shown, mask = together(lambda: preview(rgb, codes), lambda: encode_mask(codes))
    left, top, right, bottom = frame_of(codes)  # the grid of a swap, as another grid may give another stance
    stands = guess(coverage(codes[top:bottom, left:right]), quality.cut_sides, viewpoint)
    facts = _facts(codes, subjects, stands, kept)
    x, y = width / rgb.shape[1], height / rgb.shape[0]
    where = {
        code: [
            (round(left * x), round(top * y), round(right * x), round(bottom * y)) for left, top, right, bottom in some
        ]
        for code, some in quality.where.items()
    }
    facts |= {"confidence": quality.confidence, "warnings": _warnings(quality.warnings, where)}
    facts |= _colour(rgb, alpha)
    return Pictures(mask, shown, facts)


def preview_size(width: int, height: int) -> tuple[int, int]:
    """Return width and height of a photo's preview in pixels."""
    scale = min(1.0, PREVIEW_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def preview(rgb: NDArray[np.uint8], codes: NDArray[np.uint8]) -> bytes:
    """Return an RGBA PNG of an h×w×3 sRGB photo with its H×W mask, and the product's own colours at the soft edge."""
    height, width = rgb.shape[:2]
    alpha = _reduced(codes, width, height)
    shown = np.empty((height, width, 4), np.uint8)
    own = np.ascontiguousarray(rgb).copy()
    if (alpha > 0).any():
        foreground_colours(own, alpha, max(width, height))
    shown[..., :3] = own * (alpha > 0)[..., None]
    np.rint(alpha * np.float32(255), out=shown[..., 3], casting="unsafe")
    file = io.BytesIO()
    Image.fromarray(shown).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _reduced(codes: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
    small = Image.fromarray(codes).resize((width, height), Image.Resampling.BOX)
    return coverage(np.asarray(small))


def _jpeg(rgb: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=92, subsampling=0)
    return file.getvalue()


def _facts(
    codes: NDArray[np.uint8], subjects: Subjects, stands: CutoutFacts, kept: Collection[int] | None = None
) -> KeptFacts:
    return {
        "product_box": tight_box(codes > 127),
        "subjects": subject_facts(subjects, kept),
        "cut_sides": list(stands.cut_sides),
        "stance": stands.stance,
        "suits": list(stands.suits),
    }


def _colour(rgb: NDArray[np.uint8], alpha: NDArray[np.float32]) -> KeptFacts:
    found = product_colour(rgb, alpha)
    return {} if found is None else {"colour": [float(one) for one in found]}


def subject_facts(subjects: Subjects, kept: Collection[int] | None = None) -> list[KeptSubject]:
    """Return the stored facts of subjects, JSON-ready. `kept`: the ids of those in the mask; None: all."""
    return [
        {"id": one.id, "box": one.box, "share": one.share, "kept": kept is None or one.id in kept}
        for one in subjects.found
    ]


def _warnings(codes: Collection[str], where: Any) -> list[KeptWarning]:
    return [{"code": code, "boxes": _ints(where.get(code, ()))} for code in codes]


def _ints(boxes: Sequence[Box]) -> list[list[int]]:
    return [[int(side) for side in box] for box in boxes]
