"""The pairs of a batch: each photo with each preset. Photos are files in a folder, identified by name and content."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from backdrop_client import PhotoUnknown
from backdrop_client.photo import content_type
from pipeline.core.order import Dressing, Ground, SwapOrder
from service.batch.spec_file import Answer, BatchSpec
from service.batch.state import Failure

#: A field of a request, as `name[0]`, and its error.
Wrong = tuple[str, str]
_KEYS = {
    "scene_type": "scene",
    "mood": "mood",
    "dominant_colors": "colors",
    "output_preset": "--presets",
    "pilot_brand": "brand",
}
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


@dataclass(frozen=True)
class Pair:
    """One picture to make."""

    photo: Photo
    order: SwapOrder
    #: The photo's order without a preset, with the scene that `order` lacks if the preset takes none.
    look: SwapOrder
    #: Path of the picture in the output folder, without its extension.
    stem: str
    #: About the cut-out's pieces; None: the cut-out as it is.
    answer: Answer | None = None

    @cached_property
    def id(self) -> str:
        """Hash of photo, preset and options. Another photo of the same name, or other options, make another pair."""
        order = self.order
        options = {name: getattr(order, name) for name in ("scene", "mood", "colors", "brand", "seed")}
        # Left out unless given, so that batches of an earlier release keep their ids.
        options |= order.given
        options |= {} if order.subject is None else {"subject": order.subject}
        options |= {"answer": self.answer} if self.answer else {}
        made_of = [self.photo.sha256 or self.photo.name, self.preset, options]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    @property
    def key(self) -> str:
        """Key of the pair in the state: photos with the same bytes are made once for each name."""
        return f"{self.id} {self.stem}"

    @property
    def preset(self) -> str:
        """Name of the preset."""
        return self.order.preset

    @property
    def title(self) -> str:
        """Name of the pair for people."""
        return f"{self.photo.name} → {self.preset}"


def pair_up(
    photos: Sequence[Photo], presets: Sequence[str], spec: BatchSpec, *, plain: Collection[str] = ()
) -> list[list[Pair]]:
    """Return each photo's pairs. Pairs for a preset in `plain` have no scene.

    Files whose names differ only in the extension keep it, so that no picture overwrites another.
    """
    stems = Counter(_stem(photo.name).lower() for photo in photos)
    groups = []
    for photo in photos:
        stem = _stem(photo.name)
        name = stem if stems[stem.lower()] == 1 else photo.name
        order = spec.of(photo.name)
        bare = replace(order, scene="white", colors=(), dressing=Dressing(), ground=Ground(), sent=frozenset())
        orders = [replace(bare if preset in plain else order, preset=preset) for preset in presets]
        groups.append([Pair(photo, one, order, f"{one.preset}/{name}") for one in orders])
    return groups


def wrong_with(pairs: Iterable[Pair], spec: BatchSpec, check: Callable[[SwapOrder], list[Wrong]]) -> list[str]:
    """Return a sentence for each error in the pairs. An order that several pairs share is checked once."""
    orders, found = dict[SwapOrder, Photo](), dict[str, None]()
    for pair in pairs:
        orders.setdefault(pair.order, pair.photo)
    for order, photo in orders.items():
        special = "" if spec.of(photo.name) == spec.base else f"{photo.name}: "
        for field, sentence in check(order):
            name, bracket, index = field.partition("[")
            if not name.startswith("source_"):  # a batch has no source fields
                key = _KEYS.get(name, name) + bracket + index
                found[f"{special}{key}: {sentence.removesuffix('.')}."] = None
    return list(found)


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()
