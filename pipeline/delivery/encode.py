"""Encode the finished picture as a file that its place of publication accepts."""

import os
import sys
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from pipeline.colour.spaces import srgb_profile
from pipeline.core.lasting import lasting
from pipeline.core.parallel import by_rows, together
from pipeline.core.provenance import xmp_packet
from pipeline.core.spec import Preset
from pipeline.core.types import Alpha, Encoded, Rgb, Rgb8
from pipeline.delivery.fidelity import Judge
from pipeline.kernels.colour.codes import NOISE_STEPS, dither

#: From this JPEG, WebP or AVIF quality on, colour keeps its full resolution (4:4:4), because coloured product edges
#: bleed at 4:2:0. Below it, bytes improve luminance more.
_FULL_CHROMA_FROM = 85
#: Qualities above a preset's start, tried while the file does not keep the product's colours.
_FINER = (95, 97, 98, 99, 100)
#: The dither's noise is the same for every file, so that a seed always gives the same file.
_DITHER_SEED = 0x64697468
#: Number of noise values drawn once per process: each row of a picture uses its own part of them.
_NOISE = 1 << 22
#: 0 slow to 10 fast (libavif). Measured against the default 6 at 1920×1080 and 1080×1920: a fifth of the time, sizes
#: from 6 % smaller to 17 % larger.
_AVIF_SPEED = 8

_CONTENT_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif"}


def encode(
    image: Rgb,
    preset: Preset,
    *,
    alpha: Alpha | None = None,
    reserve: int = 0,
    beside: Callable[[Rgb8], Any] | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    flat: NDArray[np.float32] | None = None,
    mark: Callable[[NDArray[np.uint8]], None] | None = None,
) -> Encoded:
    """Encode a picture as `preset.formats[0]`, with an sRGB profile and the AI marking but no other metadata.

    `image` is H×W×3 float32 sRGB in [0, 1], or H×W×4 with straight alpha last.
    `alpha` is the product's H×W coverage. Where it is 1, nothing is dithered. The quality starts at `preset.quality`.
    It rises until the file keeps the product's colours (`pipeline.delivery.fidelity`: MEAN, P99) and the white near it.
    `reserve` bytes are left for later additions to the file. A file above `preset.max_bytes` less `reserve` gets the
    highest quality that fits. If even the floor is too heavy, it is delivered at the floor, and the report says so.
    `beside` is computed on each judged file's pixels, in parallel with the judging. `meanwhile` runs while the first
    file is written and read, which occupies one core.
    `flat` is the (3,) colour of a flat background: where the picture has exactly it, nothing is dithered.
    `mark` may change the H×W×3 or H×W×4 codes, in place, before they are written.
    Transparent presets are lossless.

    Raises ValueError where the image has not the preset's size, or has alpha in a format without it.
    """
    height, width, channels = image.shape
    if preset.size is not None and (width, height) != preset.size:
        raise ValueError(f"The image is {width}x{height}, but preset {preset.name} needs {preset.size}. Resize it.")
    form = preset.formats[0]
    if channels == 4 and form == "jpeg":
        raise ValueError(f"Preset {preset.name} delivers JPEG, which has no alpha. Pass an image of 3 channels.")
    keep = None if alpha is None else alpha >= 1.0
    if flat is not None and channels == 3 and flat.min() < 1:
        same = (image[..., 0] == flat[0]) & (image[..., 1] == flat[1]) & (image[..., 2] == flat[2])
        keep = same if keep is None else keep | same
    codes = to_8_bit(image, keep, padded=form == "jpeg")
    if mark is not None:
        mark(codes)
    # Pillow's JPEG encoder uses four-byte pixels in place, but copies three-byte pixels
    picture = Image.frombuffer("RGBX", (width, height), codes, "raw", "RGBX", 0, 1) if form == "jpeg" else None
    picture = picture or Image.fromarray(codes)
    judge, quality = Judge(image, codes, alpha, beside), None
    if form == "png":
        data, _ = together(lambda: _png(picture, preset), meanwhile)
    elif form == "webp" and preset.background == "transparent":
        # exact keeps the colours under alpha 0: a page that scales the picture filters soft edges with them
        data, _ = together(lambda: _write(picture, preset, lossless=True, exact=True), meanwhile)
    else:
        limit = None if preset.max_bytes is None else preset.max_bytes - reserve
        write = _lossy(picture, preset)

        def first() -> bytes:
            file = write(preset.quality[0])
            if limit is None or len(file) <= limit:
                judge.read(file)
            return file

        def others() -> None:
            judge.prepare()
            meanwhile()

        data, _ = together(first, others)
        data, quality = _best(data, write, preset, limit, judge.keeps)
    return Encoded(
        data=data,
        format=form,
        content_type=_CONTENT_TYPES[form],
        width=width,
        height=height,
        quality=quality,
        judged=judge.judged(data),
    )


