"""Check a delivered file against the rules of its place of publication: pass, warn or fail, each with its source.

Rules that no file can prove (no text, no logo, no prop) are listed as unchecked, in the place's words.
"""

import math
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pipeline.core.provenance import Credentials, read_digital_source_type
from pipeline.core.spec import Preset
from pipeline.core.types import Placed, Rgb8
from pipeline.delivery.fidelity import SEEN_AS_WHITE, decoded
from pipeline.placement.margins import placement_rules
from pipeline.report import RuleCheck, Status

#: Rules that are part of another rule: where a preset lists only that rule, its source and date count.
_PART_OF = {"min_side": "size", "white_border": "white_background", "white_edge": "white_background"}
#: Source and date of rules that no place of publication makes.
_GENERAL = {
    "ai_marking": ("https://eur-lex.europa.eu/eli/reg/2024/1689/oj", "2026-11-24"),
    "content_credentials": (
        "https://c2pa.org/specifications/specifications/2.1/specs/C2PA_Specification.html",
        "2026-11-24",
    ),
}
#: Rules that only the delivered file itself can prove.
_OF_THE_FILE = {"size", "min_side", "bytes"}
#: JPEG's largest block with chroma at half resolution, 16 pixels: an edge can ring as far as that, and no further.
_BLOCK = 16
#: Share of white pixels above which a miss only warns: a reviewer won't see it, a checker may.
_NEARLY_WHITE = 0.999
#: Below this code the white near the product looks grey (CIEDE2000 to white 2.6), also to the eye.
_GREY = 243


@dataclass(frozen=True)
class Delivered:
    """A delivered file, decoded again."""

    rgb: NDArray[np.uint8]
    #: "jpeg", "png", …
    format: str
    #: Bytes of the file.
    weight: int
    icc: bytes | None
    exif_tags: tuple[int, ...]
    digital_source_type: str | None
    #: The signer; None where the file is unsigned, or was changed after it was signed.
    issuer: str | None = None


def reopen(data: bytes, credentials: Credentials | None = None, rgb: Rgb8 | None = None) -> Delivered:
    """Decode a file that `pipeline.delivery.encode` made. Raises Pillow's errors: an unreadable file is Backdrop's bug.

    `credentials` reads the signature; without it none is read. `rgb` is the decoded file, if it is decoded already.
    """
    pixels = decoded(data) if rgb is None else rgb
    with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP", "AVIF")) as picture:
        info = picture.info
        return Delivered(
            rgb=pixels,
            format=str(picture.format).lower(),
            weight=len(data),
            icc=info.get("icc_profile"),
            exif_tags=tuple(picture.getexif()),
            digital_source_type=read_digital_source_type(info.get("xmp") or b""),
            issuer=credentials.read(data, picture.get_format_mimetype() or "") if credentials else None,
        )


