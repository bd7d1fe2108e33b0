"""States of jobs, as those who wait see them: what can change, read for any number of jobs in one statement."""

from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa

from service.accounts.ledger import refunded
from service.database.engine import reader
from service.database.tables import jobs
from service.jobs import turns
from service.jobs.records import JobStatus, may_be_id

#: Places in the queue that are counted; who stands further back is told this number.
FARTHEST = 1000
#: How many jobs one statement names.
_PAGE = 500
#: Steps of one revision: first the places in the queue, from the back to the front, then one for a job that is over
#: its queue, and one for a job that is over.
_STEPS = 10_000
#: Event ids from a step to the next: those between are for a stream whose job's place moves back, and then up again.
_IDS = 1_000

_queue = (
    sa.select(jobs.c.id, jobs.c.turn)
    .where(turns.IN_ORDER, jobs.c.status == JobStatus.NOT_STARTED)
    .order_by(*turns.ORDER)
    .limit(FARTHEST)
    .subquery()
)
_before = sa.func.row_number().over(order_by=(_queue.c.turn, _queue.c.id)) - 1
_places = sa.select(_queue.c.id, _before.label("place")).subquery()
_STATES = sa.select(
    *(jobs.c[name] for name in ("id", "status", "stage", "progress", "attempt", "revision")),
    *(jobs.c[name] for name in ("error_code", "error_message")),
    refunded().label("refunded"),
    _places.c.place,
).join_from(jobs, _places, _places.c.id == jobs.c.id, isouter=True)


@dataclass(frozen=True)
class JobState:
    """Where a job stands. Two states are equal when they look the same."""

    job_id: str
    status: JobStatus
    stage: str | None
    progress: float
    attempt: int
    #: Jobs whose turn comes before its own; more when another client's come in. None: it was started.
    queue_position: int | None
    error_code: str | None
    error_message: str | None
    credits_refunded: int
    #: The same for the same state of the same job, whichever process looked; greater after each write of its row.
    event_id: int = field(compare=False)

    @property
    def revision(self) -> int:
        """How often the job's row had been written."""
        return self.event_id // (_STEPS * _IDS)

    @property
    def over(self) -> bool:
        """Whether nothing comes after it."""
        return self.status in (JobStatus.SUCCESS, JobStatus.FAILURE)


class JobStates:
    """The states in one database. Lives as long as the process; safe in threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._reader = reader(engine)

    def of_client(self, job_id: str, client_id: str) -> JobState | None:
        """Return the state of the client's job; None when there is none of that id, or it is another client's."""
        if not may_be_id(job_id):
            return None
        with self._reader.connect() as connection:
            query = _STATES.where(jobs.c.id == job_id, jobs.c.client_id == client_id)
            row = connection.execute(query).mappings().first()
        return None if row is None else _state(row)

    def of(self, job_ids: Collection[str]) -> dict[str, JobState]:
        """Return the states of these jobs by their ids; of those that are there."""
        ids = list(job_ids)
        states: dict[str, JobState] = {}
        with self._reader.connect() as connection:
            for start in range(0, len(ids), _PAGE):
                rows = connection.execute(_STATES.where(jobs.c.id.in_(ids[start : start + _PAGE]))).mappings()
                states |= {row["id"]: _state(row) for row in rows}
        return states


def _state(row: sa.RowMapping) -> JobState:
    status, position = JobStatus(row["status"]), None
    over = status in (JobStatus.SUCCESS, JobStatus.FAILURE)
    if status == JobStatus.NOT_STARTED:
        position = FARTHEST if row["place"] is None else int(row["place"])
    step = _STEPS - 1 if over else _STEPS - 2 if position is None else _STEPS - 3 - position
    return JobState(
        job_id=row["id"],
        status=status,
        queue_position=position,
        credits_refunded=int(row["refunded"]),  # PostgreSQL's sum is a Decimal
        event_id=(row["revision"] * _STEPS + step) * _IDS,
        **{name: row[name] for name in ("stage", "progress", "attempt", "error_code", "error_message")},
    )
