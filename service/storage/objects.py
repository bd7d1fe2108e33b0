"""Buckets: what photos and renders are kept in. `buckets` opens one of the two kinds; both pass the same tests.

ObjectError
  ObjectNotFound      there is nothing under that key, or it is no key
  ObjectTooLarge      it weighs more than was allowed
  StoreUnavailable    the store did not answer, refused, or is full; worth another attempt
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

#: Photo types that an upload may declare, with the extension of their key.
UPLOAD_TYPES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/tiff": "tif",
}
_KEY = re.compile(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*")


class ObjectError(Exception):
    """Any failure of the object store."""


class ObjectNotFound(ObjectError):
    """Raised when there is nothing under the key."""


class ObjectTooLarge(ObjectError):
    """Raised when the object weighs more than the caller allows."""


class StoreUnavailable(ObjectError):
    """Raised when the store does not answer, refuses or is full."""


@dataclass(frozen=True)
class SignedUrl:
    """A URL that anyone may use until it expires, with this method and these headers."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class Bucket(Protocol):
    """A bucket of objects. Keys are letters, digits, `-` and `_`, in segments parted by `/` or `.`."""

    def get(self, key: str, *, max_bytes: int) -> bytes:
        """Return an object whole. Raises ObjectNotFound, ObjectTooLarge, StoreUnavailable."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write an object whole or not at all. Raises ObjectNotFound for a bad key, StoreUnavailable."""

    def size(self, key: str) -> int:
        """Return an object's bytes. Raises ObjectNotFound, StoreUnavailable."""

    def delete(self, key: str) -> None:
        """Delete an object; none there is no error. Raises StoreUnavailable."""

    def remove_partial_writes(self) -> None:
        """Remove what writes that were cut off have left behind. Raises StoreUnavailable."""

    def entries(self) -> Iterator[tuple[str, float]]:
        """Return the objects' keys, each with when it was stored, seconds since 1970 by the store's clock, in no order.

        A cut-off write has left no object. Raises StoreUnavailable.
        """

    def check(self) -> None:
        """Raise StoreUnavailable unless the bucket can be used now."""

    def upload_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Return where to PUT an object of that content type. `base_url` is the API as the caller reaches it."""

    def download_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Return where to GET an object."""


def content_type_of(key: str) -> str:
    """Return the content type that the key's extension stands for."""
    types = {extension: content_type for content_type, extension in UPLOAD_TYPES.items()}
    return types.get(key.rpartition(".")[2], "application/octet-stream")


def may_be_key(key: str) -> bool:
    """Tell whether an object can have that key."""
    return _KEY.fullmatch(key) is not None


def checked(key: str) -> str:
    """Return the key. Raises ObjectNotFound for what is none, so that no store is asked for it."""
    if not may_be_key(key):
        raise ObjectNotFound(key)
    return key
