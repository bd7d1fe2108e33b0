"""A job's progress, and its decoding from a stream of server-sent events.

The decoder works on bytes. Existing readers of responses do their own I/O, and hide the comments between events, at
which a waiting client checks its timeout.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from backdrop_client.results import Job, JobError, JobStatus


@dataclass(frozen=True)
class Progress:
    """The status and progress of a job."""

    job_id: str
    status: JobStatus
    stage: str | None
    #: 0 to 1.
    progress: float
    attempt: int
    #: Number of jobs before it. 0: it is next. None: it no longer waits, or the server does not report it.
    queue_position: int | None = None
    error: JobError | None = None
    credits_refunded: int = 0

    @property
    def ended(self) -> bool:
        """Whether the job has ended, with or without success."""
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
    """Decodes a stream's bytes to events, as in the HTML standard (9.2.6). Chunks may end anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self._name, self._data, self._id = "", list[str](), ""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take some bytes and yield the events that they complete."""
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
        return None  # a comment has an empty field name


def progress_of(event: Event) -> Progress | None:
    """Return the progress in an event, or None for another kind of event."""
    if event.name != "job":
        return None
    try:
        return msgspec.json.decode(event.data, type=Progress)
    except msgspec.DecodeError:
        return None
