"""A file's suffix and the format of the picture in it."""

from pathlib import Path

from backdrop_client.errors import SuffixInvalid

_FORMATS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp", ".avif": "avif"}


def format_for(path: str | Path, form: str | None = None) -> str | None:
    """Return the format of a picture in a file of that name: by its suffix, or `form` where it has none.

    Raises SuffixInvalid for a suffix that names no format, or another one than `form`.
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
            f"{path.name!r} is a name for {named}, and the format is {form!r}. Call the file {other!r}."
        )
    return named


def _suffixes(form: str) -> list[str]:
    return [suffix for suffix, named in _FORMATS.items() if named == form] or [f".{form}"]
