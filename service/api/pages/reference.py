"""The API reference: Swagger UI over this service's document, served from here for machines without internet."""

from functools import cache
from importlib.resources import files

from litestar import Response, Router, get
from litestar.params import FromPath

from service.schemas.problems import not_found

_OWN = {"page.js": "text/javascript", "page.css": "text/css"}
#: The files of the bundle that the page loads.
_SWAGGER_UI = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
#: Swagger UI sets style attributes and draws its arrows from data URLs; scripts only come from here.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}


@get("/", include_in_schema=False, sync_to_thread=True)
def page() -> Response[bytes]:
    """Serve the page."""
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY}
    return Response(_read("page.html"), media_type="text/html", headers=headers)


@get("/{name:str}", include_in_schema=False, sync_to_thread=True)
def asset(name: FromPath[str]) -> Response[bytes]:
    """Serve a file that the page loads."""
    content_type = (_OWN | _SWAGGER_UI).get(name)
    if content_type is None:
        raise not_found("file")
    return Response(_read(name), media_type=content_type, headers=_HEADERS)


@cache
def _read(name: str) -> bytes:
    if name in _SWAGGER_UI:
        from swagger_ui_bundle import swagger_ui_path  # only loaded when someone reads the reference

        return bytes(swagger_ui_path.joinpath(name).read_bytes())
    return (files("service") / "reference" / name).read_bytes()


REFERENCE = Router("/reference", route_handlers=[page, asset])
