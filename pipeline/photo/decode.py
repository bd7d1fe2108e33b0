"""Decode a photo's bytes to upright sRGB pixels. The file's claims are never trusted: name, size or profile."""

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
from pipeline.core.lasting import give_back_memory
from pipeline.core.provenance import read_digital_source_type
from pipeline.core.spec import Limits
from pipeline.core.types import Alpha, Photo
from pipeline.photo.bombs import EXIF_BYTES, reject_decompression_bombs
from pipeline.photo.coded_colour import profile_of
from pipeline.photo.container import ACCEPTED, canvas_size, is_cut_short, jpeg_has_all_blocks, png_has_all_rows, sniff

#: Pixels of a photo that needs more memory than a swap leaves ready; what is ready goes back to the system before.
LARGE = 16_000_000


def decode(data: bytes, limits: Limits) -> Photo:
    """Decode JPEG, PNG, WebP, AVIF, HEIC, TIFF or MPO bytes, detected by content, to a `Photo`.

    The result is H×W×3 uint8 sRGB. EXIF orientation is applied, or a HEIC's own rotation instead. The embedded ICC
    profile or named colours are converted; a broken profile counts as sRGB. Of several frames, the first or the main
    one is decoded. 16-bit samples keep their upper 8 bits, 10-bit samples are rounded. `alpha` is H×W float32 in 0–1,
    or None where every pixel is opaque.

    Raises ImageTooLarge (bytes, or pixels by the header, before any are decoded), ImageTooSmall, ImageTruncated,
    PhotoDamaged, ImageUnreadable, and OutOfMemory where the picture exceeds the machine's memory. Raises no other
    error.
    """
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"The photo's file has {len(data) / 2**20:.1f} MiB, but the limit is {limits.max_bytes / 2**20:.0f} MiB."
            " Send a smaller file."
        )
    kind = sniff(data)
    try:
        reject_decompression_bombs(data, kind, limits)
        _check_size(canvas_size(data, kind), limits)
        with _open(data, kind) as picture:
            _check_size(picture.size, limits)
            if picture.width * picture.height > LARGE:
                give_back_memory()
            # load() applies TIFF's orientation; other formats need it applied below
            picture.load()
            if kind == "png" and _ends_empty(picture) and not png_has_all_rows(data):
                raise ImageTruncated("The photo's last rows are missing. Upload the whole file again.")
            if kind == "jpeg" and _ends_grey(picture) and not jpeg_has_all_blocks(data):
                raise PhotoDamaged(
                    "The photo is damaged: it has fewer pixels than its header says. Export it again, or upload the"
                    " whole file again."
                )
            return _photo(picture, "mpo" if picture.format == "MPO" else kind, limits)
    except Rejected:
        raise
    except MemoryError as error:
        raise OutOfMemory("This photo needs more memory than the worker has. Send a smaller photo.") from error
    except Exception as error:
        # Pillow's plugins raise a dozen types on hostile bytes
        if is_cut_short(data, kind):
            raise ImageTruncated("The photo ends before its pixels do. Upload the whole file again.") from error
        raise ImageUnreadable(
            f"The photo starts like a {kind.upper()} file but can't be decoded. Save it again as {ACCEPTED}."
        ) from error


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    """Open a file by its header, with Pillow's plugin for its format.

    Image.open would also try other formats. Its guard against bombs has one limit and one warning per process.
    """
    stream = BytesIO(data)
    match kind:
        case "jpeg":
            # the factory returns an MpoImageFile where a second picture follows
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
    """Open a HEIC by its header. libheif rotates the pixels itself, by the file's own property.

    EXIF repeats that rotation, and the standard has readers ignore it (ISO/IEC 23008-12, annex A.4).
    """
    try:
        import pi_heif
    except ImportError as error:
        raise ImageUnreadable(
            "The photo is HEIC, which this installation can't read. Save it as JPEG, or ask the operator to run"
            " `pip install 'backdrop[heic]'` where the worker runs."
        ) from error
    # One thread, as for every decoder here; only the main picture is read.
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
            f"The photo has {width} by {height} pixels, but the limit is {limits.max_pixels / 1e6:g} megapixels. Send"
            " a smaller photo."
        )
    if min(width, height) < limits.min_side:
        raise ImageTooSmall(
            f"The photo has {width} by {height} pixels, but each side needs at least {limits.min_side}. Send a larger"
            " photo."
        )


def _photo(picture: ImageFile.ImageFile, kind: str, limits: Limits) -> Photo:
    upright = _upright(picture)
    # the pixels may have another size than the header named
    _check_size(upright.size, limits)
    colour, alpha = _split_alpha(upright)
    rgb = codes_of(_to_srgb(colour, picture.info.get("icc_profile")))
    xmp = picture.info.get("xmp")
    mark = read_digital_source_type(xmp) if isinstance(xmp, bytes | str) else None
    return Photo(rgb=rgb, alpha=alpha, format=kind, digital_source_type=mark)


def _ends_empty(picture: Image.Image) -> bool:
    """Return whether the bottom row is all zeros, as rows that were never written are."""
    width, height = picture.size
    return picture.crop((0, height - 1, width, height)).getbbox(alpha_only=False) is None


def _ends_grey(picture: Image.Image) -> bool:
    """Return whether the last pixel is the grey of JPEG blocks that were never decoded: 127 or 128 in each channel."""
    last = picture.getpixel((picture.width - 1, picture.height - 1))
    return all(value in (127, 128) for value in (last if isinstance(last, tuple) else (last,)))


#: The operation that undoes each EXIF orientation but 1.
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
    # ImageOps.exif_transpose would rewrite the EXIF, and fail where some other part of it is broken
    return picture if turn is None else picture.transpose(turn)


def _split_alpha(picture: Image.Image) -> tuple[Image.Image, Alpha | None]:
    """Return the colours as mode L, RGB, CMYK, LAB or YCbCr, and the alpha, None where all pixels are opaque."""
    alpha: Alpha | None = None
    transparent = picture.info.get("transparency")
    if picture.mode.startswith("I;16"):
        codes = np.asarray(picture, dtype=np.uint16)
        if isinstance(transparent, int):
            alpha = (codes != transparent).astype(np.float32)
        picture = Image.fromarray((codes >> 8).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise ImageUnreadable("The photo has 32-bit samples, which are not supported. Save it with 8 or 16 bits.")
    elif picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or transparent is not None:
        straight = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        alpha = np.asarray(straight.getchannel("A"), dtype=np.float32) / np.float32(255.0)
        picture = straight.convert("L" if picture.mode in ("LA", "L", "1") else "RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in ("L", "RGB", "CMYK", "LAB", "YCbCr"):
        picture = picture.convert("RGB")
    return picture, alpha if alpha is not None and float(alpha.min()) < 1.0 else None


#: A profile may contain any number of steps (ICC.1, multiProcessElementsType): 40 MB of them take minutes.
_CHAIN_BYTES = 32 * 1024


def _to_srgb(picture: Image.Image, icc: object) -> Image.Image:
    """Convert to RGB through the embedded profile; without a usable profile the numbers count as sRGB already.

    The intent is relative colorimetric with black point compensation, so that colours inside sRGB stay the same.
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
    """Return whether a transform moves no code of a 16³ grid by more than 1, as many variants of sRGB profiles do.

    Such photos keep their own bytes, without rounding.
    """
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform), dtype=np.int16)
    return int(np.abs(moved - grid).max()) <= 1
