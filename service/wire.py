"""What crosses HTTP: every request and answer of the API, as the contract names them.

`BackgroundSwapWithSpecRequest` is validated with the catalogue as context, so that one answer holds every error of a
body: types, lengths, colours, unknown presets and presets that forbid the scene.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic import ValidationError as PydanticValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from pipeline.colour import parse_colour
from service.catalogue import Catalogue
from service.jobs import JobStatus
from service.objects import UPLOAD_TYPES

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _no_control_characters(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("control_character", "String should have no control characters")
    return text


#: RFC 3339 in UTC.
Time = Annotated[datetime, PlainSerializer(lambda time: time.astimezone(UTC).isoformat().replace("+00:00", "Z"))]
ShortText = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_no_control_characters)]


def _catalogue(info: ValidationInfo) -> Catalogue:
    return cast(dict[str, Catalogue], info.context)["catalogue"]


class BackgroundSwapWithSpecRequest(BaseModel):
    """A product photo and what its new background must be. Exactly one of the two sources is given."""

    model_config = ConfigDict(extra="forbid")
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "source_image_s3_key": "uploads/01J9ZC4T7M3X6V2Q8R5N1B0KAD/01J9ZC5A1GZ7W6Y4T3S2R1Q0PN.jpg",
        "scene_type": "podium",
        "mood": "calm",
        "dominant_colors": ["#e8c7b8", "ivory"],
        "output_preset": "shopify_product",
    }

    source_image_s3_key: str | None = Field(
        None, max_length=512, description="Key of the uploaded product photo, as POST /v1/uploads gave it."
    )
    source_render_public_id: str | None = Field(
        None, max_length=64, description="Public id of an earlier render to start from."
    )
    scene_type: ShortText = Field(
        description="What the place is: a name of GET /v1/scene-types, or free text of 1 to 120 characters."
    )
    mood: ShortText = Field(description="How it feels: a name of GET /v1/moods, or free text of 1 to 120 characters.")
    dominant_colors: list[str] = Field(
        default_factory=list,
        max_length=6,
        description="Colours that the background must be made of, the most present first: "
        "#rgb, #rrggbb, a CSS name or rgb(r, g, b).",
    )
    output_preset: ShortText = Field(
        description="Where the picture will be published: a name of GET /v1/output-presets."
    )
    pilot_brand: ShortText | None = Field(None, description="The brand this request belongs to.")

    @field_validator("scene_type")
    @classmethod
    def _scene(cls, text: str, info: ValidationInfo) -> str:
        return _catalogue(info).scene(text).name

    @field_validator("mood")
    @classmethod
    def _mood(cls, text: str, info: ValidationInfo) -> str:
        return _catalogue(info).mood(text).name

    @field_validator("dominant_colors")
    @classmethod
    def _few_colours(cls, colours: list[str]) -> list[str]:
        return [colour.strip() for colour in colours]

    @field_validator("output_preset")
    @classmethod
    def _preset(cls, name: str, info: ValidationInfo) -> str:
        catalogue = _catalogue(info)
        if name not in catalogue.presets:
            nearest = ", ".join(catalogue.nearest_presets(name))
            raise PydanticCustomError(
                "unknown_preset", "There is no such output preset. The nearest are: {nearest}", {"nearest": nearest}
            )
        return name

    @model_validator(mode="wrap")
    @classmethod
    def _all_errors_at_once(
        cls, data: Any, handler: ModelWrapValidatorHandler["BackgroundSwapWithSpecRequest"], info: ValidationInfo
    ) -> "BackgroundSwapWithSpecRequest":
        """Add the errors that concern several fields to those of single fields."""
        errors: list[InitErrorDetails] = []
        request = None
        try:
            request = handler(data)
        except PydanticValidationError as error:
            errors = [
                InitErrorDetails(
                    type=PydanticCustomError(cast(Any, one["type"]), cast(Any, one["msg"].replace("{", "{{"))),
                    loc=one["loc"],
                    input=one["input"],
                )
                for one in error.errors()
            ]
        if isinstance(data, dict):
            errors += _source_errors(data) + _colour_errors(data) + _scene_errors(data, _catalogue(info))
        if errors or request is None:
            raise PydanticValidationError.from_exception_data(cls.__name__, errors)
        request.dominant_colors = [parse_colour(colour) for colour in request.dominant_colors]
        return request


def _source_errors(data: dict[str, Any]) -> list[InitErrorDetails]:
    names = ("source_image_s3_key", "source_render_public_id")
    values = [data.get(name) for name in names]
    if any(value is not None and not isinstance(value, str) for value in values):
        return []  # told already, by type
    given = sum(bool(value) for value in values)
    if given == 1:
        return []
    kind, text = (
        ("source_ambiguous", "Give source_image_s3_key or source_render_public_id, not both")
        if given
        else ("source_missing", "Give exactly one source: source_image_s3_key or source_render_public_id")
    )
    return [InitErrorDetails(type=PydanticCustomError(cast(Any, kind), cast(Any, text)), loc=names, input=values)]


def _colour_errors(data: dict[str, Any]) -> list[InitErrorDetails]:
    colours = data.get("dominant_colors")
    if not isinstance(colours, list):
        return []
    errors = []
    for index, colour in enumerate(colours[:100]):
        if isinstance(colour, str):
            try:
                parse_colour(colour)
            except ValueError as error:
                kind = PydanticCustomError("colour_invalid", "{reason}", {"reason": str(error)})
                errors.append(InitErrorDetails(type=kind, loc=("dominant_colors", index), input=colour))
    return errors


def _scene_errors(data: dict[str, Any], catalogue: Catalogue) -> list[InitErrorDetails]:
    preset = catalogue.presets.get(str(data.get("output_preset")))
    try:
        scene = catalogue.scene(data.get("scene_type") or "")
    except (ValueError, TypeError, AttributeError):
        return []  # told already, as the field's own error
    if preset is None or preset.background == "scene" or scene.name == "white":
        return []
    kind = PydanticCustomError(
        "scene_forbidden",
        "{preset} allows no scene but white. Send scene_type white, or output_preset {sibling} to keep the scene",
        {"preset": preset.name, "sibling": preset.scene_sibling or "shopify_product"},
    )
    return [InitErrorDetails(type=kind, loc=("scene_type",), input=data.get("scene_type"))]


class WorkflowAcceptedResponse(BaseModel):
    """A request was accepted and charged; follow its job."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "request_id": "01J9ZC6M8H4D2F0A9B7C5E3G1K",
        "job_id": "01J9ZC6M8J5X7Z9Q1W3R5T7Y9V",
        "status": "NOT_STARTED",
        "credits_cost": 2,
    }

    request_id: str = Field(description="26-character ULID of the request.", min_length=26, max_length=26)
    job_id: str | None = Field(description="The job to follow.")
    status: JobStatus = Field(JobStatus.NOT_STARTED, description="The job's status when it was submitted.")
    credits_cost: int = Field(description="Credits deducted; refunded automatically on any failure path.")