def to_8_bit(image: Rgb, keep: NDArray[np.bool_] | None = None, *, padded: bool = False) -> NDArray[np.uint8]:
    """Quantise H×W×C in [0, 1] to uint8 codes with triangular dither, so that smooth gradients do not band.

    `padded`: H×W×4 for three channels, Pillow's memory layout; the fourth is unused.

    The noise is the sum of two uniform noises, ±1 code in all (TPDF). It decorrelates the error's mean and variance
    from the signal (Lipshitz, Wannamaker and Vanderkooy 1992). Values ≥ 1 and ≤ 0 stay exactly 255 and 0. Exact codes
    between them are kept only on average. Pixels of the H×W mask `keep` are rounded, so that a photo's own codes stay
    the same. In a picture with alpha (a fourth channel), all values are rounded.
    """
    height, width, channels = image.shape
    codes = np.empty((height, width, 4 if padded else channels), np.uint8)
    noise = None if channels == 4 else _noise()
    places = np.random.default_rng(_DITHER_SEED).integers(_NOISE - 3 * width, size=height)

    def work(top: int, bottom: int) -> None:
        block = np.ascontiguousarray(image[top:bottom], np.float32)
        if noise is None:
            # only the cut-out product: it has no painted gradient that could band
            codes[top:bottom] = np.rint(np.clip(block, 0.0, 1.0) * np.float32(255.0))
            return
        kept = np.zeros(block.shape[:2], bool) if keep is None else np.ascontiguousarray(keep[top:bottom])
        dither(block, kept, noise, places[top:bottom], codes[top:bottom])

    by_rows(height, work)
    return codes


@cache
def _noise() -> NDArray[np.int8]:
    """Return differences of two uniform numbers, triangular in ±1 code, in steps of 1 / NOISE_STEPS."""
    drawn = np.random.default_rng(_DITHER_SEED).integers(NOISE_STEPS, size=(2, _NOISE), dtype=np.int8)
    out = lasting((_NOISE,), np.int8)
    np.subtract(drawn[0], drawn[1], out=out)
    return out


def _best(
    data: bytes, write: Callable[[int], bytes], preset: Preset, limit: int | None, kept: Callable[[bytes], bool]
) -> tuple[bytes, int]:
    """Return the best file and its quality: `data`, a finer file to keep the colours, or a coarser file to meet the
    limit."""
    start, floor = preset.quality
    if limit is not None and len(data) > limit:
        return _lightest_fit(write, start, floor, limit)
    quality = start
    for finer in (step for step in _FINER if step > start):
        if kept(data):
            break
        heavier = write(finer)
        if limit is not None and len(heavier) > limit:
            break
        data, quality = heavier, finer
    return data, quality


def _lightest_fit(write: Callable[[int], bytes], start: int, floor: int, limit: int) -> tuple[bytes, int]:
    """Return the file of the highest quality below `start` that fits, by bisection: bytes grow with quality."""
    best, best_quality = write(floor), floor
    if len(best) > limit:
        return best, floor
    low, high = floor, start
    while high - low > 1:
        middle = (low + high) // 2
        data = write(middle)
        if len(data) <= limit:
            best, best_quality, low = data, middle, middle
        else:
            high = middle
    return best, best_quality


def _lossy(picture: Image.Image, preset: Preset) -> Callable[[int], bytes]:
    def write(quality: int) -> bytes:
        full = quality >= _FULL_CHROMA_FROM
        match preset.formats[0]:
            case "jpeg":
                # baseline, not progressive: some marketplaces' importers accept nothing else
                return _write(picture, preset, quality=quality, subsampling=0 if full else 2, optimize=True)
            case "webp":
                # lossy WebP is 4:2:0 always; method 4 of 6 is libwebp's own default
                return _write(picture, preset, quality=quality, method=4, alpha_quality=100)
            case _:
                chroma = "4:4:4" if full else "4:2:0"
                return _write(picture, preset, quality=quality, subsampling=chroma, speed=_AVIF_SPEED)

    return write


def _png(picture: Image.Image, preset: Preset) -> bytes:
    info = PngImagePlugin.PngInfo()
    if preset.digital_source_type is not None:
        # keyword of XMP specification part 3, section 1.1.5, which also requires it to be uncompressed
        info.add_itxt("XML:com.adobe.xmp", xmp_packet(preset.digital_source_type).decode())
    stream = BytesIO()
    picture.save(stream, "PNG", pnginfo=info, icc_profile=srgb_profile())
    return stream.getvalue()


def _write(picture: Image.Image, preset: Preset, **options: Any) -> bytes:
    if preset.digital_source_type is not None:
        options["xmp"] = xmp_packet(preset.digital_source_type)
    with _memory_file() as file:
        picture.save(file, preset.formats[0].upper(), icc_profile=srgb_profile(), **options)
        file.seek(0)
        return file.read()


def _memory_file() -> IO[bytes]:
    """Open an empty file in memory, with a descriptor where the system supports it.

    Pillow's JPEG encoder keeps the interpreter's lock while it fills a Python object, but releases it while it writes
    to a descriptor.
    """
    if sys.platform != "linux":
        return BytesIO()
    return os.fdopen(os.memfd_create("picture"), "w+b", buffering=0)
