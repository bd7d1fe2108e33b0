"""The API's answers and small bodies, as the contract names them. `catalogue.swap_request` has the body of a swap."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SkipValidation, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pipeline.core.order import PropsWord, StanceWord
from pipeline.report import Report
from service.accounts.brands import SeedPolicy
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest
from service.jobs.records import JobStatus, Operation
from service.schemas.catalogue_views import PlannedPlace, Preset
from service.storage.objects import UPLOAD_TYPES

#: A time as RFC 3339 in UTC.
Time = Annotated[datetime, PlainSerializer(lambda time: time.astimezone(UTC).isoformat().replace("+00:00", "Z"))]

#: Shown as stored, without validation: another release's report may have other fields.
StoredReport = Annotated[Report, SkipValidation, PlainSerializer(lambda stored: stored)]


class WorkflowAcceptedResponse(BaseModel):
    """The request was accepted and charged. Follow its job."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "request_id": "01J9ZC6M8H4D2F0A9B7C5E3G1K",
        "job_id": "01J9ZC6M8J5X7Z9Q1W3R5T7Y9V",
        "status": "NOT_STARTED",
        "credits_cost": 2,
    }

    request_id: str = Field(description="26-character ULID of the request.", min_length=26, max_length=26)
    job_id: str | None = Field(description="The job to follow. Null is reserved for requests without a job.")
    status: JobStatus = Field(
        JobStatus.NOT_STARTED,
        description="The job's status at the submit; with `Prefer: wait`, its status after the wait.",
    )
    credits_cost: int = Field(description="Credits charged. Backdrop refunds them if the job fails.")


class PlanWarning(BaseModel):
    """A warning to read before you pay."""

    code: str = Field(
        description="Stable name of the warning. These mean that the submit would be refused: insufficient_credits, "
        "too_many_unfinished_jobs, queue_share_taken, queue_full. These mean that you may not get what you want: "
        "scene_in_words, mood_in_words, colors_unused, brand_unknown, scene_unsuited, no_honest_placement, "
        "placement_breaks_rules, placement_unpins, output_breaks_rules. placement_breaks_rules needs an earlier render."
    )
    message: str = Field(description="A sentence for a person.")


class PlannedSurface(BaseModel):
    """A surface of the scene with its planned colour."""

    name: str = Field(
        description="Name for `colors_on`: wall, floor, table, …; accent means stand, panel and props together."
    )
    title: str = Field(description="Name for people: Wall, Wood, …")
    color: str = Field(description="Planned colour as #rrggbb.")
    asked: bool = Field(description="Whether you asked for this colour; otherwise it is the surface's own.")
    share: float = Field(description="Usual share of the picture, from 0 to 1.")


class SwapPlan(BaseModel):
    """The effect and cost of a submit at this moment. Nothing was charged or stored."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "credits_cost": 2,
        "balance": 1,
        "affordable": False,
        "request": {
            **BackgroundSwapWithSpecRequest.EXAMPLE,
            "dominant_colors": ["#e8c7b8", "#fffff0"],
            "pilot_brand": "spring",
        },
        "seed": 7,
        "brand": "spring",
        "preset": Preset.EXAMPLE,
        "warnings": [
            {
                "code": "insufficient_credits",
                "message": "The balance of 1 does not cover the cost of 2. Ask the operator for credits.",
            }
        ],
    }

    credits_cost: int = Field(description="Credits that the submit would deduct.")
    balance: int = Field(description="The client's current credits.")
    affordable: bool = Field(description="Whether the balance covers the cost.")
    request: BackgroundSwapWithSpecRequest = Field(
        description="The body with all values resolved: names of the catalogue, colours as #rrggbb, the brand's values."
    )
    seed: int | None = Field(description="The seed of the swap; null if Backdrop will draw one.")
    preview: bool = Field(False, description="Whether the submit would make a preview.")
    brand: str | None = Field(description="Name of the client's brand in use.")
    preset: Preset = Field(description="The preset as GET /v1/output-presets lists it.")
    warnings: list[PlanWarning]
    place: PlannedPlace | None = Field(
        None,
        description="Where the product goes. Null if the photo has no cut-out yet, or if no honest placement exists.",
    )
    surfaces: list[PlannedSurface] = Field(
        default_factory=list,
        description="The surfaces and their colours, largest surface first. The product's own colour counts once the"
        " photo has a cut-out. Empty for a white or transparent background.",
    )


class UploadRequest(BaseModel):
    """The upload to prepare, or the photo to fetch: exactly one of the two fields."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(
        None, description="Public http or https URL of the photo to fetch. Don't send `content_type` with it."
    )
    content_type: Literal["image/jpeg", "image/png", "image/webp", "image/avif", "image/heic", "image/tiff"] | None = (
        Field(
            None,
            validate_default=True,
            description=f"Type of the bytes that you will PUT: {', '.join(UPLOAD_TYPES)}. Don't send `url` with it.",
        )
    )

    @field_validator("content_type")
    @classmethod
    def _one_of_two(cls, content_type: str | None, info: ValidationInfo) -> str | None:
        if "url" not in info.data:  # it is invalid, which pydantic reports
            return content_type
        if content_type is None and info.data["url"] is None:
            text = "Both fields are missing. Send the `content_type` of the bytes that you will PUT, or a photo's `url`"
            raise PydanticCustomError("missing", text)
        if content_type is not None and info.data["url"] is not None:
            text = "Both `content_type` and `url` were sent. Send one: Backdrop detects the type of a fetched photo"
            raise PydanticCustomError("both_given", text)
        return content_type


class Upload(BaseModel):
    """The destination of the bytes: send them by `method` to `url` with `headers`, then use `key`."""

    key: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: Time


