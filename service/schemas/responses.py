"""The API's answers and small bodies, as the contract names them. `catalogue.swap_request` has the body of a swap."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SkipValidation,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic_core import PydanticCustomError

from pipeline.core.order import RECORDS
from pipeline.report import Report, SceneReport
from service.accounts.brands import SeedPolicy
from service.catalogue.order_options import record_fields
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest
from service.jobs.records import JobStatus, Operation
from service.schemas.catalogue_views import PlannedPlace, Preset
from service.schemas.fields import (
    Attempt,
    CreditsCost,
    CreditsRefunded,
    CurrentStatus,
    DownloadUrl,
    FileBytes,
    FileFormat,
    JobId,
    NextCursor,
    PictureHeight,
    PictureWidth,
    Progress,
    RenderId,
    RequestedMood,
    RequestedScene,
    RequestId,
    Sha256,
    Stage,
    SubmitMetadata,
    SubmitReference,
    Time,
    UploadKey,
    UrlExpiry,
    UsedPreset,
)
from service.storage.objects import UPLOAD_TYPES

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
    job_id: JobId
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
        "scene_in_words, scene_lacks, mood_in_words, colors_unused, brand_unknown, scene_unsuited, "
        "no_honest_placement, placement_breaks_rules, placement_unpins, frame_breaks_rules, output_breaks_rules. "
        "FIELD_unused, such as seed_unused, means that the field has no effect. pictures_shared: an order has pictures "
        "that are the same, which are made and charged once. Those about the product's place need a cut-out or an "
        "earlier render."
    )
    message: str = Field(description="A sentence for a person.")


class PlannedSurface(BaseModel):
    """A surface of the scene with its planned colour."""

    name: str = Field(
        description="Name for `colors_on`, such as wall, floor or table. accent means stand, panel and props together."
    )
    title: str = Field(description="Name for people, such as Wall or Wood.")
    color: str = Field(description="Planned colour as #rrggbb.")
    asked: bool = Field(description="Whether you asked for this colour; otherwise it is the surface's own.")
    share: float = Field(description="Usual share of the picture, from 0 to 1.")


class PlannedAcceptance(BaseModel):
    """The limits that the picture must keep."""

    set: str = Field(description="Name of the set of limits: standard, strict, or custom for limits of your own.")
    limits: dict[str, Any] = Field(description="Each limit that is checked, by its name.")


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
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Every option of the order, by the names of the query. One that you left out has the value of the"
        " brand or the preset, and one without effect has its default. Width and height are null if the picture has the"
        " photo's size, and quality is null for a lossless file.",
    )
    subject: list[float] | None = Field(None, description="The `subject` of the request; null for all products.")
    reference: SubmitReference = None
    metadata: SubmitMetadata = Field(default_factory=dict)
    seed: int | None = Field(description="The seed of the swap; null if Backdrop will draw one.")
    preview: bool = Field(False, description="Whether the submit would make a preview.")
    brand: str | None = Field(description="Name of the client's brand in use; null if none is.")
    preset: Preset = Field(description="The preset as GET /v1/output-presets lists it.")
    warnings: list[PlanWarning] = Field(description="What to know before you pay. Empty if there is nothing.")
    acceptance: PlannedAcceptance | None = Field(
        None, description="The limits that the picture must keep: yours, the brand's or the client's. Null for none."
    )
    place: PlannedPlace | None = Field(
        None,
        description="Where the product goes. Null if the photo has no cut-out yet, or if no honest placement exists.",
    )
    scene: SceneReport | None = Field(None, description="The scene as it will be shown. Null if none is drawn.")
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

    key: UploadKey
    method: Literal["PUT"] = Field(description="HTTP method of the upload, always PUT.")
    url: str = Field(description="Where to PUT the bytes, valid until `expires_at`.")
    headers: dict[str, str] = Field(description="Header fields that the PUT must send.")
    expires_at: Time = Field(description="When `url` stops working.")


class StoredPhoto(BaseModel):
    """A photo that Backdrop has fetched or received. Use `key` in a request."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "key": "uploads/01J9ZC6M8H4D2F0A9B7C5E3G1K/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V.jpg",
        "content_type": "image/jpeg",
        "bytes": 184213,
    }

    key: UploadKey
    content_type: str = Field(description="Type detected from the bytes, not from the upload's Content-Type.")
    bytes: int = Field(description="Size of the stored photo in bytes.")


