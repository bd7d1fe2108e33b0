"""The records of a job for its callers, its workers and its client, and its exceptions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

import msgspec

from pipeline.core.spec import SceneKind
from pipeline.placement.facts import StanceName


class JobStatus(StrEnum):
    """The status of a job."""

    NOT_STARTED = "NOT_STARTED"  #: Charged; waits for a worker.
    IN_PROGRESS = "IN_PROGRESS"  #: A worker runs it, or died while running it.
    SUCCESS = "SUCCESS"  #: Finished with a result; the credits are spent.
    FAILURE = "FAILURE"  #: Finished without a result; the credits are refunded.


class Operation(StrEnum):
    """The operation of a job."""

    SWAP = "swap"  #: Makes a picture on a new background.
    CUTOUT = "cutout"  #: Makes the product's mask, for free.


class Kind(StrEnum):
    """The kinds of work that workers can choose: an operation, with previews separate from other swaps."""

    SWAP = "swap"
    PREVIEW = "preview"
    CUTOUT = "cutout"


def kind_of(operation: str, preview: bool) -> str:
    """Return a job's kind: a `Kind`, or the operation of a newer release."""
    return Kind.PREVIEW if preview else operation


class LeaseLost(Exception):
    """Raised when another attempt, the sweep or the client has taken over the job."""


class JobFinished(Exception):
    """Raised when a client cancels a job that is over."""

    def __init__(self, status: "JobStatus") -> None:
        super().__init__(f"The job is over: {status}.")
        self.status = status


@dataclass(frozen=True)
class Claim:
    """The right to run one attempt of a job until the lease ends."""

    job_id: str
    client_id: str
    token: str
    attempt: int
    spec: dict[str, Any]
    source_key: str
    operation: Operation = Operation.SWAP
    preview: bool = False
    spec_version: int = 1
    #: From the submit: the id of its log, the caller's own id, and its trace.
    request_id: str = ""
    caller_request_id: str | None = None
    traceparent: str | None = None
    #: Seconds from the submit to this attempt; None for later attempts.
    waited: float | None = None
    #: Seconds of each stage in order, filled during the attempt and stored at its end.
    stages: dict[str, float] = field(default_factory=dict, compare=False)
    #: For each picture of an order with limits, the names of those that it misses, stored at the attempt's end.
    missed: list[list[str]] = field(default_factory=list, compare=False)

    @property
    def kind(self) -> str:
        """The job's kind."""
        return kind_of(self.operation, self.preview)


class KeptSubject(TypedDict):
    """One of the separate things in a mask."""

    id: int
    box: Sequence[int]
    share: float
    kept: bool


class KeptWarning(TypedDict):
    """A warning of a cut-out, with its places."""

    code: str
    boxes: list[list[int]]


class KeptPiece(TypedDict):
    """A doubtful piece of a cut-out (`pipeline.core.types.Piece`); `answered`: whether its owner kept or dropped it."""

    id: int
    box: Sequence[int]
    share: float
    kept: bool
    wrong: float
    answered: bool


class KeptFacts(TypedDict, total=False):
    """The facts of a cut-out as JSON; older releases stored fewer. Boxes: left, top, right, bottom in photo pixels."""

    product_box: Sequence[int] | None
    subjects: list[KeptSubject]
    cut_sides: list[str]
    stance: StanceName | None
    suits: list[SceneKind]
    confidence: float
    warnings: list[KeptWarning]
    pieces: list[KeptPiece]
    viewpoint: dict[str, float]
    #: The product's mean colour, Lab.
    colour: list[float]


@dataclass(frozen=True)
class NewCutout:
    """The stored result of a successful cut-out by the networks."""

    photo_sha256: str
    #: Size of the upright photo in pixels.
    width: int
    height: int
    mask_key: str
    preview_key: str
    #: The photo scaled to the preview's size.
    photo_key: str
    facts: KeptFacts
    #: The layer of its doubtful pieces (`pipeline.core.types.Doubts`) and their small pictures. None: it has none.
    pieces_key: str | None = None
    sheet_key: str | None = None


@dataclass(frozen=True)
class StoredRender:
    """A stored render without its report."""

    public_id: str
    key: str
    output_preset: str
    width: int
    height: int
    format: str
    content_type: str
    bytes: int
    sha256: str
    seed: int
    warnings: list[str]
    preview: bool = False


@dataclass(frozen=True, kw_only=True)
class NewRender(StoredRender):
    """The stored result of a successful swap."""

    report: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Render(StoredRender):
    """A render as read from the database."""

    #: JSON text, which answers repeat unchanged.
    report: msgspec.Raw
    job_id: str
    source_key: str
    #: The caller's own id of the job.
    reference: str | None
    #: The requested scene and mood: names of the catalogue, or free text.
    scene_type: str | None
    mood: str | None
    #: The caller's own pairs of the job.
    metadata: dict[str, str] | None = None
    #: What its owner says about it; None: nothing yet.
    looks_right: bool | None = None


@dataclass(frozen=True)
class Failure:
    """The reason why a job ends without a result."""

    code: str
    message: str
    #: Of a picture that misses its limits: a small one with a watermark, and the whole report.
    preview: NewRender | None = None


@dataclass(frozen=True)
class Job:
    """A job as its client sees it."""

    id: str
    request_id: str
    status: JobStatus
    stage: str | None
    progress: float
    attempt: int
    credits_cost: int
    credits_refunded: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error_code: str | None
    error_message: str | None
    #: Code and message of each warning about probably unintended input.
    warnings: list[dict[str, str]]
    #: The caller's own id.
    reference: str | None
    operation: Operation
    render_deleted_at: datetime | None
    #: The requested scene, mood and preset: names of the catalogue, or free text.
    scene_type: str | None
    mood: str | None
    output_preset: str | None
    preview: bool
    #: From the request, or drawn.
    seed: int | None
    #: The caller's own pairs.
    metadata: dict[str, str] | None = None


@dataclass(frozen=True)
class Asked:
    """The request that an idempotency key stands for: route, body and query, parsed."""

    workflow: str
    body: dict[str, Any]
    #: Of the received bytes and the query. An earlier release compares only this digest.
    body_sha256: str
    #: The query's parameters without defaults; None if an earlier release logged the request.
    query: dict[str, Any] | None

    def differs_from(self, first: "Asked") -> str | None:
        """Return how it differs from the first request with its key; None if both mean the same."""
        if self.body_sha256 == first.body_sha256:
            return None
        if self.workflow != first.workflow:
            return f"for another route: {first.workflow}"
        if first.query is None:
            return "with other bytes of body or query, compared by an earlier release"
        parts = {"body": _names(first.body, self.body), "query": _names(first.query, self.query or {})}
        return " and ".join(f"with another {part}: {names}" for part, names in parts.items() if names) or None


def _names(first: dict[str, Any], second: dict[str, Any]) -> str:
    """Return the names of the fields that differ. Empty fields count as omitted, as in validation."""
    first, second = ({name: one for name, one in given.items() if one not in ("", [])} for given in (first, second))
    return ", ".join(name for name in {**first, **second} if first.get(name) != second.get(name))


def may_be_id(text: str) -> bool:
    """Return whether a database query may contain the text: PostgreSQL rejects NUL, SQLite lone surrogates."""
    return text.isascii() and text.isalnum()
