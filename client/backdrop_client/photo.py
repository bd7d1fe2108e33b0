"""Files of the caller: photos to upload, typed by their bytes, and pictures to write, typed by their suffix."""

from pathlib import Path
from typing import BinaryIO

from backdrop_client.errors import PhotoUnknown, SuffixInvalid

#: A path, the file's bytes, or a file opened for reading in binary.
Photo = str | Path | bytes | BinaryIO

_FORMATS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp", ".avif": "avif"}
_AVIF = {b"avif", b"avis"}
_HEIC = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}


def read_photo(photo: Photo) -> bytes:
    """Return a photo's bytes. Raises OSError."""
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, str | Path):
        return Path(photo).read_bytes()
    return photo.read()


def content_type(data: bytes) -> str:
    """Return the content type of a photo, by its first bytes. Raises PhotoUnknown."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:4] in {b"II*\x00", b"MM\x00*"}:
        return "image/tiff"
    if data[4:8] == b"ftyp":
        # The box has the major brand, then a version, then the compatible brands.
        size = min(int.from_bytes(data[:4], "big"), 256)
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))}
        if brands & _AVIF:
            return "image/avif"
        if brands & _HEIC:
            return "image/heic"
    if not data:
        raise PhotoUnknown("The photo is empty. Check the file.")
    raise PhotoUnknown("The file's format is not supported. Use JPEG, PNG, WebP, AVIF, HEIC or TIFF.")


def format_for(path: str | Path, form: str | None = None) -> str | None:
    """Return the format of a picture file: by its suffix, or `form` if it has none.

    Raises SuffixInvalid if the suffix belongs to no format, or to another format than `form`.
    """
    path = Path(path)
    if not path.suffix:
        return form
    named = _FORMATS.get(path.suffix.lower())
    if named is None:
        allowed = ", ".join(_FORMATS if form is None else _suffixes(form))
        raise SuffixInvalid(f"{path.name!r} ends in {path.suffix!r}. Use {allowed}, or no suffix at all.")
    if form not in {None, named}:
        other = path.with_suffix(_suffixes(str(form))[0]).name
        raise SuffixInvalid(
            f"{path.name!r} is a name for {named}, but the format is {form!r}. Call the file {other!r}."
        )
    return named


def _suffixes(form: str) -> list[str]:
    return [suffix for suffix, named in _FORMATS.items() if named == form] or [f".{form}"]
