"""A photo's bytes to upright sRGB pixels. What the file claims is never trusted: not its name, size or profile."""

from io import BytesIO

import numpy as np
from PIL import (
    AvifImagePlugin,
    ExifTags,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from pipeline.colour.spaces import srgb_profile
from pipeline.core.codes import codes_of
from pipeline.core.errors import (
    ImageTooLarge,
    ImageTooSmall,
    ImageTruncated,
    ImageUnreadable,
    OutOfMemory,
    PhotoDamaged,
    Rejected,
)
from pipeline.core.provenance import read_digital_source_type
from pipeline.core.spec import Limits
from pipeline.core.types import Alpha, Photo
from pipeline.photo.bombs import EXIF_BYTES, reject_decompression_bombs
from pipeline.photo.coded_colour import profile_of
from pipeline.photo.container import ACCEPTED, canvas_size, is_cut_short, jpeg_has_all_blocks, png_has_all_rows, sniff


def decode(data: bytes, limits: Limits) -> Photo:
    """Decode JPEG, PNG, WebP, AVIF, HEIC, TIFF or MPO bytes, told by content, to a `Photo`.

    The answer is H×W×3 uint8 sRGB, EXIF orientation applied (HEIC's own turn instead), the embedded ICC profile or
    named colours converted (a broken one counts as sRGB); of several frames the first, or the main one. 16-bit samples
    keep their upper 8 bits, those of 10 are rounded. `alpha` is H×W float32 in 0–1, or
    None where every pixel is opaque.

    Raises ImageTooLarge (bytes, or pixels by the header, before any are decoded), ImageTooSmall, ImageTruncated,
    PhotoDamaged or ImageUnreadable, and OutOfMemory where the machine can't hold the picture; nothing else.
    """
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"The photo weighs {len(data) / 2**20:.1f} MiB; {limits.max_bytes / 2**20:.0f} MiB is the most."
        )
    kind = sniff(data)
    try:
        reject_decompression_bombs(data, kind, limits)
        _check_size(canvas_size(data, kind), limits)
        with _open(data, kind) as picture:
            _check_size(picture.size, limits)
            # TIFF's orientation is applied by load(), the others' is still to do
            picture.load()
            if kind == "png" and _ends_empty(picture) and not png_has_all_rows(data):
                raise ImageTruncated("The photo's last rows are missing; upload the whole file again.")
            if kind == "jpeg" and _ends_grey(picture) and not jpeg_has_all_blocks(data):
                raise PhotoDamaged(
                    "The photo has fewer pixels than its header says: the file is damaged. Export it again, or upload"
                    " the whole file."
                )
            return _photo(picture, "mpo" if picture.format == "MPO" else kind, limits)
    except Rejected:
        raise
    except MemoryError as error:
        raise OutOfMemory("This photo needs more memory than the worker has; send a smaller one.") from error
    except Exception as error:
        # Pillow's plugins raise a dozen types on hostile bytes
        if is_cut_short(data, kind):
            raise ImageTruncated("The photo ends before its pixels do; upload the whole file again.") from error
        raise ImageUnreadable(
            f"The photo starts like a {kind.upper()} file but can't be decoded; save it again as {ACCEPTED}."
        ) from error


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    """Read the header only. Pillow's plugins are called directly.

    Image.open would try other formats too, and guards against bombs by one limit and one warning for the process.
    """
    stream = BytesIO(data)
    match kind:
        case "jpeg":
            # the factory answers an MpoImageFile where a second picture follows
            return JpegImagePlugin.jpeg_factory(stream)
        case "png":
            return PngImagePlugin.PngImageFile(stream)
        case "webp":
            return WebPImagePlugin.WebPImageFile(stream)
        case "avif":
            return AvifImagePlugin.AvifImageFile(stream)
        case "heic":
            return _open_heic(stream)
        case _:
            return TiffImagePlugin.TiffImageFile(stream)


def _open_heic(stream: BytesIO) -> ImageFile.ImageFile:
    """Read the header of a HEIC. libheif turns the pixels itself, as the file's own property says.

    EXIF tells that turn once more, and the standard has readers pass it over (ISO/IEC 23008-12, annex A.4).
    """
    try:
        import pi_heif
    except ImportError as error:
        raise ImageUnreadable(
            "The photo is HEIC, which this installation does not read: save it as JPEG, or have the operator install"
            " `pip install 'backdrop[heic]'` where the worker runs."
        ) from error
    # One thread, as every decoder here has; nothing but the picture is looked at.
    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    picture: ImageFile.ImageFile = pi_heif.HeifImageFile(stream)
    picture.info.pop("exif", None)
    named = picture.info.get("nclx_profile")
    if named and not picture.info.get("icc_profile"):
        points = [
            (named[f"color_primary_{name}_x"], named[f"color_primary_{name}_y"])
            for name in ("red", "green", "blue", "white")
        ]
        picture.info["icc_profile"] = profile_of(points, int(named["transfer_characteristics"]))
    return picture


