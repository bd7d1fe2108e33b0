"""The cache of what swaps make for later ones, by content: nothing stale, broken or another's is ever used.

A key is made of the client, what the thing was made from, and a digest of the code and the libraries that made it; the
object begins with a seal over key and bytes. Whatever breaks here costs time and no job.
"""

import hashlib
import importlib.metadata
import logging
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from pipeline.cutout.cache import Kind
from service.database.engine import DATABASE_AWAY
from service.settings import Settings
from service.storage.directory import DirectoryBucket
from service.storage.objects import Bucket, ObjectError, ObjectNotFound
from service.storage.registry import JobOver, ObjectRegistry, photo_prefix
from service.storage.signing import UrlSigner

logger = logging.getLogger(__name__)

#: The heaviest thing that is kept or fetched.
MAX_BYTES = 64 * 1024 * 1024
_SEAL = hashlib.sha256().digest_size
#: Libraries whose arithmetic or decoding is in what is kept.
_LIBRARIES = (
    *("numpy", "pillow", "scipy", "rembg", "openvino", "onnxruntime", "onnxruntime-gpu"),
    *("torch", "diffusers", "transformers"),
)


def register_nowhere(kind: Kind, key: str) -> None:
    """Tell nobody that something is kept."""


def count_nowhere(kind: Kind, hit: bool) -> None:
    """Tell nobody of a look."""


class ObjectCache:
    """The cache of one client's swaps, in one bucket; for one thread, and as long as one job.

    `register` is called with the account's name of the kind and the key before an object is stored, and when it is used
    again. `kinds`: what is kept at all. `photo`: SHA-256 of the photo's file, in hexadecimal digits, by which what is
    made of it can be found and deleted. `looked_up` is told of each look, and whether it found anything. A store or a
    database that is away is not asked again.
    """

    def __init__(
        self,
        objects: Bucket,
        client: str,
        *,
        register: Callable[[Kind, str], None] = register_nowhere,
        kinds: frozenset[Kind] = frozenset({"cutouts", "scenes"}),
        photo: str | None = None,
        looked_up: Callable[[Kind, bool], None] = count_nowhere,
    ) -> None:
        self._objects = objects
        self._client = client
        self._register = register
        self._kinds = kinds
        self._photo = photo
        self._away = False
        self._looked_up = looked_up

    def get(self, kind: Kind, name: str) -> bytes | None:
        """Return what was kept under that name, whole and unaltered; None where there is none."""
        found = self._get(kind, name)
        self._looked_up(kind, found is not None)
        return found

    def _get(self, kind: Kind, name: str) -> bytes | None:
        key = self.key(kind, name)
        if self._away or kind not in self._kinds:
            return None
        try:
            sealed = self._objects.get(key, max_bytes=MAX_BYTES)
        except ObjectNotFound:
            return None
        except ObjectError as error:
            self._give_up(key, error)
            return None
        if sealed[:_SEAL] != _seal(key, sealed[_SEAL:]):
            logger.warning("%s: not what was kept there; it is made anew", key)
            return None
        try:
            self._register(kind, key)
        except (JobOver, *DATABASE_AWAY) as error:
            self._give_up(key, error)
        return sealed[_SEAL:]

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        """Keep bytes under a name, in place of what is there."""
        key = self.key(kind, name)
        if self._away or kind not in self._kinds or len(data) > MAX_BYTES - _SEAL:
            return
        try:
            self._register(kind, key)
            self._objects.put(key, _seal(key, data) + data, "application/octet-stream")
        except (ObjectError, JobOver, *DATABASE_AWAY) as error:
            self._give_up(key, error)

    def key(self, kind: Kind, name: str) -> str:
        """Return where a thing of that name lies."""
        digest = hashlib.sha256(f"{made_by()}\n{name}".encode()).hexdigest()
        if kind == "scenes" or self._photo is None:  # a pinned background is made of no photo
            return f"{kind}/{self._client}/{digest}"
        return photo_prefix(kind, self._client, self._photo) + digest

    def _give_up(self, key: str, error: BaseException) -> None:
        logger.warning("%s: nothing is kept now: %s", key, error)
        self._away = True


class CacheFor(Protocol):
    """What gives a client's cache to one of its jobs."""

    def __call__(self, client_id: str, job_id: str, photo: str) -> ObjectCache:
        """Return the cache. `photo`: SHA-256 of the photo's file, in hexadecimal digits."""


def client_caches(
    settings: Settings,
    objects: Bucket,
    registry: ObjectRegistry,
    looked_up: Callable[[Kind, bool], None] = count_nowhere,
) -> CacheFor:
    """Return what gives a client's cache in the bucket of renders, with a row for each object in it.

    A job that is over keeps nothing: its client may have deleted the photo.
    """
    days: dict[Kind, float] = {"cutouts": settings.cutout_days, "scenes": settings.background_days}
    kinds = frozenset(kind for kind, kept in days.items() if kept)

    def cache_for(client_id: str, job_id: str, photo: str) -> ObjectCache:
        def register(kind: Kind, key: str) -> None:
            registry.register_cached(kind, key, client_id=client_id, job_id=job_id)

        return ObjectCache(objects, client_id, register=register, kinds=kinds, photo=photo, looked_up=looked_up)

    return cache_for


def folder_cache(folder: Path) -> ObjectCache:
    """Return a cache in a folder of this machine, without a service; it grows until the folder is deleted."""
    # Its URLs are never asked for.
    return ObjectCache(DirectoryBucket(folder, bucket="kept", signer=UrlSigner(b""), url_ttl=0), "local")


@cache
def made_by() -> str:
    """Return a digest of all code that makes what is kept, ours and the libraries' versions."""
    digest = hashlib.sha256()
    for package in ("pipeline", "models"):
        for name, text in code_files(package):
            digest.update(f"{package}/{name}\n".encode() + text)
    for name in _LIBRARIES:
        try:
            digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
        except importlib.metadata.PackageNotFoundError:
            continue
    return digest.hexdigest()


def code_files(package: str) -> Iterator[tuple[str, bytes]]:
    """Give path and bytes of each Python file and each network's graph of a package, its sub-packages' as well."""
    root = Path(str(files(package)))
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".onnx"}:
            yield path.relative_to(root).as_posix(), path.read_bytes()


def _seal(key: str, data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest() + key.encode()).digest()
