"""The interface of buckets, which contain photos and renders. `buckets` opens one of the two kinds.

ObjectError
  ObjectNotFound      there is no object under the key, or the key is invalid
  ObjectTooLarge      the object is larger than allowed
  StoreUnavailable    the store did not answer, refused, or is full; another attempt may succeed
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Protocol

#: Most bytes of one read of a stream, and of one part of an answer: a stalled reader keeps about two in memory.
PART = 128 * 1024
#: Photo types that an upload may declare, with the extension for their key.
UPLOAD_TYPES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/tiff": "tif",
}
#: Type of a logo that may be sent as bytes. It can't be reserved for a PUT, because the API checks it first.
SVG_TYPE = "image/svg+xml"
_KEY = re.compile(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*")


class ObjectError(Exception):
    """Any failure of the object store."""


class ObjectNotFound(ObjectError):
    """Raised if there is no object under the key."""


class ObjectTooLarge(ObjectError):
    """Raised if the object is larger than the caller allows."""


class StoreUnavailable(ObjectError):
    """Raised if the store does not answer, refuses or is full."""


@dataclass(frozen=True)
class SignedUrl:
    """A URL that anyone may use until it expires, with this method and these headers."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class Bucket(Protocol):
    """A bucket of objects. Keys are letters, digits, `-` and `_`, in segments separated by `/` or `.`."""

    def get(self, key: str, *, max_bytes: int) -> bytes:
        """Return an object's bytes. Raises ObjectNotFound, ObjectTooLarge, StoreUnavailable."""

    def parts(self, key: str) -> Iterator[bytes]:
        """Open an object, and return its bytes in parts. Raises ObjectNotFound, StoreUnavailable."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write an object completely or not at all. Raises ObjectNotFound for a bad key, StoreUnavailable."""

    def size(self, key: str) -> int:
        """Return an object's size in bytes. Raises ObjectNotFound, StoreUnavailable."""

    def delete(self, key: str) -> None:
        """Delete an object. A missing object is no error. Raises StoreUnavailable."""

    def remove_partial_writes(self) -> None:
        """Remove leftovers of interrupted writes. Raises StoreUnavailable."""

    def entries(self) -> Iterator[tuple[str, float]]:
        """Yield the objects' keys, each with its time of storage (seconds since 1970, the store's clock), in any order.

        Leaves out interrupted writes. Raises StoreUnavailable.
        """

    def check(self) -> None:
        """Raise StoreUnavailable unless the bucket can be used now."""

    def upload_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Return the URL for a PUT with that content type. `base_url`: the API's address for the caller."""

    def download_url(self, key: str, content_type: str, base_url: str, method: str = "GET") -> SignedUrl:
        """Return the URL for a GET or a HEAD of an object."""


def parts_of(file: IO[bytes], left: int = sys.maxsize) -> Iterator[bytes]:
    """Yield the next `left` bytes of a file, or what it has, in parts, and close it."""
    with file:
        while part := file.read(min(left, PART)):
            left -= len(part)
            yield part


def content_type_of(key: str) -> str:
    """Return the content type for the key's extension."""
    types = {extension: content_type for content_type, extension in UPLOAD_TYPES.items()}
    return types.get(key.rpartition(".")[2], "application/octet-stream")


def may_be_key(key: str) -> bool:
    """Return whether an object can have that key."""
    return _KEY.fullmatch(key) is not None


def checked(key: str) -> str:
    """Return the key. Raises ObjectNotFound for an invalid key, so that no store gets it."""
    if not may_be_key(key):
        raise ObjectNotFound(key)
    return key