class RenderView(BaseModel):
    """A finished render."""

    public_id: RenderId
    job_id: JobId
    output_preset: UsedPreset
    width: PictureWidth
    height: PictureHeight
    format: FileFormat
    content_type: str = Field(description="Media type of the file, such as image/jpeg.")
    bytes: FileBytes
    sha256: Sha256
    url: DownloadUrl
    url_expires_at: UrlExpiry
    seed: int = Field(description="Seed of the swap. The same seed and spec give the same background.")
    warnings: list[str] = Field(description="Codes of probably unintended input, and of doubts about the picture.")
    report: StoredReport = Field(description="Measurements of the delivered file, and how Backdrop made it.")
    reference: SubmitReference
    metadata: SubmitMetadata
    scene_type: RequestedScene
    mood: RequestedMood
    preview: bool = Field(
        description="Whether it is a preview: small and with a watermark. One that you requested is kept for an hour,"
        " that of a refused picture as long as pictures."
    )
    looks_right: bool | None = Field(
        description="What you said with PUT /v1/renders/{public_id}/review; null if you said nothing."
    )


class RenderReview(BaseModel):
    """What you say about a render."""

    model_config = ConfigDict(extra="forbid")
    EXAMPLE: ClassVar[dict[str, Any]] = {"looks_right": True}

    looks_right: bool | None = Field(description="Whether the picture looks right to you. Null takes it back.")


class JobError(BaseModel):
    """Why a job failed."""

    code: str = Field(description="Stable name of the error, such as no_subject. Programs should use it.")
    message: str = Field(description="The reason in words, for a person.")


class JobView(BaseModel):
    """A job: its status, its cost, and its result."""

    job_id: JobId
    request_id: RequestId
    status: CurrentStatus
    stage: Stage
    progress: Progress
    attempt: Attempt
    credits_cost: CreditsCost
    credits_refunded: CreditsRefunded
    created_at: Time = Field(description="When the job was submitted.")
    started_at: Time | None = Field(description="When a worker first started the job; null before that.")
    finished_at: Time | None = Field(description="When the job ended; null before that.")
    error: JobError | None = Field(description="Why the job failed; null unless the status is FAILURE.")
    render: RenderView | None = Field(
        description="The result of a swap. Null until SUCCESS, for a cut-out, and once you deleted it. If the error is"
        " not_accepted: a small preview of the refused picture, with its report."
    )
    warnings: list[PlanWarning] = Field(
        description="Probably unintended input. The plan of the same request has the same warnings."
    )
    reference: SubmitReference
    metadata: SubmitMetadata
    operation: Operation = Field(
        description="swap or cutout. A cutout comes from POST /v1/cutouts and has no render: GET /v1/cutouts/"
        "{public_id} shows it."
    )
    render_deleted_at: Time | None = Field(description="When you deleted the render; null if you did not.")
    scene_type: RequestedScene
    mood: RequestedMood
    output_preset: str | None = Field(description="The requested preset. Null for a cut-out, as are scene and mood.")
    preview: bool = Field(description="Whether its render is a preview.")
    seed: int | None = Field(description="The seed that you sent, or that Backdrop drew; null for a cut-out.")


class SourceView(BaseModel):
    """The photo behind a job."""

    url: DownloadUrl
    url_expires_at: UrlExpiry
    content_type: str = Field(description="Media type of the photo, such as image/jpeg.")


#: By a record's name in an order: the description of its options.
_VIEWED = {
    "placement": "How you moved and placed the product.",
    "output": "Size, format and quality that you requested. A null field means the preset's.",
    "dressing": "How you dressed the scene: the props, and which colour goes on which surface.",
    "ground": "What you requested behind the product.",
    "shadow": "The shadow that you requested. A null field means the shadow's own value.",
    "frame": "How you framed the product.",
    "lettering": "Your text and logos.",
    "acceptance": "The limits that the picture must keep.",
}


def _views() -> Iterator[tuple[str, Any]]:
    for name, record in RECORDS.items():
        view: Any = create_model(f"{record.__name__}View", __doc__=_VIEWED[name], **record_fields(record))
        yield name, (view, Field(default_factory=view, description=_VIEWED[name]))


_Records: Any = create_model("_Records", **dict(_views()))


