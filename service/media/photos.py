"""Incoming photos: a key reserved for an upload, or bytes stored at once with their detected format."""

from dataclasses import dataclass

from ulid import ULID

from pipeline.core.errors import ImageUnreadable
from pipeline.photo.container import is_cut_short, sniff
from pipeline.photo.vector import check_svg, is_svg
from service.accounts.clients import Client
from service.jobs.sources import upload_prefix
from service.media.fetcher import PhotoTooLarge
from service.storage.objects import SVG_TYPE, UPLOAD_TYPES, Bucket
from service.storage.registry import ObjectRegistry

#: Content types by the format that `sniff` returns.
_TYPES = {content_type.removeprefix("image/"): content_type for content_type in UPLOAD_TYPES}


class NotAPhoto(ValueError):
    """Raised when bytes are not a photo of an accepted format. The message lists the formats."""


class PhotosFull(Exception):
    """Raised when a client's photos fill its quota. Nothing was stored."""

    def __init__(self, stored: int, quota: int) -> None:
        super().__init__(f"{stored} of {quota} bytes")
        self.stored, self.quota = stored, quota


@dataclass(frozen=True)
class Stored:
    """A stored photo."""

    key: str
    content_type: str
    bytes: int


@dataclass(frozen=True)
class Photos:
    """Stores photos. Thread-safe; one instance serves the whole process."""

    registry: ObjectRegistry
    sources: Bucket
    #: Maximum size of a photo in bytes.
    max_bytes: int
    #: Bytes of photos that a client, and a sandbox, may have stored; 0: no limit.
    quota: int
    sandbox_quota: int

    def reserve(self, client: Client, content_type: str) -> str:
        """Return a new key of the client for a photo of this type. Raises PhotosFull."""
        return self._new_key(client, UPLOAD_TYPES[content_type])

    def _new_key(self, client: Client, extension: str) -> str:
        stored, quota = self.stored(client)
        # Without the new photo: so the last one may be over the quota, and uploads at the same time, too.
        if quota and stored >= quota:
            raise PhotosFull(stored, quota)
        key = f"{upload_prefix(client)}{ULID()}.{extension}"
        self.registry.register("sources", key, client_id=client.id)
        return key

    def stored(self, client: Client) -> tuple[int, int]:
        """Return the bytes of the client's photos, and its quota. A photo whose size is not known yet counts 0."""
        quota = self.sandbox_quota if client.sandbox else self.quota
        return self.registry.stored_bytes(client.id).get(client.id, 0), quota

    def store(self, client: Client, data: bytes) -> Stored:
        """Store a photo's bytes under a new key of the client.

        Raises NotAPhoto, PhotoTooLarge, PhotosFull, StoreUnavailable.

        It detects the format from the first bytes, and refuses a JPEG, PNG or WebP without its end. Whether the photo
        can be decoded shows in the job that uses it. An SVG logo is checked whole. Its bucket gets no type for it, so
        that no browser ever opens it as a page.
        """
        if len(data) > self.max_bytes:
            raise PhotoTooLarge(self.max_bytes)
        try:
            if is_svg(data):
                check_svg(data)
                key = self._new_key(client, "svg")
                self.put(key, data, "application/octet-stream")
                return Stored(key, SVG_TYPE, len(data))
            kind = sniff(data)
            cut = is_cut_short(data, kind) if kind in ("png", "webp") else False
            if cut or (kind == "jpeg" and b"\xff\xd9" not in data):  # phones append films, so its end may come early
                raise NotAPhoto("The file ends before its picture does. Upload the whole file again.")
            content_type = _TYPES[kind]
        except ImageUnreadable as error:
            raise NotAPhoto(str(error)) from error
        key = self.reserve(client, content_type)
        self.put(key, data, content_type)
        return Stored(key, content_type, len(data))

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store a photo's bytes under its key, and note their number. Raises StoreUnavailable."""
        self.sources.put(key, data, content_type)
        self.registry.sized(key, len(data))
