"""The photos of a batch: the files in the folder, identified by name and content."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from backdrop_client import PhotoUnknown
from backdrop_client.photo import content_type
from service.batch.state import Failure

#: Extensions of pictures. A file with one of them that is not a photo counts as a failure, and is not skipped.
_PICTURES = {
    *(".jpg", ".jpeg", ".jpe", ".png", ".webp", ".avif", ".tif", ".tiff"),
    *(".heic", ".heif", ".gif", ".bmp", ".jxl", ".jp2"),
}
_HEAD = 256


@dataclass(frozen=True)
class Photo:
    """A photo of the folder. Its content identifies it: a changed file is another photo."""

    #: Path from the folder, with `/`.
    name: str
    path: Path
    #: Of its bytes. Empty if the file can't be used.
    sha256: str = ""
    #: Why the file can't be used.
    trouble: str | None = None


def find_photos(folder: Path, *, but: Path) -> tuple[list[Photo], list[str]]:
    """Return the photos of a folder and its subfolders, and the names of skipped files. Both are sorted by name.

    Leaves out hidden files, hidden folders and `but`.
    """
    photos, skipped = list[Photo](), list[str]()
    for root, folders, files in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() != but.resolve()
        )
        for file in sorted(files):
            path = here / file
            if file.startswith("."):
                continue
            name = path.relative_to(folder).as_posix()
            photo = _look(name, path)
            if photo is None:
                skipped.append(name)
            else:
                photos.append(photo)
    return sorted(photos, key=lambda photo: photo.name), skipped


def read_unchanged(photo: Photo) -> bytes:
    """Return a photo's bytes. Raises Failure if they have changed since the batch began."""
    try:
        data = photo.path.read_bytes()
    except OSError as error:
        raise Failure("photo_unreadable", f"The file can't be read: {error.strerror}.") from error
    if hashlib.sha256(data).hexdigest() != photo.sha256:
        raise Failure("photo_changed", "The file has changed since the batch began. Run the same command again.")
    return data


def _look(name: str, path: Path) -> Photo | None:
    meant = path.suffix.lower() in _PICTURES
    try:
        with path.open("rb") as file:
            content_type(file.read(_HEAD))
            file.seek(0)
            return Photo(name, path, hashlib.file_digest(file, "sha256").hexdigest())
    except PhotoUnknown as error:
        return Photo(name, path, trouble=str(error)) if meant else None
    except OSError as error:
        return Photo(name, path, trouble=f"The file can't be read: {error.strerror}.") if meant else None
