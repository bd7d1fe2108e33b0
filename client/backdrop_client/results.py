"""What the server answers, typed. Fields that a newer server adds are ignored; times are aware, in UTC."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal

import httpx
import msgspec

from backdrop_client.errors import BackdropError, UnexpectedAnswer
from backdrop_client.flow import Flow, T

if TYPE_CHECKING:
    from backdrop_client.report import Report
else:
    # Read as it comes: msgspec would drop the fields of a newer server.
    Report = dict[str, Any]

JobStatus = Literal["NOT_STARTED", "IN_PROGRESS", "SUCCESS", "FAILURE"]


@dataclass(frozen=True)
class Accepted:
    """A request was accepted and charged; follow its job."""

    request_id: str
    job_id: str
    #: Where the job stood when the answer was sent.
    status: JobStatus
    #: Credits deducted; they come back by themselves if the job fails.
    credits_cost: int
    #: Whether an earlier call with the same `idempotency_key` made the job: nothing was charged now.
    replayed: bool = False
    #: The job as it stood then, with its render where it was over in time; None: `wait` was not asked for.
    job: "Job | None" = None
    #: Codes of what may not have been meant, as a mood in words; the job's `warnings` have a sentence for each.
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notice:
    """Something that a plan or a job warns of."""

    code: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What a swap would be and cost: nothing was charged or stored."""

    credits_cost: int
    balance: int
    affordable: bool
    #: The request's body with every default resolved.
    request: dict[str, Any]
    #: The preset: name, title, width, height, formats and more.
    preset: dict[str, Any]
    #: None: one would be drawn.
    seed: int | None = None
    brand: str | None = None
    warnings: list[Notice] = field(default_factory=list)
    #: Where the product goes by itself (`box` in shares of the picture, `anchor`, `edges`) once its photo was cut out.
    place: dict[str, Any] | None = None
    #: The surfaces, the largest first: `name` (as `Spec.colors_on` takes it), `title`, `color`, `asked` and `share`.
    surfaces: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Render:
    """A finished picture and its measurements."""

    public_id: str
    job_id: str
    output_preset: str
    #: Pixels.
    width: int
    height: int
    format: str
    content_type: str
    bytes: int
    sha256: str
    #: Where to download it, until `url_expires_at`; `download` asks for a new one where it is too late.
    url: str
    url_expires_at: datetime
    seed: int
    warnings: list[str]
    report: Report
    #: The `reference` of its job's submit.
    reference: str | None = None
    #: The `metadata` of its job's submit.
    metadata: dict[str, str] = field(default_factory=dict)
    #: What was asked: names of the catalogue, or free text; an older server does not tell.
    scene_type: str | None = None
    mood: str | None = None
    #: It is small, has a watermark and is kept for an hour.
    preview: bool = False


@dataclass(frozen=True)
class JobError:
    """Why a job failed."""

    #: Stable name, e.g. `no_subject`.
    code: str
    message: str


class JobFailed(BackdropError):
    """Raised when a job ended as FAILURE."""

    def __init__(self, job: "Job") -> None:
        super().__init__(job)
        self.job = job

    @property
    def code(self) -> str:
        """The stable name of the reason."""
        return self.job.error.code if self.job.error else "unknown"

    def __str__(self) -> str:
        message = self.job.error.message if self.job.error else "The job failed."
        return f"{message} [{self.code}] (job {self.job.job_id}, {self.job.credits_refunded} credits came back)"


@dataclass(frozen=True)
class Job:
    """Where a job stands, what it cost, what came of it."""

    job_id: str
    request_id: str
    status: JobStatus
    stage: str | None
    #: 0 to 1.
    progress: float
    attempt: int
    credits_cost: int
    credits_refunded: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None
    render: Render | None
    #: What may not have been meant by its request; an older server tells none.
    warnings: list[Notice] = field(default_factory=list)
    #: The `reference` of its submit.
    reference: str | None = None
    #: The `metadata` of its submit.
    metadata: dict[str, str] = field(default_factory=dict)
    #: When its render was deleted.
    render_deleted_at: datetime | None = None
    #: What was asked: names of the catalogue, or free text; an older server does not tell.
    scene_type: str | None = None
    mood: str | None = None
    output_preset: str | None = None
    preview: bool = False
    #: Asked for, or drawn; an older server does not tell.
    seed: int | None = None

    @property
    def ended(self) -> bool:
        """Whether it is over, well or not."""
        return self.status in {"SUCCESS", "FAILURE"}

    def expect_render(self) -> Render:
        """Return the render of a job that is over. Raises JobFailed, and ValueError for one that is not over."""
        if self.status == "FAILURE":
            raise JobFailed(self)
        if self.render is None:
            raise ValueError(f"The job {self.job_id} has no render: it is {self.status}.")
        return self.render


