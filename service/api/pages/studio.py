"""The studio page's routes: for browsers, and not part of the API that is documented."""

from litestar import MediaType, Response, Router
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from service.api.pages.studio_page import Asset, StudioPage, origin, page_headers
from service.schemas.problems import AnyRequest, not_found
from service.schemas.serialize import base_url
from service.storage.objects import StoreUnavailable


def studio(request: AnyRequest, state: State) -> Response[bytes]:
    """Serve the page itself."""
    return _sent(request, state, _page(state).asset("index.html"))


def studio_file(request: AnyRequest, state: State, name: FromPath[str]) -> Response[bytes]:
    """Serve one of its files."""
    return _sent(request, state, _page(state).asset(name))


def studio_folder(request: AnyRequest, state: State, folder: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Serve one of the files of a folder of it."""
    return _sent(request, state, _page(state).asset(name, folder))


def studio_thumbnail(request: AnyRequest, state: State, name: FromPath[str]) -> Response[bytes]:
    """Serve the picture of a scene or mood."""
    return _sent(request, state, _page(state).thumbnail(name))


def studio_thumbnails(request: AnyRequest, state: State) -> Response[bytes]:
    """Tell which thumbnails there are."""
    return _sent(request, state, _page(state).thumbnail_index())


def _page(state: State) -> StudioPage:
    page: StudioPage = state.studio
    return page


def _sent(request: AnyRequest, state: State, asset: Asset | None) -> Response[bytes]:
    if asset is None:
        raise not_found("file")
    try:
        origins = _page(state).origins(base_url(request)) - {origin(str(request.base_url))}
    except StoreUnavailable:
        origins = frozenset()  # the page comes up, and says what the API says
    headers = page_headers(origins) | {"Cache-Control": asset.cache, "ETag": asset.etag}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if asset.etag in known:
        return Response(b"", status_code=304, headers=headers, media_type=asset.content_type)
    body = b"" if request.method == "HEAD" else asset.data
    if request.method == "HEAD":
        headers["Content-Length"] = str(len(asset.data))
    return Response(body, headers=headers, media_type=asset.content_type or MediaType.TEXT)


def _read(path: str) -> HTTPRouteHandler:
    return HTTPRouteHandler(
        path, http_method=["GET", "HEAD"], include_in_schema=False, sync_to_thread=True, status_code=200
    )


STUDIO = Router(
    "/",
    route_handlers=[
        _read("/")(studio),
        _read("/studio/thumbnails")(studio_thumbnails),
        _read("/studio/thumbnails/{name:str}")(studio_thumbnail),
        _read("/studio/{name:str}")(studio_file),
        _read("/studio/{folder:str}/{name:str}")(studio_folder),
    ],
)
