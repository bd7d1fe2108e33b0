"""The studio page's files and routes, for browsers. They are not part of the documented API."""

import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litestar import MediaType, Response, Router
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.middleware.compression import CompressionMiddleware
from litestar.params import FromPath
from litestar.types import Guard

from pipeline.colour.asked import AskedColours
from pipeline.colour.notation import parse_colour, split_colours
from pipeline.scene.surfaces import ACCENT, assigned_in, colors_on, surfaces
from service.api.auth import asked_catalogue, authenticated, perhaps_known
from service.api.pages.recolour import recoloured
from service.catalogue.catalogue import Catalogue, load_catalogue, own_picture
from service.schemas.problems import AnyRequest, not_found, unprocessable
from service.schemas.serialize import base_url
from service.settings import SHIPPED_THUMBNAILS
from service.storage.objects import Bucket, StoreUnavailable

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
#: The name of the sample product here, for people without a photo at hand.
SAMPLE = "sample.jpg"
#: Colours of an order: further ones have no effect on a thumbnail.
MOST_COLOURS = 6
#: The browser keeps the file but checks it each time, so an update of the service shows at once.
_ASK = "no-cache"
#: For addresses that contain a digest of the content.
_KEEP = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A file with its content type and cache rule."""

    data: bytes
    content_type: str
    cache: str = _ASK

    @property
    def etag(self) -> str:
        """The strong ETag of the bytes, with its quotation marks."""
        return f'"{hashlib.sha256(self.data).hexdigest()[:32]}"'


@dataclass(frozen=True)
class StudioPage:
    """The studio page. It reads each file when a browser requests it: they are few and small."""

    #: Where `service.worker.thumbnails` puts pictures of entries that do not ship. The page works without them.
    thumbnails: Path
    #: The buckets that the browser reads and writes directly, if they are not behind the API.
    buckets: tuple[Bucket, ...]
    _origins: dict[str, frozenset[str]] = field(default_factory=dict)

    def asset(self, name: str, folder: str | None = None) -> Asset | None:
        """Return a file of the page or of a folder of it; None if there is no such file."""
        kind = _NAME.fullmatch(name)
        if kind is None or kind[1] not in _TYPES or (folder and not _FOLDER.fullmatch(folder)):
            return None
        place = f"studio/{folder}/{name}" if folder else f"studio/{name}"
        path = files("service") / ("sample/bottle.jpg" if name == SAMPLE and not folder else place)
        if not path.is_file():
            return None
        return Asset(path.read_bytes(), _TYPES[kind[1]])

    def thumbnail(self, name: str) -> Asset | None:
        """Return a thumbnail; None if there is none with that name."""
        if not _NAME.fullmatch(name) or not name.endswith(".webp"):
            return None
        found = (path for folder in (SHIPPED_THUMBNAILS, self.thumbnails) if (path := folder / name).is_file())
        return next((Asset(path.read_bytes(), _TYPES["webp"], _KEEP) for path in found), None)

    def thumbnail_index(self, catalogue: Catalogue) -> Asset:
        """Return JSON that maps a thumbnail such as "scene-podium" to its address, which changes with the picture.

        An entry whose picture was not drawn yet is left out.
        """
        found, ships = {}, dict(load_catalogue().pictured())
        for name, entry in catalogue.pictured():
            file = SHIPPED_THUMBNAILS / name if entry == ships.get(name) else self.thumbnails / own_picture(entry)
            for suffix in ("", "-slots"):
                path = file.with_name(f"{file.name}{suffix}.webp")
                if path.is_file():
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
                    found[name + suffix] = f"/studio/thumbnails/{path.name}?v={digest}"
        return Asset(json.dumps(found).encode(), "application/json")

    def recoloured(self, catalogue: Catalogue, colours: AskedColours, locks: Sequence[tuple[str, str]]) -> Asset:
        """Return JSON with which the page recolours thumbnails: {scene: {from, to}}, as `recoloured` returns them.

        The index in both lists is the number in the picture `scene-NAME-slots`.
        """
        slots: dict[str, list[tuple[str, str]]] = json.loads((SHIPPED_THUMBNAILS / "slots.json").read_bytes())
        with contextlib.suppress(OSError, ValueError):
            own = json.loads((self.thumbnails / "slots.json").read_bytes())
            ships = load_catalogue().scenes  # an older release may have left these there
            slots |= {name: own[name] for name in own if catalogue.scenes.get(name) != ships.get(name)}
        found = {}
        for name in slots.keys() & catalogue.scenes.keys():
            scene, rows = catalogue.scenes[name], slots[name]
            known = {ACCENT, *(one.name for one in surfaces(scene))}
            if {surface for surface, _ in rows} <= known:  # else of another catalogue
                found[name] = recoloured(rows, assigned_in(scene, colours, locks))
        return Asset(json.dumps(found, sort_keys=True).encode(), "application/json")

    def origins(self, base_url: str) -> frozenset[str]:
        """Return the origins that photos are sent to and renders are loaded from, as the browser sees them.

        Presigned URLs show them. Presigning needs no network, but may need credentials.
        """
        if base_url not in self._origins:
            if len(self._origins) >= 100:  # a caller may send any Host
                self._origins.clear()
            signed = (bucket.download_url("studio", "image/png", base_url).url for bucket in self.buckets)
            self._origins[base_url] = frozenset(origin(url) for url in signed)
        return self._origins[base_url]


def origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def page_headers(origins: frozenset[str]) -> dict[str, str]:
    """Return headers that lock the page down: only pictures of `origins` from other hosts, and nothing inline."""
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


def studio(request: AnyRequest, state: State) -> Response[bytes]:
    """Serve the page itself."""
    return _sent(request, state, _page(state).asset("index.html"))


def studio_file(request: AnyRequest, state: State, name: FromPath[str]) -> Response[bytes]:
    """Serve a file of the page."""
    return _sent(request, state, _page(state).asset(name))


def studio_folder(request: AnyRequest, state: State, folder: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Serve a file in a folder of the page."""
    return _sent(request, state, _page(state).asset(name, folder))


