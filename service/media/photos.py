"""Photos as they come in: under a key that is reserved for them, or whole, told by their content."""

from dataclasses import dataclass

from ulid import ULID

from pipeline.core.errors import ImageUnreadable
from pipeline.photo.container import sniff
from service.accounts.clients import Client
from service.jobs.submit import upload_prefix
from service.media.fetcher import PhotoTooLarge
from service.storage.objects import UPLOAD_TYPES, Bucket
from service.storage.registry import ObjectRegistry

#: The content type of what `sniff` tells.
_TYPES = {content_type.removeprefix("image/"): content_type for content_type in UPLOAD_TYPES}


class NotAPhoto(ValueError):
    """Raised when bytes are no photo of a format that is taken; the words name those that are."""


@dataclass(frozen=True)
class Stored:
    """A photo that is there."""

    key: str
    content_type: str
    bytes: int


@dataclass(frozen=True)
class Photos:
    """Takes photos. Lives as long as the process; safe in threads."""

    registry: ObjectRegistry
    sources: Bucket
    #: The heaviest photo, in bytes.
    max_bytes: int

    def reserve(self, client: Client, content_type: str) -> str:
        """Return a key of the client's own for a photo of that type."""
        key = f"{upload_prefix(client)}{ULID()}.{UPLOAD_TYPES[content_type]}"
        self.registry.register("sources", key, client_id=client.id)
        return key

    def store(self, client: Client, data: bytes) -> Stored:
        """Store a photo's bytes under a key of the client's own. Raises NotAPhoto, PhotoTooLarge, StoreUnavailable.

        What it is, its first bytes tell; whether it can be decoded, the job that uses it.
        """
        if len(data) > self.max_bytes:
            raise PhotoTooLarge(self.max_bytes)
        try:
            content_type = _TYPES[sniff(data)]
        except ImageUnreadable as error:
            raise NotAPhoto(str(error)) from error
        key = self.reserve(client, content_type)
        self.sources.put(key, data, content_type)
        return Stored(key, content_type, len(data))
