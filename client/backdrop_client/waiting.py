"""Waiting for a job's end: by the server's event stream, or by polling without one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from backdrop_client.errors import WaitTimeout
from backdrop_client.flow import Call, Chunk, Close, Flow, Open, Pause
from backdrop_client.progress import EventDecoder, Progress, of_job, progress_of
from backdrop_client.results import Job

OnProgress = Callable[[Progress], None]

#: Seconds of silence after which a stream counts as broken. The server sends a comment every 15 s.
_SILENCE = 20.0
#: Most openings of a stream that broke or got no answer.
_REOPENED = 5
#: Seconds between two polls: the first pause, the factor of growth, the longest pause.
_FIRST_LOOK, _GROWTH, _LONGEST_LOOK = 0.25, 1.5, 5.0


@dataclass
class Streams:
    """Whether the server's streams reach this client. Learned once for all its jobs."""

    arrive: bool = True


@dataclass
class Wait:
    """The wait for one job. `look` requests it from the server. Durations are in seconds."""

    job_id: str
    look: Callable[[], Flow[Job]]
    streams: Streams
    on_progress: OnProgress | None = None
    timeout: float | None = None
    _started: float = field(default_factory=time.monotonic)
    _last: Progress | None = None
    _event_id: str = ""

    def __call__(self) -> Flow[Job]:
        """Return the job once it has ended. Raises WaitTimeout, Refused and Unreachable."""
        if self.streams.arrive:
            yield from self._follow()
        pause = _FIRST_LOOK
        while True:
            job = yield from self.look()
            # An event has more facts than a job, so a job with the same progress is not reported again.
            self._tell(of_job(job))
            if job.ended:
                return job
            yield Pause(min(pause, self._left()))
            self._left()
            pause = min(pause * _GROWTH, _LONGEST_LOOK)

    def _follow(self) -> Flow[None]:
        """Read the job's stream until the job ends, or until the stream is useless."""
        silence = _SILENCE if self.timeout is None else min(_SILENCE, max(1.0, self.timeout / 3))
        for _ in range(_REOPENED):
            headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
            if self._event_id:
                headers["Last-Event-ID"] = self._event_id
            try:
                answer: httpx.Response = yield Open(
                    Call("GET", f"/v1/jobs/{self.job_id}/events", headers=headers), silence
                )
                if answer.is_server_error or answer.status_code in {401, 429}:
                    return  # polling handles this error
                if answer.status_code != 200 or "text/event-stream" not in answer.headers.get("content-type", ""):
                    self.streams.arrive = False  # an older server
                    return
                if (yield from self._read(silence)):
                    return
            except httpx.ReadTimeout:
                # If not even the first event arrived, a proxy on the way holds the stream back.
                self.streams.arrive = self._last is not None
                return
            except httpx.HTTPError:
                pass  # interrupted, or the server was away for a moment
            yield Pause(min(_FIRST_LOOK, self._left()))

    def _read(self, silence: float) -> Flow[bool]:
        """Read an open stream. Return True at its end: the job has ended, or there is almost no time left."""
        decoder = EventDecoder()
        while chunk := (yield Chunk()):
            for event in decoder.feed(chunk):
                self._event_id = event.id or self._event_id
                progress = progress_of(event)
                if progress is not None:
                    self._tell(progress)
                    if progress.ended:
                        yield Close()
                        return True
            if self._left() < silence:
                # The next read could exceed the timeout, so poll instead.
                yield Close()
                return True
        return False

    def _tell(self, progress: Progress) -> None:
        if self._last is not None and _seen(progress) == _seen(self._last):
            return
        self._last = progress
        if self.on_progress is not None:
            self.on_progress(progress)

    def _left(self) -> float:
        """Return the seconds left. Raises WaitTimeout."""
        if self.timeout is None:
            return float("inf")
        left = self._started + self.timeout - time.monotonic()
        if left <= 0:
            raise WaitTimeout(self.job_id, self.timeout)
        return left


def _seen(progress: Progress) -> tuple[object, ...]:
    return progress.status, progress.stage, progress.progress, progress.attempt, progress.queue_position
