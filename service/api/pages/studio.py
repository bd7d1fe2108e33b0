"""The studio page's routes, for browsers. They are not part of the documented API."""

from litestar import MediaType, Response, Router
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.types import Guard

from service.api.auth import asked_catalogue, perhaps_known
from service.api.pages.studio_page import Asset, StudioPage, origin, page_headers
from service.schemas.problems import AnyRequest, not_found
from service.schemas.serialize import base_url
from service.storage.objects import StoreUnavailable


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


def studio_surfaces(request: AnyRequest, state: State) -> Response[bytes]:
    """Return what the page needs to recolour the thumbnails of scenes."""
    return _sent(request, state, _page(state).surfaces(state.catalogue))


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


VERIFY_PAGE = _read("/verify")(verify_page)
STUDIO = Router(
    "/",
    route_handlers=[
        _read("/")(studio),
        _read("/studio/surfaces")(studio_surfaces),
        _read("/studio/thumbnails", perhaps_known)(studio_thumbnails),
        _read("/studio/thumbnails/{name:str}")(studio_thumbnail),
        _read("/studio/{name:str}")(studio_file),
        _read("/studio/{folder:str}/{name:str}")(studio_folder),
    ],
)