def _check_size(size: tuple[int, int] | None, limits: Limits) -> None:
    if size is None:
        return
    width, height = size
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"The photo has {width} by {height} pixels; {limits.max_pixels / 1e6:g} megapixels is the most."
        )
    if min(width, height) < limits.min_side:
        raise ImageTooSmall(f"The photo has {width} by {height} pixels; each side needs {limits.min_side} or more.")


def _photo(picture: ImageFile.ImageFile, kind: str, limits: Limits) -> Photo:
    upright = _upright(picture)
    # the header may have named another size than the pixels turned out to have
    _check_size(upright.size, limits)
    colour, alpha = _split_alpha(upright)
    rgb = codes_of(_to_srgb(colour, picture.info.get("icc_profile")))
    xmp = picture.info.get("xmp")
    mark = read_digital_source_type(xmp) if isinstance(xmp, bytes | str) else None
    return Photo(rgb=rgb, alpha=alpha, format=kind, digital_source_type=mark)


def _ends_empty(picture: Image.Image) -> bool:
    """Whether the bottom row is all zeros, as rows that were never written are."""
    width, height = picture.size
    return picture.crop((0, height - 1, width, height)).getbbox(alpha_only=False) is None


def _ends_grey(picture: Image.Image) -> bool:
    """Whether the last pixel is the grey, of each channel 127 or 128, of blocks that a JPEG's decoder was not given."""
    last = picture.getpixel((picture.width - 1, picture.height - 1))
    return all(value in (127, 128) for value in (last if isinstance(last, tuple) else (last,)))


#: What undoes each EXIF orientation but 1.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(picture: Image.Image) -> Image.Image:
    if len(picture.info.get("Raw profile type exif", "")) > 2 * EXIF_BYTES:  # hexadecimal, in a PNG's text
        return picture
    try:
        turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken EXIF raises anything, and costs the photo no more than its turn
        return picture
    # ImageOps.exif_transpose would write the EXIF anew, and fail where some other part of it is broken
    return picture if turn is None else picture.transpose(turn)


def _split_alpha(picture: Image.Image) -> tuple[Image.Image, Alpha | None]:
    """Return the colours as mode L, RGB, CMYK, LAB or YCbCr and the alpha, None where all is opaque."""
    alpha: Alpha | None = None
    transparent = picture.info.get("transparency")
    if picture.mode.startswith("I;16"):
        codes = np.asarray(picture, dtype=np.uint16)
        if isinstance(transparent, int):
            alpha = (codes != transparent).astype(np.float32)
        picture = Image.fromarray((codes >> 8).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise ImageUnreadable("The photo has 32-bit samples; save it with 8 or 16 bits.")
    elif picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or transparent is not None:
        straight = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        alpha = np.asarray(straight.getchannel("A"), dtype=np.float32) / np.float32(255.0)
        picture = straight.convert("L" if picture.mode in ("LA", "L", "1") else "RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in ("L", "RGB", "CMYK", "LAB", "YCbCr"):
        picture = picture.convert("RGB")
    return picture, alpha if alpha is not None and float(alpha.min()) < 1.0 else None


#: A profile may hold a chain of any number of steps (ICC.1, multiProcessElementsType): 40 MB of them take minutes.
_CHAIN_BYTES = 32 * 1024


def _to_srgb(picture: Image.Image, icc: object) -> Image.Image:
    """Convert to RGB through the embedded profile; without a usable one the numbers count as sRGB already.

    Relative colorimetric with black point compensation, so that colours inside sRGB stay what they are.
    """
    if isinstance(icc, bytes) and icc and not (b"mpet" in icc and len(icc) > _CHAIN_BYTES):
        try:
            transform = ImageCms.buildTransform(
                ImageCms.ImageCmsProfile(BytesIO(icc)),
                ImageCms.ImageCmsProfile(BytesIO(srgb_profile())),
                picture.mode,
                "RGB",
                ImageCms.Intent.RELATIVE_COLORIMETRIC,
                ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if picture.mode == "RGB" and _is_identity(transform):
                return picture
            converted = ImageCms.applyTransform(picture, transform)
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        if converted is not None:
            return converted
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform moves no code of a 16³ grid by more than 1: the many spellings of sRGB.

    Such photos keep their own bytes, free of rounding.
    """
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform), dtype=np.int16)
    return int(np.abs(moved - grid).max()) <= 1