class JobRequestView(_Records):
    """A job's request."""

    request: dict[str, Any] = Field(description="The body of the request, with all values resolved.")
    seed: int | None = Field(description="The seed that you sent, or that Backdrop drew; null for a cut-out.")
    source: SourceView | None = Field(description="The photo; null once it was deleted.")
    preview: bool = Field(description="Whether you requested a preview.")
    subject: list[float] | None = Field(None, description="The `subject` of the submit; null for all products.")


class JobEvent(BaseModel):
    """A job's current state: the data of an event."""

    job_id: JobId
    status: CurrentStatus
    stage: Stage
    progress: Progress
    attempt: Attempt
    queue_position: int | None = Field(
        description="How many jobs run before this one: 0 for the next job, 1000 for 1000 or more, null once it has"
        " started. It can grow, because clients take turns: another client's first job runs before your second."
    )
    error: JobError | None = Field(description="Why the job failed; null unless the status is FAILURE.")
    credits_refunded: CreditsRefunded


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    items: list[JobView] = Field(description="The jobs of this page, newest first.")
    next_cursor: NextCursor


class RenderPage(BaseModel):
    """A page of renders, newest first."""

    items: list[RenderView] = Field(description="The renders of this page, newest first.")
    next_cursor: NextCursor


class BrandView(BaseModel):
    """A brand: default values for requests that name it."""

    name: str = Field(description="Name of the brand. Requests send it as `pilot_brand`.")
    palette: list[str] = Field(description="Colours as #rrggbb, most present first.")
    style_words: list[str] = Field(
        description="Words for the generator's prompt. The built-in generator reads only the names of props."
    )
    seed_policy: SeedPolicy = Field(description="pinned: all swaps share one seed. free: each swap has its own.")
    seed: int | None = Field(description="The seed of a pinned brand; null for others.")
    default_preset: str | None = Field(description="Preset for clients that send none; null if the brand has none.")
    options: dict[str, Any] = Field(description="Options for requests that leave them out, by name.")
    created_at: Time = Field(description="When the brand was created.")
    updated_at: Time = Field(description="When the brand was last replaced.")


class BrandItems(BaseModel):
    """The client's brands, sorted by name."""

    items: list[BrandView] = Field(description="All brands of the client, sorted by name.")


class CreditEntry(BaseModel):
    """One entry of the ledger."""

    id: str = Field(description="ULID of the entry.")
    kind: Literal["grant", "debit", "refund"] = Field(
        description="grant: the operator added credits. debit: a job was charged. refund: the job failed."
    )
    amount: int = Field(description="Signed credits. All amounts of a client add up to its balance.")
    job_id: str | None = Field(description="ULID of the job of a debit or refund; null for a grant.")
    created_at: Time = Field(description="When the entry was made.")


class Credits(BaseModel):
    """The balance and a page of entries, newest first. The amounts of all pages add up to the balance."""

    balance: int = Field(description="The client's current credits.")
    sandbox: bool = Field(False, description="Whether the key is a sandbox's: nothing is charged.")
    entries: list[CreditEntry] = Field(description="The entries of this page, newest first.")
    next_cursor: NextCursor


class MissingPart(BaseModel):
    """A part that the service needs but can't use now."""

    part: str = Field(description="Name of the part, such as database, queue, store or worker.")
    detail: str = Field(description="What is wrong with it, for the operator.")


class Health(BaseModel):
    """Whether the service can take requests, and the state of the installation. Null means unknown."""

    status: Literal["ok", "degraded", "unavailable"] = Field(
        description="unavailable: the API can't take requests. degraded: it takes requests, but some of their work has"
        " to wait or is refused."
    )
    missing: list[MissingPart] = Field(
        default_factory=list, description="Parts without which the API can't take requests. Empty if it can."
    )
    degraded: list[MissingPart] = Field(
        default_factory=list, description="Other parts that are away. Work that needs them waits or is refused."
    )
    workers: int | None = Field(None, description="Number of workers that take jobs; null if unknown.")
    sweeps: int | None = Field(None, description="Number of live sweep processes; null if unknown.")
    waiting_jobs: int | None = Field(None, description="Number of jobs that wait for a worker; null if unknown.")
    oldest_waiting_seconds: float | None = Field(
        None, description="Seconds since the oldest waiting job was submitted. 0 if none waits, null if unknown."
    )