def check_rules(
    file: Delivered,
    preset: Preset,
    placed: Placed,
    background: NDArray[np.float32] | None,
    *,
    issuer: str | None = None,
    canvas: Placed | None = None,
    touches: tuple[str, ...] | None = None,
    own_size: bool = False,
) -> list[RuleCheck]:
    """Return one row for each rule.

    Source and date are those of the preset's own rule of that name, else the preset's.
    `background` is the picture behind the product, shadow included, H×W×3 sRGB in [0, 1]; only white presets use it.
    `issuer` is the expected signer, None where files are not signed.
    `canvas` is for previews: the product on the full picture's canvas. A preview can't prove the rules on size and
    file size, so they are left out.
    `touches`: see `placement_rules`.
    `own_size`: the caller chose another size than the preset's, which then counts as advice.
    """
    sources = _GENERAL | {rule.name: (rule.source_url, rule.checked_on) for rule in preset.rules}
    rows: list[RuleCheck] = []

    def add(rule: str, measured: Any, bound: Any, status: Status) -> None:
        own = sources.get(_PART_OF.get(rule, rule), (preset.source_url, preset.checked_on))
        url, checked_on = sources.get(rule, own)
        rows.append(RuleCheck(rule, measured, bound, status, url, checked_on))

    height, width = file.rgb.shape[:2]
    laid = canvas or placed
    if preset.size is not None and canvas is None:
        other: Status = "warn" if own_size else "fail"
        add("size", [width, height], list(preset.size), "pass" if (width, height) == preset.size else other)
    if canvas is None:
        add("min_side", min(width, height), preset.min_side, _passed(min(width, height) >= preset.min_side))
    add("format", file.format, list(preset.formats), _passed(file.format in preset.formats))
    if preset.max_bytes is not None and canvas is None:
        add("bytes", file.weight, preset.max_bytes, _passed(file.weight <= preset.max_bytes))
    profile = _profile_name(file.icc)
    add("colour_profile", profile, "sRGB", _passed(profile is not None and "sRGB" in profile))
    add("camera_metadata", len(file.exif_tags), 0, _passed(not file.exif_tags))
    tall, wide = laid.alpha.shape
    for rule in placement_rules(preset, laid.box, laid.scale, wide, tall, touches=touches):
        add(rule.name, rule.measured, rule.bound, rule.status)
    if preset.background == "white":
        for white, share in _white_shares(file.rgb, placed.alpha, background).items():
            status: Status = "pass" if share == 1.0 else "warn" if share >= _NEARLY_WHITE else "fail"
            # rounded down, so that a share below 1 never reads as 1
            add(white, math.floor(share * 1e6) / 1e6, 1.0, status)
        lowest_white, darkest = _darkest(file.rgb, placed.alpha, background)
        seen: Status = "pass" if lowest_white >= SEEN_AS_WHITE else "warn" if lowest_white >= _GREY else "fail"
        add("white_edge", lowest_white, SEEN_AS_WHITE, seen)
        if preset.shadow:
            add("shadow", darkest, "soft", "pass")
        else:
            add("shadow", darkest, 255, _passed(darkest == 255))
    mark = file.digital_source_type
    add("ai_marking", mark, preset.digital_source_type, _passed(mark == preset.digital_source_type))
    if issuer is not None:
        add("content_credentials", file.issuer, issuer, _passed(file.issuer == issuer))
    measured = {row.rule for row in rows} | (_OF_THE_FILE if canvas else set())
    for listed in preset.rules:
        if listed.name not in measured:
            add(listed.name, None, listed.text, "unchecked")
    return rows


def _passed(holds: bool) -> Status:
    return "pass" if holds else "fail"


def _profile_name(icc: bytes | None) -> str | None:
    if not icc:
        return None
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(icc))).strip()
    except (ImageCms.PyCMSError, OSError):
        return "unreadable"


def _white_shares(
    rgb: NDArray[np.uint8], alpha: NDArray[np.float32], background: NDArray[np.float32] | None
) -> dict[str, float]:
    """Return the share of pixels that are exactly 255, 255, 255 in the border and in the whole clean background.

    Clean is all outside the 16-pixel blocks that contain product or shadow.
    """
    # channel by channel, because NumPy is slow at reducing a last axis of three
    white = (rgb[..., 0] == 255) & (rgb[..., 1] == 255) & (rgb[..., 2] == 255)
    clean = ~_near_blocks((alpha > 0.0) | _shaded(background, alpha))
    height, width = white.shape
    band = max(1, round(0.01 * min(height, width)))
    border = np.ones_like(white)
    border[band : height - band, band : width - band] = False
    # the border must be white even under a shadow: a picture must melt into a white page
    border &= ~_near_blocks(alpha > 0.0)
    return {
        "white_border": float(white[border].mean()) if border.any() else 0.0,
        "white_background": float(white[clean].mean()) if clean.any() else 0.0,
    }


def _darkest(
    rgb: NDArray[np.uint8], alpha: NDArray[np.float32], background: NDArray[np.float32] | None
) -> tuple[int, int]:
    """Return the lowest code of pure white in blocks that the product touches, and of all other background.

    The first shows how far the encoder's blocks spread the product's edge. The second includes the shadow.
    """
    near = _near_blocks(alpha > 0.0)
    beside = near & (alpha <= 0.0) & ~_shaded(background, alpha)
    return (int(rgb[beside].min()) if beside.any() else 255), (int(rgb[~near].min()) if not near.all() else 255)


def _shaded(background: NDArray[np.float32] | None, alpha: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return H×W: True where the picture behind the product is not pure white."""
    if background is None:
        return np.zeros(alpha.shape, bool)
    return (background[..., 0] < 1) | (background[..., 1] < 1) | (background[..., 2] < 1)


def _near_blocks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grow a mask to the 16-pixel blocks that it touches."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % _BLOCK), (0, -width % _BLOCK)))
    rows, columns = padded.shape[0] // _BLOCK, padded.shape[1] // _BLOCK
    blocks = padded.reshape(rows, _BLOCK, columns, _BLOCK).any(axis=(1, 3))
    return blocks.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[:height, :width]
