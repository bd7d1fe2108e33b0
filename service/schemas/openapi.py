"""The OpenAPI document: what the types and the routes don't give."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from importlib.resources import files
from typing import Annotated, Any, get_origin, get_type_hints

from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPI,
    OpenAPIFormat,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
    SecurityScheme,
)
from pydantic import BaseModel

from pipeline import report
from pipeline.core.spec import Limits
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest
from service.orders.request import OrderRequest
from service.schemas.account import BrandRequest, KeyRequest, RotationRequest, WebhookRequest
from service.schemas.cutouts import CutoutRequest, KeptSubjects, PieceAnswers
from service.schemas.responses import RenderReview, UploadRequest
from service.storage.objects import SVG_TYPE, UPLOAD_TYPES

SECURED: list[dict[str, list[str]]] = [{"bearer": []}]
#: Markdown's name of each language, in the order of the document.
_LANGUAGES = {"curl": "sh", "python": "python"}


def _file(content_types: Iterable[str], description: str | None = None) -> dict[str, OpenAPIMediaType]:
    schema = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description=description)
    return {one: OpenAPIMediaType(schema=schema) for one in content_types}


def _header(description: str, *examples: str, type: OpenAPIType = OpenAPIType.STRING, **named: Any) -> OpenAPIHeader:
    return OpenAPIHeader(schema=Schema(type=type, examples=list(examples) or None, **named), description=description)


#: The records of all JSON bodies.
_BODIES: tuple[type[BaseModel], ...] = (
    BackgroundSwapWithSpecRequest,
    OrderRequest,
    UploadRequest,
    CutoutRequest,
    KeptSubjects,
    PieceAnswers,
    RenderReview,
    BrandRequest,
    KeyRequest,
    WebhookRequest,
    RotationRequest,
)
#: Operations whose body may be omitted, as every field has a default.
_BODY_OPTIONAL = {"put_brand", "create_key", "rotate_webhook_secret"}
#: The bodies that are files.
_FILES = {
    "put_cutout_mask": RequestBody(
        _file(["image/png"]),
        required=True,
        description="PNG of the upright photo's size with one channel of 8 bits. White is product, black is not.",
    ),
    "verify_file": RequestBody(_file(["image/*"]), required=True, description="The picture's bytes."),
}
_JOB = "/v1/jobs/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V"
_RETRY_AFTER = {
    "Retry-After": _header("Seconds to wait before you try again.", type=OpenAPIType.INTEGER, minimum=1),
}
#: The header fields of all answers to submits.
_RATE = {
    "RateLimit-Policy": _header(
        "Submits (q) that a client may send in a window of w seconds. Absent if the request did not count.",
        '"submits";q=300;w=60',
    ),
    "RateLimit": _header(
        "Submits that are left (r) for the next t seconds. Absent if the request did not count.",
        '"submits";r=299;t=60',
    ),
}
_ORDERED = {
    "Location": _header("Path of the job, cut-out or order to GET.", _JOB),
    "Idempotent-Replayed": _header(
        "Present if this is the repeated answer to an earlier request with this `Idempotency-Key`. Nothing was charged"
        " again.",
        enum=["true"],
    ),
    "Backdrop-Warnings": _header(
        "Codes of warnings about probably unintended input. The job's `warnings` explain each. Use `dry_run` to get"
        " them before anything is charged. Absent without warnings, and in repeated answers.",
        "scene_in_words, mood_in_words",
    ),
}
_SUBMITTED = _ORDERED | {
    "Preference-Applied": _header(
        "The preferences that were applied: the seconds of `wait`, and `return=representation`. Absent if none was.",
        *("wait=20", "wait=20, return=representation"),
    ),
    "Content-Location": _header(
        "Path whose GET returns this body: the job or the cut-out. Absent if the body is a plain"
        " WorkflowAcceptedResponse.",
        _JOB,
    ),
    "Link": _header('Present if the job has succeeded: its render (rel="item") and its picture (rel="enclosure").'),
}
#: The operations that make jobs, with the header fields of their 202.
_SUBMITS = {"background_swap_with_spec": _SUBMITTED, "create_cutout": _SUBMITTED, "create_order": _ORDERED}
#: The headers of every operation that changes something of a client.
_SIGNATURES = [
    Parameter(
        name="X-Shopify-Hmac-Sha256",
        param_in="header",
        schema=Schema(type=OpenAPIType.STRING),
        description="Base64 HMAC-SHA256 of the raw body with the client's Shopify secret. Checked if present;"
        " required if the operator requires signatures.",
    ),
]


def openapi_config(version: str, photos: Limits) -> OpenAPIConfig:
    """Return the document's configuration. It is served at /schema/openapi.json; pages load nothing from elsewhere."""
    return OpenAPIConfig(
        title="Backdrop",
        version=version,
        description="Send a product photo and a spec. Backdrop returns the unchanged product on a generated"
        " background.\n\n"
        f"A photo may have up to {photos.max_bytes:,} bytes and {photos.max_pixels / 1e6:g} megapixels, and needs at"
        f" least {photos.min_side} pixels on each side.",
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="A key from `backdrop clients add`. If the operator requires signatures (`backdrop"
                    " clients set-shopify-secret NAME --require`), send `X-Shopify-Hmac-Sha256` with each change, too.",
                )
            }
        ),
        render_plugins=[JsonRenderPlugin()],
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
    )


