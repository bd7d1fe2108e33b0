"""What the API answers, and its small bodies, as the contract names them; the large one is `catalogue.swap_request`."""

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

#: RFC 3339 in UTC.
Time = Annotated[datetime, PlainSerializer(lambda time: time.astimezone(UTC).isoformat().replace("+00:00", "Z"))]

#: Shown as it is stored: a report of another release may lack fields of today, or have others.
StoredReport = Annotated[Report, SkipValidation, PlainSerializer(lambda stored: stored)]


class WorkflowAcceptedResponse(BaseModel):
    """A request was accepted and charged; follow its job."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "request_id": "01J9ZC6M8H4D2F0A9B7C5E3G1K",
        "job_id": "01J9ZC6M8J5X7Z9Q1W3R5T7Y9V",
        "status": "NOT_STARTED",
        "credits_cost": 2,
    }

    request_id: str = Field(description="26-character ULID of the request.", min_length=26, max_length=26)
    job_id: str | None = Field(description="The job to follow. Null is kept for requests without one; none is today.")
    status: JobStatus = Field(
        JobStatus.NOT_STARTED,
        description="The job's status when it was submitted; with `Prefer: wait`, after the wait.",
    )
    credits_cost: int = Field(description="Credits deducted; refunded automatically on any failure path.")


class PlanWarning(BaseModel):
    """Something to hear before paying."""

    code: str = Field(
        description="Stable name. The submit would be refused: insufficient_credits, too_many_unfinished_jobs, "
        "queue_share_taken, queue_full. It may not be what was meant: scene_in_words, mood_in_words, colors_unused, "
        "brand_unknown, "
        "scene_unsuited, no_honest_placement, placement_breaks_rules (from an earlier render of the photo), "
        "placement_unpins, output_breaks_rules."
    )
    message: str = Field(description="A sentence for a person.")


class PlannedSurface(BaseModel):
    """A surface of the scene, and the colour that it would have."""

    name: str = Field(description="As `colors_on` takes it: wall, floor, table, …; accent: stand, panel and props.")
    title: str = Field(description="For people: Wall, Wood, …")
    color: str = Field(description="#rrggbb.")
    asked: bool = Field(description="Whether it is one of the colours asked for; else the surface has its own.")
    share: float = Field(description="Share of the picture that it has as a rule, 0 to 1.")


class SwapPlan(BaseModel):
    """What a submit would do and cost at this moment; nothing was charged or stored."""

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
                "message": "The balance of 1 does not cover the cost of 2; ask for a grant of credits.",
            }
        ],
    }

    credits_cost: int = Field(description="Credits that the submit would deduct.")
    balance: int = Field(description="Credits that the client has now.")
    affordable: bool = Field(description="Whether the balance covers the cost.")
    request: BackgroundSwapWithSpecRequest = Field(
        description="The body with everything resolved: names of the catalogue, colours as #rrggbb, what a brand gives."
    )
    seed: int | None = Field(description="The seed of the swap; null: one is drawn.")
    preview: bool = Field(False, description="It would be a preview.")
    brand: str | None = Field(description="The client's brand that is used.")
    preset: Preset = Field(description="The preset as GET /v1/output-presets lists it.")
    warnings: list[PlanWarning]
    place: PlannedPlace | None = Field(
        None,
        description="Where the product goes, as far as a cut-out of the photo tells; null: it was not cut out yet, or"
        " there is no honest placement.",
    )
    surfaces: list[PlannedSurface] = Field(
        default_factory=list,
        description="Which colour would go on which surface, the largest first; with the product's own colour in mind"
        " once the photo was cut out. Empty of a white or transparent picture.",
    )


class UploadRequest(BaseModel):
    """What is going to be uploaded, or where it is to be fetched: one of the two."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(
        None, description="Where to fetch the photo: http or https, and on the public internet. Alone."
    )
    content_type: Literal["image/jpeg", "image/png", "image/webp", "image/avif", "image/heic", "image/tiff"] | None = (
        Field(
            None,
            validate_default=True,
            description=f"Of the bytes that you will PUT: one of {', '.join(UPLOAD_TYPES)}. Alone.",
        )
    )

    @field_validator("content_type")
    @classmethod
    def _one_of_two(cls, content_type: str | None, info: ValidationInfo) -> str | None:
        if "url" not in info.data:  # wrong, and told as that
            return content_type
        if content_type is None and info.data["url"] is None:
            text = "Give the `content_type` of the bytes that you will PUT, or the `url` of a photo to fetch"
            raise PydanticCustomError("missing", text)
        if content_type is not None and info.data["url"] is not None:
            text = "Give either `content_type` or `url`: a photo that is fetched tells its own type"
            raise PydanticCustomError("both_given", text)
        return content_type


class Upload(BaseModel):
    """Where to send the bytes: `method` to `url` with `headers`; then use `key`."""

    key: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: Time