class StoredPhoto(BaseModel):
    """A photo that Backdrop has fetched or received. Use `key` in a request."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "key": "uploads/01J9ZC6M8H4D2F0A9B7C5E3G1K/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V.jpg",
        "content_type": "image/jpeg",
        "bytes": 184213,
    }

    key: str
    content_type: str = Field(description="Type detected from the bytes, not from the upload's Content-Type.")
    bytes: int


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
    url: str = Field(description="Download URL, valid until `url_expires_at`.")
    url_expires_at: Time
    seed: int
    warnings: list[str] = Field(description="Codes of probably unintended input, and of doubts about the picture.")
    report: StoredReport
    reference: str | None = Field(description="The `reference` of the submit.")
    metadata: dict[str, str] = Field(description="The `metadata` of the submit.")
    scene_type: str | None = Field(description="The requested scene: a name of the catalogue, or free text.")
    mood: str | None = Field(description="The requested mood: a name of the catalogue, or free text.")
    preview: bool = Field(description="Whether it is a preview: small, with a watermark, and kept for an hour.")


class JobError(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class JobView(BaseModel):
    """A job: its status, its cost, and its result."""

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
    warnings: list[PlanWarning] = Field(
        description="Probably unintended input. The plan of the same request has the same warnings."
    )
    reference: str | None = Field(description="The `reference` of the submit: your own id.")
    metadata: dict[str, str] = Field(description="The `metadata` of the submit: your own pairs.")
    operation: Operation = Field(
        description="swap or cutout. A cutout comes from POST /v1/cutouts and has no render: GET /v1/cutouts/"
        "{public_id} shows it."
    )
    render_deleted_at: Time | None = Field(description="When you deleted the render; null if you did not.")
    scene_type: str | None = Field(description="The requested scene: a name of the catalogue, or free text.")
    mood: str | None = Field(description="The requested mood: a name of the catalogue, or free text.")
    output_preset: str | None = Field(description="The requested preset.")
    preview: bool = Field(description="Whether its render is a preview.")
    seed: int | None = Field(description="The seed that you sent, or that Backdrop drew.")


class SourceView(BaseModel):
    """The photo behind a job."""

    url: str = Field(description="Download URL, valid until `url_expires_at`.")
    url_expires_at: Time
    content_type: str


class PlacementView(BaseModel):
    """The placement parameters of the submit: shifts from the scene's place, scale, turn and stance."""

    shift_x: float = 0.0
    shift_y: float = 0.0
    scale: float = 1.0
    turn: float = 0.0
    stance: StanceWord = "auto"


class OutputView(BaseModel):
    """The output parameters of the submit. A null field means the preset's value."""

    width: int | None = None
    height: int | None = None
    format: Literal["jpeg", "png", "webp", "avif"] | None = None
    quality: int | None = None


class DressingView(BaseModel):
    """The dressing parameters of the submit: the props, and which colour goes on which surface."""

    props: PropsWord = "scene"
    colors_on: str = ""


class JobRequestView(BaseModel):
    """A job's request."""

    request: dict[str, Any] = Field(description="The body of the request, with all values resolved.")
    seed: int | None = Field(description="The seed that you sent, or that Backdrop drew; null for a cut-out.")
    source: SourceView | None = Field(description="The photo; null once it was deleted.")
    preview: bool = Field(description="Whether you requested a preview.")
    placement: PlacementView = Field(description="Where you moved the product.")
    output: OutputView = Field(description="Size, format and quality that you requested instead of the preset's.")
    dressing: DressingView = Field(default_factory=DressingView, description="How you dressed the scene.")
    subject: list[float] | None = Field(None, description="The `subject` of the submit; null for all products.")


class JobEvent(BaseModel):
    """A job's current state: the data of an event."""

    job_id: str
    status: JobStatus
    stage: str | None
    progress: float = Field(ge=0, le=1)
    attempt: int
    queue_position: int | None = Field(
        description="How many jobs run before this one: 0 for the next job, 1000 for 1000 or more, null once it has"
        " started. It can grow, because clients take turns: another client's first job runs before your second."
    )
    error: JobError | None
    credits_refunded: int


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    items: list[JobView]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last page.")


class RenderPage(BaseModel):
    """A page of renders, newest first."""

    items: list[RenderView]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last page.")


class BrandView(BaseModel):
    """A brand: default values for requests that name it."""

    name: str
    palette: list[str] = Field(description="Colours as #rrggbb, most present first.")
    style_words: list[str]
    seed_policy: SeedPolicy
    seed: int | None = Field(description="The seed of a pinned brand; null for others.")
    default_preset: str | None
    created_at: Time
    updated_at: Time


class BrandItems(BaseModel):
    """The client's brands, sorted by name."""

    items: list[BrandView]


class CreditEntry(BaseModel):
    """One entry of the ledger."""

    id: str
    kind: Literal["grant", "debit", "refund"]
    amount: int = Field(description="Signed credits. All amounts of a client add up to its balance.")
    job_id: str | None
    created_at: Time


class Credits(BaseModel):
    """The balance and a page of entries, newest first. The amounts of all pages add up to the balance."""

    balance: int
    entries: list[CreditEntry]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last page.")


class MissingPart(BaseModel):
    """A part that the service needs but can't use now."""

    part: str
    detail: str


class Health(BaseModel):
    """Whether the service can take requests, and the state of the installation. Null means unknown."""

    #: "degraded": the API takes requests, but some of their work has to wait.
    status: Literal["ok", "degraded", "unavailable"]
    missing: list[MissingPart] = Field(default_factory=list)
    degraded: list[MissingPart] = Field(default_factory=list)
    #: Numbers of live processes.
    workers: int | None = None
    sweeps: int | None = None
    waiting_jobs: int | None = None
    oldest_waiting_seconds: float | None = None
