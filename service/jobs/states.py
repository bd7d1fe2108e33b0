"""The states of jobs for clients that wait: the fields that can change, read for many jobs in one statement."""

from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa

from service.accounts.ledger import refunded
from service.database.engine import reader
from service.database.tables import jobs
from service.jobs import turns
from service.jobs.records import JobStatus, may_be_id

#: The last place in the queue that is counted; jobs further back report this number.
FARTHEST = 1000
#: Maximum number of jobs in one statement.
_PAGE = 500
#: Steps of the event id within one revision: one for each place in the queue, from back to front. The last two are for
#: a started and a finished job.
_STEPS = 10_000
#: Event ids within one step. A stream uses those in between when its job moves back in the queue and forward again.
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
    """A job's state. Two states are equal if they look the same to a client."""

    job_id: str
    status: JobStatus
    stage: str | None
    progress: float
    attempt: int
    #: How many jobs run before this one; it can grow with other clients' jobs. None once the job has started.
    queue_position: int | None
    error_code: str | None
    error_message: str | None
    credits_refunded: int
    #: The same for the same state in every process, and greater after each write of the job's row.
    event_id: int = field(compare=False)

    @property
    def revision(self) -> int:
        """How many times the job's row has been written."""
        return self.event_id // (_STEPS * _IDS)

    @property
    def over(self) -> bool:
        """Whether this state is final."""
        return self.status in (JobStatus.SUCCESS, JobStatus.FAILURE)


class JobStates:
    """The job states in the database. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._reader = reader(engine)

    def of_client(self, job_id: str, client_id: str) -> JobState | None:
        """Return the state of the client's job; None if the client has no job with this id."""
        if not may_be_id(job_id):
            return None
        with self._reader.connect() as connection:
            query = _STATES.where(jobs.c.id == job_id, jobs.c.client_id == client_id)
            row = connection.execute(query).mappings().first()
        return None if row is None else _state(row)

    def of(self, job_ids: Collection[str]) -> dict[str, JobState]:
        """Return the states of these jobs by id; missing jobs are omitted."""
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
