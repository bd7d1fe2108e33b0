"""A job's progress, and how it is read from a stream of server-sent events.

The stream is decoded from its bytes: what reads a response by itself can't be used without I/O, and swallows the
comments between events, at which a waiting client looks at its clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from backdrop_client.results import Job, JobError, JobStatus


@dataclass(frozen=True)
class Progress:
    """Where a job stands."""

    job_id: str
    status: JobStatus
    stage: str | None
    #: 0 to 1.
    progress: float
    attempt: int
    #: How many jobs come before it, 0: it is next; None: it is no longer waiting, or the server does not say.
    queue_position: int | None = None
    error: JobError | None = None
    credits_refunded: int = 0

    @property
    def ended(self) -> bool:
        """Whether the job is over, well or not."""
        return self.status in {"SUCCESS", "FAILURE"}


def of_job(job: Job) -> Progress:
    """Return a job's progress."""
    return Progress(
        job_id=job.job_id,
        status=job.status,
        stage=job.stage,
        progress=job.progress,
        attempt=job.attempt,
        error=job.error,
        credits_refunded=job.credits_refunded,
    )


@dataclass(frozen=True)
class Event:
    """One event of a stream."""

    name: str
    data: str
    id: str


class EventDecoder:
    """Makes events of a stream's bytes, however they are cut, as the HTML standard says (9.2.6)."""

    def __init__(self) -> None:
        self._rest = b""
        self._name, self._data, self._id = "", list[str](), ""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take some bytes and give the events that they complete."""
        self._rest += chunk
        *lines, self._rest = self._rest.replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            if event := self._line(line.decode("utf-8", "replace")):
                yield event

    def _line(self, line: str) -> Event | None:
        if not line:
            event = Event(self._name or "message", "\n".join(self._data), self._id) if self._data else None
            self._name, self._data = "", []
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif field == "id":
            self._id = value
        return None  # a comment's field is empty


def progress_of(event: Event) -> Progress | None:
    """Return what an event tells of a job; None where it tells of something else."""
    if event.name != "job":
        return None
    try:
        return msgspec.json.decode(event.data, type=Progress)
    except msgspec.DecodeError:
        return None
