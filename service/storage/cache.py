"""The cache of results that swaps keep for later swaps, by content. A stale, broken or foreign entry is never used.

A key is made from the client, the input, and a digest of the code and libraries that made the result. Each object
starts with a seal over key and bytes. An error in the cache costs time but never fails a job.
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
from service.storage.directory import DirectoryBucket, UrlSigner
from service.storage.objects import Bucket, ObjectError, ObjectNotFound
from service.storage.registry import JobOver, ObjectRegistry, photo_prefix

logger = logging.getLogger(__name__)

#: Largest object in bytes that is kept or fetched.
MAX_BYTES = 64 * 1024 * 1024
_SEAL = hashlib.sha256().digest_size
#: Libraries with an influence on the kept results.
_LIBRARIES = (
    *("numpy", "pillow", "scipy", "rembg", "openvino", "onnxruntime", "onnxruntime-gpu"),
    *("torch", "diffusers", "transformers"),
)


def register_nowhere(kind: Kind, key: str) -> None:
    """Register nothing."""


def count_nowhere(kind: Kind, hit: bool) -> None:
    """Count nothing."""


class ObjectCache:
    """The cache of one client's swaps in one bucket. For one thread and one job.

    `register` is called with kind and key before an object is stored, and when it is used again. `kinds`: the kinds of
    objects to keep. `photo`: SHA-256 of the photo's file in hexadecimal digits, by which its objects can be found and
    deleted. `looked_up` is called with the kind and whether an object was found. After an error of the store or the
    database, the cache stays off.
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
        """Return the bytes that were kept under a name, or None if there are none or they were altered."""
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
            logger.warning("%s: the cached object is damaged, so the job makes it again", key)
            return None
        try:
            self._register(kind, key)
        except (JobOver, *DATABASE_AWAY) as error:
            self._give_up(key, error)
        return sealed[_SEAL:]

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        """Keep bytes under a name. Replaces earlier bytes."""
        key = self.key(kind, name)
        if self._away or kind not in self._kinds or len(data) > MAX_BYTES - _SEAL:
            return
        try:
            self._register(kind, key)
            self._objects.put(key, _seal(key, data) + data, "application/octet-stream")
        except (ObjectError, JobOver, *DATABASE_AWAY) as error:
            self._give_up(key, error)

    def key(self, kind: Kind, name: str) -> str:
        """Return the object's key for a name."""
        digest = hashlib.sha256(f"{made_by()}\n{name}".encode()).hexdigest()
        if kind == "scenes" or self._photo is None:  # a pinned background does not depend on a photo
            return f"{kind}/{self._client}/{digest}"
        return photo_prefix(kind, self._client, self._photo) + digest

    def _give_up(self, key: str, error: BaseException) -> None:
        logger.warning("%s: the cache is off for this job: %s", key, error)
        self._away = True


class CacheFor(Protocol):
    """A function that returns a client's cache for one of its jobs."""

    def __call__(self, client_id: str, job_id: str, photo: str) -> ObjectCache:
        """Return the cache. `photo`: SHA-256 of the photo's file, in hexadecimal digits."""


def client_caches(
    settings: Settings,
    objects: Bucket,
    registry: ObjectRegistry,
    looked_up: Callable[[Kind, bool], None] = count_nowhere,
) -> CacheFor:
    """Return a function that makes clients' caches in the bucket of renders, with a row for each object.

    A finished job keeps nothing, because its client may have deleted the photo.
    """
    days: dict[Kind, float] = {"cutouts": settings.cutout_days, "scenes": settings.background_days}
    kinds = frozenset(kind for kind, kept in days.items() if kept)

    def cache_for(client_id: str, job_id: str, photo: str) -> ObjectCache:
        def register(kind: Kind, key: str) -> None:
            registry.register_cached(kind, key, client_id=client_id, job_id=job_id)

        return ObjectCache(objects, client_id, register=register, kinds=kinds, photo=photo, looked_up=looked_up)

    return cache_for


def folder_cache(folder: Path) -> ObjectCache:
    """Return a cache in a folder of this machine, without a service. It grows until the folder is deleted."""
    # The URLs of this bucket are never used.
    return ObjectCache(DirectoryBucket(folder, bucket="kept", signer=UrlSigner(b""), url_ttl=0), "local")


@cache
def made_by() -> str:
    """Return a digest of all code that makes kept results: Backdrop's own, and the libraries' versions."""
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
    """Yield path and bytes of each Python file and each network graph of a package and its sub-packages."""
    root = Path(str(files(package)))
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".onnx"}:
            yield path.relative_to(root).as_posix(), path.read_bytes()


def _seal(key: str, data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest() + key.encode()).digest()
