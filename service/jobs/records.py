"""A job as its callers, its workers and its client see it: records, and what can go wrong with one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

import msgspec

from pipeline.core.spec import SceneKind
from pipeline.placement.facts import StanceName


class JobStatus(StrEnum):
    """Where a job stands."""

    NOT_STARTED = "NOT_STARTED"  #: Charged; waits for a worker.
    IN_PROGRESS = "IN_PROGRESS"  #: A worker holds it, or held it and died.
    SUCCESS = "SUCCESS"  #: Rendered; the credits are kept.
    FAILURE = "FAILURE"  #: Over without a render; the credits are back.


class Operation(StrEnum):
    """What a job does."""

    SWAP = "swap"  #: A picture on a background.
    CUTOUT = "cutout"  #: The product's mask, for nothing.


class Kind(StrEnum):
    """What workers may be given apart: an operation, and of swaps the previews."""

    SWAP = "swap"
    PREVIEW = "preview"
    CUTOUT = "cutout"


def kind_of(operation: str, preview: bool) -> str:
    """Return a job's kind: one of `Kind`, or the operation of a newer release."""
    return Kind.PREVIEW if preview else operation


class LeaseLost(Exception):
    """Raised when another attempt, the sweep or the client has taken the job over."""


class JobFinished(Exception):
    """Raised when a job is to be cancelled that is over."""

    def __init__(self, status: "JobStatus") -> None:
        super().__init__(f"The job is over: {status}.")
        self.status = status


@dataclass(frozen=True)
class Claim:
    """The right to run one attempt of a job, until the lease is over."""

    job_id: str
    client_id: str
    token: str
    attempt: int
    spec: dict[str, Any]
    source_key: str
    operation: Operation = Operation.SWAP
    preview: bool = False
    spec_version: int = 1
    #: Of the submit: its log's key, what its caller called it, and the trace that it is part of.
    request_id: str = ""
    caller_request_id: str | None = None
    traceparent: str | None = None
    #: Seconds from the submit to this attempt; None: it is not the first.
    waited: float | None = None
    #: Seconds that each stage has taken, in their order: filled in as the attempt goes on, and kept with its end.
    stages: dict[str, float] = field(default_factory=dict, compare=False)

    @property
    def kind(self) -> str:
        """The job's kind."""
        return kind_of(self.operation, self.preview)


class KeptSubject(TypedDict):
    """One of the things that a mask shows."""

    id: int
    box: Sequence[int]
    share: float
    kept: bool


class KeptWarning(TypedDict):
    """A warning of a cut-out, and where it holds."""

    code: str
    boxes: list[list[int]]


class KeptFacts(TypedDict, total=False):
    """The facts of a cut-out as JSON; an older release kept less. Boxes: left, top, right, bottom, photo's pixels."""

    product_box: Sequence[int] | None
    subjects: list[KeptSubject]
    cut_sides: list[str]
    stance: StanceName | None
    suits: list[SceneKind]
    confidence: float
    warnings: list[KeptWarning]
    viewpoint: dict[str, float]
    #: The product's mean colour, Lab.
    colour: list[float]


@dataclass(frozen=True)
class NewCutout:
    """What a successful attempt at a cut-out stored: what the networks made of a photo."""

    photo_sha256: str
    #: Pixels of the upright photo.
    width: int
    height: int
    mask_key: str
    preview_key: str
    #: The photo at the preview's size.
    photo_key: str
    facts: KeptFacts


@dataclass(frozen=True)
class StoredRender:
    """A render that is stored, without its report."""

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
    """What a successful attempt stored."""

    report: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Render(StoredRender):
    """A render as it is kept."""

    #: As JSON, which answers repeat to the letter.
    report: msgspec.Raw
    job_id: str
    source_key: str
    #: Its caller's own id of the job.
    reference: str | None
    #: What was asked: names of the catalogue, or free text.
    scene_type: str | None
    mood: str | None
    #: Its caller's own pairs of the job.
    metadata: dict[str, str] | None = None


@dataclass(frozen=True)
class Failure:
    """Why a job ends without a render."""

    code: str
    message: str


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
    #: What may not have been meant: code and message of each.
    warnings: list[dict[str, str]]
    #: Its caller's own id of it.
    reference: str | None
    operation: Operation
    #: When its client deleted its render.
    render_deleted_at: datetime | None
    #: What was asked: names of the catalogue, or free text.
    scene_type: str | None
    mood: str | None
    output_preset: str | None
    preview: bool
    #: Asked for, or drawn.
    seed: int | None
    #: Its caller's own pairs.
    metadata: dict[str, str] | None = None


@dataclass(frozen=True)
class Asked:
    """What an idempotency key stands for: a request's route, body and query, as they were parsed."""

    workflow: str
    body: dict[str, Any]
    #: Of the bytes that came, with the query. An earlier release compares nothing else.
    body_sha256: str
    #: The query's parameters whose value is not the default; None: an earlier release logged the request.
    query: dict[str, Any] | None

    def differs_from(self, first: "Asked") -> str | None:
        """Return how it differs from the first request with its key; None: it means the same."""
        if self.body_sha256 == first.body_sha256:
            return None
        if self.workflow != first.workflow:
            return f"for another route: {first.workflow}"
        if first.query is None:
            return "with other bytes of body or query, which the release of that time compares"
        parts = {"body": _names(first.body, self.body), "query": _names(first.query, self.query or {})}
        return " and ".join(f"with another {part}: {names}" for part, names in parts.items() if names) or None


def _names(first: dict[str, Any], second: dict[str, Any]) -> str:
    """Return the fields of two requests that differ; an empty one counts as left out, as validation takes it."""
    first, second = ({name: one for name, one in given.items() if one not in ("", [])} for given in (first, second))
    return ", ".join(name for name in {**first, **second} if first.get(name) != second.get(name))


def may_be_id(text: str) -> bool:
    """Tell whether the databases may be asked for it: PostgreSQL takes no NUL, SQLite no half of a character."""
    return text.isascii() and text.isalnum()