def verify_page(request: AnyRequest, state: State) -> Response[bytes]:
    """Serve the page where anyone can check a file's marks."""
    return _sent(request, state, _page(state).asset("index.html", "verify"))


def studio_thumbnail(request: AnyRequest, state: State, name: FromPath[str]) -> Response[bytes]:
    """Serve the picture of a scene or mood."""
    return _sent(request, state, _page(state).thumbnail(name))


def studio_thumbnails(request: AnyRequest, state: State) -> Response[bytes]:
    """Return the index of the thumbnails."""
    return _sent(request, state, _page(state).thumbnail_index(asked_catalogue(state.catalogue)))


def studio_surfaces(request: AnyRequest, state: State) -> Response[Any]:
    """Return the colours of the scenes' thumbnails in `colors`, with the locks in `colors_on`, as orders have them."""
    try:
        colours = tuple(map(parse_colour, split_colours(request.query_params["colors"])[:MOST_COLOURS]))
        locks = colors_on(request.query_params.get("colors_on", ""))
    except (KeyError, ValueError) as error:
        return unprocessable(request, [{"loc": ["query", "colors"], "msg": str(error), "type": "color_invalid"}])
    return _sent(request, state, _page(state).recoloured(state.catalogue, AskedColours(colours, True), locks))


def _page(state: State) -> StudioPage:
    page: StudioPage = state.studio
    return page


def _sent(request: AnyRequest, state: State, asset: Asset | None) -> Response[bytes]:
    if asset is None:
        raise not_found("file")
    try:
        origins = _page(state).origins(base_url(request)) - {origin(str(request.base_url))}
    except StoreUnavailable:
        origins = frozenset()  # the page still loads, and shows the API's error
    headers = page_headers(origins) | {"Cache-Control": asset.cache, "ETag": asset.etag}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if asset.etag in known:
        return Response(b"", status_code=304, headers=headers, media_type=asset.content_type)
    body = b"" if request.method == "HEAD" else asset.data
    if request.method == "HEAD":
        headers["Content-Length"] = str(len(asset.data))
    return Response(body, headers=headers, media_type=asset.content_type or MediaType.TEXT)


def _read(path: str, *guards: Guard) -> HTTPRouteHandler:
    return HTTPRouteHandler(
        path, http_method=["GET", "HEAD"], guards=guards, include_in_schema=False, sync_to_thread=True, status_code=200
    )


#: A third of the bytes for text. Pictures are compressed already.
_GZIP = CompressionConfig(backend="gzip", gzip_compress_level=6, exclude=[r"\.(jpg|webp)$"])
VERIFY_PAGE = _read("/verify")(verify_page)
STUDIO = Router(
    "/",
    route_handlers=[
        _read("/")(studio),
        _read("/studio/surfaces", authenticated)(studio_surfaces),
        _read("/studio/thumbnails", perhaps_known)(studio_thumbnails),
        _read("/studio/thumbnails/{name:str}")(studio_thumbnail),
        _read("/studio/{name:str}")(studio_file),
        _read("/studio/{folder:str}/{name:str}")(studio_folder),
    ],
    middleware=[DefineMiddleware(CompressionMiddleware, config=_GZIP)],
)