def _operation_id(handler: HTTPRouteHandler, method: str, _: Any) -> str:
    return f"head_{handler.handler_name}" if method == "HEAD" else handler.handler_name


def complete(document: OpenAPI) -> None:
    """Add to the document what litestar does not, and remove what this API never does."""
    for path in (document.paths or {}).values():
        path.head = None  # client generators have no use for it
        for operation in (path.put, path.post, path.delete):
            if operation is not None and operation.security == SECURED:
                operation.parameters = [*(operation.parameters or []), *_SIGNATURES]
    for operation in _operations(document):
        _describe(operation)
    _describe_bodies(document)
    _describe_report(document)
    _add_examples(document, load_examples())


def _describe(operation: Operation) -> None:
    """Describe an operation's bodies and header fields."""
    name, answers, body = operation.operation_id or "", operation.responses or {}, operation.request_body
    answers.pop("400", None)  # litestar's own
    if isinstance(body, RequestBody):
        body.required = name not in _BODY_OPTIONAL
    operation.request_body = _FILES.get(name, body)
    for status, answer in answers.items():
        assert isinstance(answer, OpenAPIResponse)
        added = _RETRY_AFTER if status in ("429", "503") or (status == "409" and name in _SUBMITS) else {}
        added = added | (_RATE if name in _SUBMITS else {}) | (_SUBMITS.get(name, {}) if status == "202" else {})
        answer.headers = {**(answer.headers or {}), **added} if added else answer.headers
        for kind, media in (answer.content or {}).items():
            if kind.startswith(("image/", "application/zip")) and isinstance(media.schema, Schema):
                media.schema.format = OpenAPIFormat.BINARY
            if status == "202" and isinstance(media.schema, Schema) and media.schema.one_of:
                # A JobView or CutoutView has all fields of a WorkflowAcceptedResponse, so both schemas match it.
                media.schema.any_of, media.schema.one_of = media.schema.one_of, None
    if name == "get_usage":
        answered: Any = answers["200"]
        answered.content["text/csv"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
    if name == "create_upload":
        assert isinstance(body, RequestBody)
        photos = _file([*UPLOAD_TYPES, SVG_TYPE], "The photo's bytes.")
        part = photos[SVG_TYPE].schema
        assert part is not None
        form = Schema(type=OpenAPIType.OBJECT, properties={"file": part}, required=["file"])
        form.additional_properties = False
        body.content = {**body.content, "multipart/form-data": OpenAPIMediaType(schema=form), **photos}


def _describe_report(document: OpenAPI) -> None:
    """Describe the report's fields, as litestar drops the text of an `Annotated`."""
    for record in (one for one in vars(report).values() if isinstance(one, type) and is_dataclass(one)):
        schema = document.components.schemas[record.__name__]
        assert isinstance(schema, Schema)
        for name, kind in get_type_hints(record, include_extras=True).items():
            field = (schema.properties or {})[name]
            if get_origin(kind) is not Annotated:
                continue
            if not isinstance(field, Schema):
                # A reference gets its description as litestar gives one to a pydantic field.
                assert schema.properties is not None
                field = schema.properties[name] = Schema(all_of=[field])
            field.description = kind.__metadata__[0]


def _describe_bodies(document: OpenAPI) -> None:
    """Describe each JSON body as its record does: litestar loses limits, types of pairs, and the refusal of others.

    A body's defaults are left out, because generators take a field with a default as required.
    """
    schemas: dict[str, Any] = document.components.schemas
    for record in _BODIES:
        made = record.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, schema in {**made.pop("$defs", {}), record.__name__: made}.items():
            for field in schema.get("properties", {}).values():
                field.pop("default", None)
                field.pop("title", None)
                for pattern, kind in field.pop("patternProperties", {}).items():  # generators know only the other
                    field |= {"propertyNames": {"pattern": pattern}, "additionalProperties": kind}
            examples = getattr(schemas.get(name), "examples", None)
            schemas[name] = schema | ({"examples": examples} if examples else {})


def load_examples() -> dict[str, dict[str, str]]:
    """Return the code samples by operation id, then by `curl` and `python`."""
    text = (files("service") / "reference" / "examples.toml").read_text("utf-8")
    return {operation: dict(samples) for operation, samples in tomllib.loads(text).items()}


def _add_examples(document: OpenAPI, examples: Mapping[str, Mapping[str, str]]) -> None:
    """Add each operation's samples to its description, as Markdown, which all viewers show.

    An operation without a summary gets the start of its description, up to the first full stop or colon.
    """
    for operation in _operations(document):
        samples = examples.get(operation.operation_id or "", {})
        blocks = [f"```{_LANGUAGES[name]}\n{samples[name].strip()}\n```" for name in _LANGUAGES if name in samples]
        described = operation.description or ""
        if " " not in (operation.summary or ""):  # litestar's own: the handler's name
            operation.summary = described.partition(".")[0].partition(":")[0]
        operation.description = "\n\n".join([described, *blocks]).strip()


def _operations(document: OpenAPI) -> Iterator[Operation]:
    for path in (document.paths or {}).values():
        yield from filter(None, (path.get, path.put, path.post, path.delete))
