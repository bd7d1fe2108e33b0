"""The finished picture to a file that its place of publication takes."""

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

#: From this JPEG, WebP or AVIF quality on, colour is kept at full resolution (4:4:4): coloured product edges bleed
#: at 4:2:0. Below it the bytes are better spent on luminance.
_FULL_CHROMA_FROM = 85
#: Qualities tried above a preset's start while the product's colours don't arrive.
_FINER = (95, 97, 98, 99, 100)
#: The dither's noise is the same in every file, so that one seed gives one file.
_DITHER_SEED = 0x64697468
#: Values of noise that are drawn once a process: each row of a picture takes its own part of them.
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
) -> Encoded:
    """Encode a picture as `preset.formats[0]`, with an sRGB profile and the AI marking but no other metadata.

    `image` is H×W×3 float32 sRGB in [0, 1], or H×W×4 with straight alpha last. `alpha` is the product's H×W coverage:
    where it is 1 nothing is dithered, and the quality rises from `preset.quality`'s start until the product's colours
    arrive (`pipeline.delivery.fidelity`: MEAN, P99), and the white beside it. A file heavier than `preset.max_bytes`
    less `reserve`, which is left for what is put into the file later, gets the highest quality that fits; one that is
    too heavy even at the floor is delivered at the floor, for the report to say so. Transparent presets are lossless.
    `beside` is measured on what each file shows that is judged, beside the judging. `meanwhile` is called while the
    first file is written and read, which keep one core.

    Raises ValueError where the image has not the preset's size, or alpha in a format without it.
    """
    height, width, channels = image.shape
    if preset.size is not None and (width, height) != preset.size:
        raise ValueError(f"The image is {width}x{height}, the preset {preset.name} asks for {preset.size}.")
    form = preset.formats[0]
    if channels == 4 and form == "jpeg":
        raise ValueError(f"The preset {preset.name} delivers JPEG, which has no alpha.")
    codes = to_8_bit(image, None if alpha is None else alpha >= 1.0, padded=form == "jpeg")
    # Pillow's JPEG encoder takes these as they are; it would copy pixels of three bytes
    picture = Image.frombuffer("RGBX", (width, height), codes, "raw", "RGBX", 0, 1) if form == "jpeg" else None
    picture = picture or Image.fromarray(codes)
    judge, quality = Judge(image, codes, alpha, beside), None
    if form == "png":
        data, _ = together(lambda: _png(picture, preset), meanwhile)
    elif form == "webp" and preset.background == "transparent":
        # exact keeps the colours under alpha 0, which soft edges are filtered from when a page scales the picture
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

    `padded`: H×W×4 for three channels, as Pillow has them in memory; the fourth means nothing.

    The noise is the sum of two uniform ones, ±1 code in all (TPDF; Lipshitz, Wannamaker and Vanderkooy 1992, who show
    that it decorrelates the error's mean and variance from the signal). Values ≥ 1 and ≤ 0 stay exactly 255 and 0,
    exact codes stay what they are only on average. Pixels of the H×W mask `keep` are rounded, so that a photo's own
    codes come out as they went in; so is alpha (a fourth channel), and all of a picture that has one.
    """
    height, width, channels = image.shape
    codes = np.empty((height, width, 4 if padded else channels), np.uint8)
    noise = None if channels == 4 else _noise()
    places = np.random.default_rng(_DITHER_SEED).integers(_NOISE - 3 * width, size=height)

    def work(top: int, bottom: int) -> None:
        block = np.ascontiguousarray(image[top:bottom], np.float32)
        if noise is None:
            # the cut-out product alone: there is no painted gradient to band
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
    """Return the file and its quality: `data` at the start's, a finer one where it must be, a coarser one where it is
    heavy."""
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
                # baseline, not progressive: some marketplaces' importers take nothing else
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
        # the keyword of XMP specification part 3, section 1.1.5; uncompressed, as it asks
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
    """Open an empty file in memory: one with a descriptor, where the system has such.

    Pillow's JPEG encoder holds the interpreter's lock while it fills a Python object, and not while it writes to a
    descriptor.
    """
    if sys.platform != "linux":
        return BytesIO()
    return os.fdopen(os.memfd_create("picture"), "w+b", buffering=0)