class ValidationError(BaseModel):
    """One thing wrong with a request."""

    loc: list[str | int] = Field(description="Where: body, header or path, then the field, then the index.")
    msg: str = Field(description="What is wrong and what would be right.")
    type: str = Field(description="Stable name of the error.")


class HTTPValidationError(BaseModel):
    """Everything wrong with a request, at once."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "detail": [{"loc": ["body", "scene_type"], "msg": "Field required", "type": "missing"}]
    }

    detail: list[ValidationError]


class Problem(BaseModel):
    """RFC 9457 problem details."""

    status: int = Field(description="The HTTP status code.")
    title: str
    detail: str = Field(description="A sentence for a person, with the remedy.")
    code: str = Field(description="Stable name of the problem.")
    type: str = "about:blank"


class UploadRequest(BaseModel):
    """What is going to be uploaded."""

    model_config = ConfigDict(extra="forbid")
    content_type: Literal["image/jpeg", "image/png", "image/webp", "image/avif", "image/tiff"] = Field(
        description=f"One of {', '.join(UPLOAD_TYPES)}."
    )


class Upload(BaseModel):
    """Where to send the bytes: `method` to `url` with `headers`; then use `key`."""

    key: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: Time


class Report(BaseModel):
    """The measurements of a render."""

    palette: dict[str, Any] = Field(description="Asked and found colours, with CIEDE2000 and shares.")
    fidelity: dict[str, Any] = Field(description="CIEDE2000 between the product's pixels and the delivered file.")
    preset: list[dict[str, Any]] = Field(description="Each rule: measured, bound, pass, warn or fail, source.")
    cutout: dict[str, Any] = Field(description="Confidence and warnings of the cut-out.")
    provenance: dict[str, Any] = Field(description="Networks and versions, seed, attempts, timings.")


class RenderView(BaseModel):
    """A finished render."""

    public_id: str
    job_id: str
    output_preset: str
    width: int
    height: int
    format: str
    content_type: str
    bytes: int
    sha256: str
    url: str = Field(description="Download URL, good until `url_expires_at`.")
    url_expires_at: Time
    seed: int
    warnings: list[str]
    report: Report


class JobError(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class JobView(BaseModel):
    """A job: where it stands, what it cost, what came of it."""

    job_id: str
    request_id: str
    status: JobStatus
    stage: str | None
    progress: float = Field(ge=0, le=1)
    attempt: int
    credits_cost: int
    credits_refunded: int
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    error: JobError | None
    render: RenderView | None


class CreditEntry(BaseModel):
    """One line of the ledger."""

    id: str
    kind: Literal["grant", "debit", "refund"]
    amount: int = Field(description="Signed; all amounts of a client sum to its balance.")
    job_id: str | None
    created_at: Time


class Credits(BaseModel):
    """What a client has, and the latest entries, newest first."""

    balance: int
    entries: list[CreditEntry]


class CatalogueItems(BaseModel):
    """One of the catalogues."""

    items: list[dict[str, Any]]


class MissingPart(BaseModel):
    """A part that the service needs and cannot use now."""

    part: str
    detail: str


class Health(BaseModel):
    """Whether the service can take requests."""

    status: Literal["ok", "unavailable"]
    missing: list[MissingPart] = Field(default_factory=list)