@dataclass(frozen=True)
class Box:
    """A box in pixels of the upright photo."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class CutoutWarning:
    """Something that may be wrong with a cut-out, and where."""

    #: Stable name, e.g. `several_subjects`.
    code: str
    message: str
    #: Empty: all over, or at no one place.
    boxes: list[Box]


@dataclass(frozen=True)
class Subject:
    """One of the things that a mask shows."""

    #: From 1 on, the largest first.
    id: int
    box: Box
    #: Of all that was found, 0 to 1.
    share: float
    #: Whether it is in the mask.
    kept: bool


@dataclass(frozen=True)
class Cutout:
    """A cut-out: what was found, and whose mask its photo has. It costs nothing."""

    public_id: str
    job_id: str
    status: JobStatus
    error: JobError | None
    #: Pixels of the upright photo; None where the job has failed, as all that was found.
    width: int | None
    height: int | None
    #: How sure it is, 0 to 1; 1 of a mask that was given.
    confidence: float | None
    #: Whose mask the photo has: the networks', one that was given, or some subjects alone.
    cut_by: Literal["network", "mended", "subjects"]
    warnings: list[CutoutWarning]
    product_box: Box | None
    subjects: list[Subject]
    #: Sides of the photo that cut the product.
    cut_sides: list[str]
    #: "standing", "lying", "hanging" or "cut_below".
    stance: str | None
    #: Names of the catalogue's scenes that suit the stance.
    suitable_scene_types: list[str]
    #: PNGs, good until `url_expires_at`: 8 bits of grey at the photo's size, and a preview with true transparency.
    mask_url: str | None
    preview_url: str | None
    url_expires_at: datetime | None
    created_at: datetime
    #: When it goes, with its photo and the mask that was given; None: it is kept.
    expires_at: datetime | None
    reference: str | None = None


@dataclass(frozen=True)
class CreditEntry:
    """One line of the ledger; a debit's amount is negative."""

    id: str
    kind: str
    amount: int
    job_id: str | None
    created_at: datetime


@dataclass(frozen=True)
class Credits:
    """What the client has, and some of its entries, newest first; `next_cursor` leads to the next page."""

    balance: int
    entries: list[CreditEntry]
    next_cursor: str | None = None


@dataclass(frozen=True)
class CatalogueItem:
    """A scene, a mood or a preset; `about` is all that the catalogue says of it."""

    name: str
    title: str
    description: str
    about: dict[str, Any]


@dataclass(frozen=True)
class Brand:
    """A brand: what its swaps have in common."""

    name: str
    #: #rrggbb, up to six, the most present first.
    palette: list[str] = field(default_factory=list)
    style_words: list[str] = field(default_factory=list)
    #: "pinned": the same spec gives the same background for every product of the brand.
    seed_policy: Literal["pinned", "free"] = "free"
    #: None in a new pinned brand: the server draws one and keeps it.
    seed: int | None = None
    default_preset: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Upload:
    """Where to send a photo's bytes, and the key that names it then."""

    key: str
    method: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Key:
    """A key of the client's, without what it reads."""

    id: str
    name: str | None
    created_at: datetime
    #: When it stops being good; None: never.
    expires_at: datetime | None = None
    #: Whether it is the one in use here.
    current: bool = False


@dataclass(frozen=True)
class NewKey:
    """A key that was just made: `key` is shown this once."""

    id: str
    key: str
    name: str | None
    created_at: datetime


@dataclass(frozen=True)
class WebhookSettings:
    """Where the client's messages go."""

    url: str
    created_at: datetime
    #: When it answered 410 Gone: nothing is sent since.
    disabled_at: datetime | None = None
    #: Until when the secret before the last rotation signs as well.
    previous_until: datetime | None = None
    #: What signs; shown once, where it was made just now.
    secret: str | None = None


@dataclass(frozen=True)
class StoredPhoto:
    """A photo that the server has fetched."""

    key: str
    content_type: str
    bytes: int


@dataclass(frozen=True)
class Items(Generic[T]):
    """All that there are."""

    items: list[T]


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some, newest first; `next_cursor` leads to the next page."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True)
class Pages(Generic[T]):
    """All, newest first: the flow of the page at a cursor, None for the first."""

    page: Callable[[str | None], Flow[Page[T]]]


def decoded(answer: httpx.Response, kind: type[T]) -> T:
    """Return an answer as a type of this file. Raises UnexpectedAnswer."""
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        path = answer.request.url.path
        raise UnexpectedAnswer(f"{path} answered what this client can't read ({error}). Is it a Backdrop?") from error
