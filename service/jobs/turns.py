"""Start-time fair queueing over clients: which job starts next (Goyal, Vin and Cheng, SIGCOMM 1996).

Each job has a turn, an instant of virtual time, and the earliest turn starts first. The current virtual time is the
latest turn that has started. A client's next job comes a stride after its previous one, and never before the current
time, so idle clients save up nothing. `docs/concepts/fairness.md` has the rule and its bound.

Workers may take only some kinds of work, so one kind can be ahead of another in virtual time. Therefore the jobs of
each kind form a line of their own. In a line, neither the current time nor a client's last started turn counts for more
than the first waiting job of other clients.

Jobs of sandboxes start after all live jobs, so their turns are later than all others by BEHIND. Among themselves they
take turns in the same way.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from service.accounts.clients import UnknownClient
from service.database.tables import UNFINISHED, clients, jobs
from service.jobs.records import JobStatus, Kind, Operation, kind_of

#: Virtual time between two jobs of a client of weight 1; divisible by all weights up to 16 and many more.
ROUND = 720_720
MAX_WEIGHT = 1000
#: Added to the turns of sandboxes' jobs; clients' turns are without it.
BEHIND = 10**18
_BEHIND = sa.literal_column(str(BEHIND), sa.BigInteger)

WAITING = sa.and_(UNFINISHED, jobs.c.status == JobStatus.NOT_STARTED)
#: The order in which jobs start. Clients in the same round have equal turns; ids are ordered by time.
ORDER = (jobs.c.turn, jobs.c.id)
#: The condition of unfinished jobs, written as in the index that has all clients' jobs in this order.
IN_ORDER = jobs.c.finished_at.is_(None)


def _of(pick: Any, *turns: sa.Select[Any]) -> sa.ScalarSelect[Any]:
    # The maximum of several values has a different name on each database; that of a union's rows has the same.
    found = sa.union_all(*turns).subquery()
    return sa.select(pick(found.c[0])).scalar_subquery()


def _latest(*turns: sa.Select[Any]) -> sa.ScalarSelect[Any]:
    return _of(sa.func.max, *turns)


def of_kind(kind: Any, preview: Any) -> sa.ColumnElement[bool]:
    """Return the condition of jobs of an operation, either previews or others. The index of kinds begins with it."""
    return sa.and_(jobs.c.preview == preview, jobs.c.operation == kind)


def _behind(client_id: Any) -> sa.ScalarSelect[Any]:
    behind = sa.case((clients.c.sandbox, _BEHIND), else_=0)
    return sa.select(behind).where(clients.c.id == client_id).correlate(None).scalar_subquery()


def of_peers(client_id: Any) -> sa.ColumnElement[bool]:
    """Return the condition of jobs of all sandboxes if the client is one, and of all live clients if it is not."""
    behind = _behind(client_id)
    return sa.and_(jobs.c.turn >= behind, jobs.c.turn < behind + _BEHIND)


# The statements are built once, because building takes longer than executing them.
_of_client = sa.bindparam("of_client", type_=sa.String)
_up_to_version = sa.bindparam("up_to_version", type_=sa.Integer)
_able = jobs.c.spec_version <= _up_to_version
_kind = of_kind(sa.bindparam("of_operation", type_=sa.String), sa.bindparam("of_preview", type_=sa.Boolean))
_own = sa.and_(WAITING, jobs.c.client_id == _of_client, _kind)
_stride = sa.literal_column(str(ROUND), sa.BigInteger) // clients.c.weight
_others = (
    sa.select(jobs.c.turn)
    .where(jobs.c.status == JobStatus.NOT_STARTED, jobs.c.client_id != _of_client, _able, of_peers(_of_client))
    .order_by(*ORDER)
    .limit(1)
    .correlate(None)
)
#: The first turn of other clients in the line, or in all lines if this one is empty. It keeps idle clients from
#: jumping ahead, and limits the wait for jobs started of another kind to a stride. NULL if no other client waits.
_line = sa.select(
    sa.func.coalesce(_others.where(UNFINISHED, _kind).scalar_subquery(), _others.where(IN_ORDER).scalar_subquery())
    % _BEHIND
)
_now = _of(sa.func.min, sa.select(sa.func.max(clients.c.turn)), _line)
_served = _of(sa.func.min, sa.select(clients.c.turn).where(clients.c.id == _of_client), _line)
_next = sa.select(_served + _stride).where(clients.c.id == _of_client)
#: The current time, and one stride after what was started. The later of them is the earliest turn of the next job.
_EARLIEST = (sa.select(_now), _next)
_LOCK = sa.select(clients.c.id).where(clients.c.id == _of_client).with_for_update(key_share=True)
_last = sa.select(sa.func.max(jobs.c.turn)).where(_own).scalar_subquery()
_LAST = sa.select(_last % _BEHIND + _stride).where(clients.c.id == _of_client)
_NEW_TURN = sa.select(_latest(*_EARLIEST, _LAST) + _behind(_of_client))
_started = sa.bindparam("started", type_=sa.BigInteger)
_after = sa.select(_started + _stride).where(clients.c.id == _of_client)
_up_to = _latest(*_EARLIEST, sa.select(_started), _after) + _behind(_of_client)
_first = sa.select(jobs.c.id).where(_own, _able).order_by(*ORDER).limit(1).correlate(None)
_late = (
    sa.select(jobs.c.id)
    .where(WAITING, jobs.c.id == _first.scalar_subquery(), jobs.c.turn > _up_to)
    # Locked rows are skipped: their holder mostly starts or ends the job and moves up the next, and waiting for it
    # could deadlock.
    .with_for_update(skip_locked=True)
    .correlate(None)
)
_MOVE_UP = jobs.update().where(jobs.c.id == _late.scalar_subquery()).values(turn=_up_to)
_head = sa.select(sa.func.min(jobs.c.turn) % _BEHIND).where(_own, _able).scalar_subquery()
_due = _next.scalar_subquery()
_all = sa.select(jobs.c.id).where(_own, _able).order_by(*ORDER).with_for_update(skip_locked=True).correlate(None)
_MOVE_BACK = jobs.update().where(jobs.c.id.in_(_all.where(_head < _due))).values(turn=jobs.c.turn + _due - _head)
_contended = _line.scalar_subquery().is_not(None)
_owed = (
    sa.bindparam("pictures", type_=sa.BigInteger)
    * sa.select(_stride).where(clients.c.id == _of_client).scalar_subquery()
)
_OWE = jobs.update().where(jobs.c.id.in_(_all), _contended).values(turn=jobs.c.turn + _owed)
_PAY = clients.update().where(clients.c.id == _of_client, _contended).values(turn=clients.c.turn + _owed)
_LINES = sa.select(jobs.c.client_id, jobs.c.operation, jobs.c.preview).distinct()
_PASSED_OVER = _LINES.where(WAITING, sa.not_(_able)).order_by(*_LINES.selected_columns)


def _in_line(client_id: str, kind: str, version: int) -> dict[str, Any]:
    operation = Operation.SWAP if kind == Kind.PREVIEW else kind
    line = {"of_operation": operation, "of_preview": kind == Kind.PREVIEW}
    return {"of_client": client_id, "up_to_version": version, **line}


def taken(kinds: Collection[str]) -> sa.ColumnElement[bool]:
    """Return the condition of the jobs that workers of these kinds start, without unknown operations.

    It is written to match only the index that has these jobs in order. With statistics from before a burst, PostgreSQL
    would otherwise read all waiting jobs of other kinds, as it does for workers of two kinds.
    """
    if set(kinds) >= set(Kind):
        return sa.and_(IN_ORDER, jobs.c.operation.in_(list(Operation)))
    lines = (_in_line("", kind, 0) for kind in sorted(kinds))
    unfinished = UNFINISHED if len(kinds) == 1 else IN_ORDER
    return sa.and_(unfinished, sa.or_(*(of_kind(line["of_operation"], line["of_preview"]) for line in lines)))


def new_turns(connection: sa.Connection, client_id: str, kind: str, version: int, *, count: int = 1) -> list[int]:
    """Return the turns of `count` new jobs of a client up to this version of the spec, one after another.

    They are behind all of the client's own jobs of the kind. Locks the client's row until the transaction ends, so that
    a client's jobs get their turns one at a time.
    """
    connection.execute(_LOCK, {"of_client": client_id})
    first = connection.execute(_NEW_TURN, _in_line(client_id, kind, version)).scalar_one()
    stride = connection.execute(sa.select(_stride).where(clients.c.id == client_id)).scalar_one() if count > 1 else 0
    return [int(first + number * stride) for number in range(count)]


def charge(connection: sa.Connection, client_id: str, kind: str, turn: int, version: int, *, passed_over: bool) -> None:
    """Charge a client for the start of its job of this turn, by a worker of this version of specs.

    Starting a job again costs nothing. `passed_over`: older workers may have passed over the job.
    """
    # Jobs before clients, the same order as when a job ends, to avoid deadlocks.
    turn %= BEHIND
    move_up(connection, client_id, kind, version, started=turn)
    charged = clients.update().where(clients.c.id == client_id, clients.c.turn < turn).values(turn=turn)
    if connection.execute(charged).rowcount == 0 and passed_over:
        # Other jobs of the client started after this one was passed over, so its waiting jobs must not all get their
        # turns at once. Only for passed-over jobs: this locks the client's waiting jobs, and a concurrent claim would
        # find none.
        connection.execute(_MOVE_BACK, _in_line(client_id, kind, version))


def charge_more(connection: sa.Connection, client_id: str, kind: str, version: int, pictures: int) -> None:
    """Charge a client a stride for each of the further `pictures` of a job, if another client waits.

    Its waiting jobs of the kind move back.
    """
    if pictures:
        line = _in_line(client_id, kind, version) | {"pictures": pictures}
        connection.execute(_OWE, line)
        connection.execute(_PAY, line)


def move_up(connection: sa.Connection, client_id: str, kind: str, version: int, *, started: int = 0) -> None:
    """Move a client's first job of a line to its earliest possible turn, as jobs before it may have been cancelled.

    Only jobs that workers of this `version` of specs can run count. The jobs behind it follow one by one, each when it
    becomes the first. `started`: a turn of the client, without BEHIND, that has started but is not charged yet.
    """
    connection.execute(_MOVE_UP, _in_line(client_id, kind, version) | {"started": started})


def move_up_past(connection: sa.Connection, version: int) -> None:
    """Move up the jobs of clients that also have waiting jobs above this `version` of specs.

    It reads all waiting jobs, so call it rarely.
    """
    for client_id, operation, preview in connection.execute(_PASSED_OVER, {"up_to_version": version}).all():
        move_up(connection, client_id, kind_of(operation, preview), version)


def set_weight(engine: sa.Engine, name: str, weight: int) -> None:
    """Give a client `weight` times the share of a client of weight 1, and new turns to its waiting jobs.

    Raises UnknownClient, and ValueError unless 1 <= weight <= MAX_WEIGHT.
    """
    if not 1 <= weight <= MAX_WEIGHT:
        raise ValueError(f"A weight must be 1 to {MAX_WEIGHT} (received {weight}).")
    with engine.begin() as connection:
        client_id = connection.execute(sa.select(clients.c.id).where(clients.c.name == name)).scalar()
        if client_id is None:
            raise UnknownClient(f"There is no client named {name!r}. `backdrop clients list` shows all clients.")
        # Jobs before clients, sorted by id, here too (`service.database.tables`).
        own = sa.select(*ORDER, jobs.c.operation, jobs.c.preview, jobs.c.spec_version)
        locked = own.where(WAITING, jobs.c.client_id == client_id).order_by(jobs.c.id).with_for_update()
        waiting = sorted(connection.execute(locked).all(), key=lambda job: (job.turn, job.id))
        connection.execute(clients.update().where(clients.c.id == client_id).values(weight=weight))
        anew: dict[str, int] = {}
        for job in waiting:
            kind = kind_of(job.operation, job.preview)
            if kind not in anew:
                line = _in_line(client_id, kind, job.spec_version)
                anew[kind] = connection.execute(sa.select(_latest(*_EARLIEST) + _behind(_of_client)), line).scalar_one()
            connection.execute(jobs.update().where(WAITING, jobs.c.id == job.id).values(turn=anew[kind]))
            anew[kind] += ROUND // weight
