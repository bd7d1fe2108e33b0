"""The studio page's files, and the header fields that they go out with."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from service.storage.objects import Bucket

_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}
_NAME = re.compile(r"[a-z0-9_]+(?:-[a-z0-9_]+)*\.([a-z]+)")
_FOLDER = re.compile(r"[a-z]+")
#: The sample product under its name here, for those without a photo at hand.
SAMPLE = "sample.jpg"
#: Kept by the browser, but asked for each time: an update of the service shows at once.
_ASK = "no-cache"
#: For addresses that hold the content's own digest.
_KEEP = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A file as it is sent."""

    data: bytes
    content_type: str
    cache: str = _ASK

    @property
    def etag(self) -> str:
        """The strong validator of the bytes, in its quotation marks."""
        return f'"{hashlib.sha256(self.data).hexdigest()[:32]}"'


@dataclass(frozen=True)
class StudioPage:
    """What the page is made of. Files are read when they are asked for: they are few and small."""

    #: Where `service.worker.thumbnails` has put its pictures; may be missing, and then the page does without.
    thumbnails: Path
    #: The buckets that the browser talks to itself, where they are not behind the API.
    buckets: tuple[Bucket, ...]
    _origins: dict[str, frozenset[str]] = field(default_factory=dict)

    def asset(self, name: str, folder: str | None = None) -> Asset | None:
        """Return one of the page's own files, or of a folder of them; None for what is none of them."""
        kind = _NAME.fullmatch(name)
        if kind is None or kind[1] not in _TYPES or (folder and not _FOLDER.fullmatch(folder)):
            return None
        place = f"studio/{folder}/{name}" if folder else f"studio/{name}"
        path = files("service") / ("sample/bottle.jpg" if name == SAMPLE and not folder else place)
        if not path.is_file():
            return None
        return Asset(path.read_bytes(), _TYPES[kind[1]])

    def thumbnail(self, name: str) -> Asset | None:
        """Return a thumbnail; None where there is none of that name."""
        path = self.thumbnails / name
        if not _NAME.fullmatch(name) or path.suffix != ".webp" or not path.is_file():
            return None
        return Asset(path.read_bytes(), _TYPES["webp"], _KEEP)

    def thumbnail_index(self) -> Asset:
        """Return which thumbnails there are, as JSON: "scene-podium" to its address, which changes with the picture."""
        found = {
            path.stem: f"/studio/thumbnails/{path.name}?v={hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
            for path in sorted(self.thumbnails.glob("*.webp"))
            if _NAME.fullmatch(path.name)
        }
        return Asset(json.dumps(found).encode(), "application/json")

    def origins(self, base_url: str) -> frozenset[str]:
        """Return the origins that photos go to and renders come from, as the browser sees them.

        Presigning tells: it needs no network, but may need credentials.
        """
        if base_url not in self._origins:
            if len(self._origins) >= 100:  # a caller may name any host
                self._origins.clear()
            signed = (bucket.download_url("studio", "image/png", base_url).url for bucket in self.buckets)
            self._origins[base_url] = frozenset(origin(url) for url in signed)
        return self._origins[base_url]


def origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def page_headers(origins: frozenset[str]) -> dict[str, str]:
    """Return what keeps the page to itself: nothing from elsewhere but pictures from `origins`, nothing inline."""
    elsewhere = "".join(f" {one}" for one in sorted(origins))
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' blob: data:{elsewhere}",
        "connect-src": f"'self'{elsewhere}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