class StoredPhoto(BaseModel):
    """A photo that was fetched or received: use `key`."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "key": "uploads/01J9ZC6M8H4D2F0A9B7C5E3G1K/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V.jpg",
        "content_type": "image/jpeg",
        "bytes": 184213,
    }

    key: str
    content_type: str = Field(description="What the bytes are, whatever was said of them.")
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
    url: str = Field(description="Download URL, good until `url_expires_at`.")
    url_expires_at: Time
    seed: int
    warnings: list[str] = Field(description="Codes: what may not have been meant, and what is doubtful in the picture.")
    report: StoredReport
    reference: str | None = Field(description="The `reference` of its job's submit.")
    metadata: dict[str, str] = Field(description="The `metadata` of its job's submit.")
    scene_type: str | None = Field(description="The scene that was asked for: a name of the catalogue, or free text.")
    mood: str | None = Field(description="The mood that was asked for: a name of the catalogue, or free text.")
    preview: bool = Field(description="It is a preview: small, with a watermark, and kept for an hour.")


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
    warnings: list[PlanWarning] = Field(
        description="What may not have been meant, as the plan of the same request tells it."
    )
    reference: str | None = Field(description="The `reference` of its submit: the caller's own id.")
    metadata: dict[str, str] = Field(description="The `metadata` of its submit: the caller's own pairs.")
    operation: Operation = Field(
        description="swap, or cutout: made by POST /v1/cutouts, without a render; GET /v1/cutouts/{public_id} shows it."
    )
    render_deleted_at: Time | None = Field(description="When its client deleted the render; null: it did not.")
    scene_type: str | None = Field(description="The scene that was asked for: a name of the catalogue, or free text.")
    mood: str | None = Field(description="The mood that was asked for: a name of the catalogue, or free text.")
    output_preset: str | None = Field(description="The preset that was asked for.")
    preview: bool = Field(description="Its render is a preview.")
    seed: int | None = Field(description="The seed that was asked for, or drawn.")


class SourceView(BaseModel):
    """The photo behind a job."""

    url: str = Field(description="Download URL, good until `url_expires_at`.")
    url_expires_at: Time
    content_type: str


class PlacementView(BaseModel):
    """Where a product is moved from where preset and scene put it, and how it stands: the parameters of the submit."""

    shift_x: float = 0.0
    shift_y: float = 0.0
    scale: float = 1.0
    turn: float = 0.0
    stance: StanceWord = "auto"


class OutputView(BaseModel):
    """The size, the format and the quality in place of the preset's; null: as the preset has it."""

    width: int | None = None
    height: int | None = None
    format: Literal["jpeg", "png", "webp", "avif"] | None = None
    quality: int | None = None


class DressingView(BaseModel):
    """What stands beside the product, and which colour goes on which surface: the parameters of the submit."""

    props: PropsWord = "scene"
    colors_on: str = ""


class JobRequestView(BaseModel):
    """What was asked of a job."""

    request: dict[str, Any] = Field(description="The body of its request, with everything resolved.")
    seed: int | None = Field(description="The seed that was asked for, or drawn; null: of a cut-out, which has none.")
    source: SourceView | None = Field(description="The photo; null: it is kept no longer.")
    preview: bool = Field(description="A preview was asked for.")
    placement: PlacementView = Field(description="Where the product was moved.")
    output: OutputView = Field(description="What was asked in place of the preset's size, format and quality.")
    dressing: DressingView = Field(default_factory=DressingView, description="How the scene was dressed.")
    subject: list[float] | None = Field(
        None, description="Which product was meant, as it was asked; null: all of them."
    )


class JobEvent(BaseModel):
    """Where a job stands now: the data of an event."""

    job_id: str
    status: JobStatus
    stage: str | None
    progress: float = Field(ge=0, le=1)
    attempt: int
    queue_position: int | None = Field(
        description="Jobs whose turn comes before its own: 0 for the next one, 1000 for that many or more; null: it "
        "was started. It can grow: clients take turns, so another one's first job comes before your second."
    )
    error: JobError | None
    credits_refunded: int


class JobPage(BaseModel):
    """Jobs, newest first."""

    items: list[JobView]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null: this is the last one.")


class RenderPage(BaseModel):
    """Renders, newest first."""

    items: list[RenderView]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null: this is the last one.")


class BrandView(BaseModel):
    """A brand: what it fills in where a request names it and leaves it out."""

    name: str
    palette: list[str] = Field(description="#rrggbb, the first the most present.")
    style_words: list[str]
    seed_policy: SeedPolicy
    seed: int | None = Field(description="Of a pinned brand.")
    default_preset: str | None
    created_at: Time
    updated_at: Time


class BrandItems(BaseModel):
    """A client's brands, by name."""

    items: list[BrandView]


class CreditEntry(BaseModel):
    """One line of the ledger."""

    id: str
    kind: Literal["grant", "debit", "refund"]
    amount: int = Field(description="Signed; all amounts of a client sum to its balance.")
    job_id: str | None
    created_at: Time


class Credits(BaseModel):
    """What a client has, and a page of entries, newest first: the amounts of all pages sum to the balance."""

    balance: int
    entries: list[CreditEntry]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null: this is the last one.")


class MissingPart(BaseModel):
    """A part that the service needs and cannot use now."""

    part: str
    detail: str


class Health(BaseModel):
    """Whether the service can take requests, and how the installation behind it is; null: not known now."""

    #: "degraded": requests are taken, but what they ask for waits.
    status: Literal["ok", "degraded", "unavailable"]
    missing: list[MissingPart] = Field(default_factory=list)
    degraded: list[MissingPart] = Field(default_factory=list)
    #: Live processes.
    workers: int | None = None
    sweeps: int | None = None
    waiting_jobs: int | None = None
    oldest_waiting_seconds: float | None = None
