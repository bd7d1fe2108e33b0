"""Start-time fair queueing over clients: which job is started next (Goyal, Vin and Cheng, SIGCOMM 1996).

Every job has a turn, an instant of virtual time, and the earliest turn is started first. Virtual time now is the latest
turn that was started. A client's next job comes a stride after the one before it, and never before now: who was idle
has saved up nothing. `service/README.md` has the rule, and why it starves nobody.
"""

from typing import Any

import sqlalchemy as sa

from service.accounts.clients import UnknownClient
from service.database.tables import UNFINISHED, clients, jobs
from service.jobs.records import JobStatus

#: Virtual time from a job to the next one of a client of weight 1; divisible by every weight to 16, and by many more.
ROUND = 720_720
MAX_WEIGHT = 1000

WAITING = sa.and_(UNFINISHED, jobs.c.status == JobStatus.NOT_STARTED)
#: The order in which jobs are started. Turns are equal where clients are in the same round; ids are made in time's.
ORDER = (jobs.c.turn, jobs.c.id)
#: What is unfinished, in the words of the index that has all clients' jobs in that order.
IN_ORDER = jobs.c.finished_at.is_(None)


def _latest(*turns: sa.Select[Any]) -> sa.ScalarSelect[Any]:
    # The maximum of several values has another name on each database; that of a union's rows has the same.
    found = sa.union_all(*turns).subquery()
    return sa.select(sa.func.max(found.c[0])).scalar_subquery()


# The statements are made once: to make one takes longer than to execute it.
_of_client = sa.bindparam("of_client", type_=sa.String)
_own = sa.and_(WAITING, jobs.c.client_id == _of_client)
_stride = sa.literal_column(str(ROUND), sa.BigInteger) // clients.c.weight
#: Now, and behind what was started: the latest of them is the earliest turn of a client's next job.
_EARLIEST = (
    sa.select(sa.func.max(clients.c.turn)),
    sa.select(clients.c.turn + _stride).where(clients.c.id == _of_client),
)
_LOCK = sa.select(clients.c.id).where(clients.c.id == _of_client).with_for_update(key_share=True)
_last = sa.select(sa.func.max(jobs.c.turn)).where(_own).scalar_subquery()
_NEW_TURN = sa.select(_latest(*_EARLIEST, sa.select(_last + _stride).where(clients.c.id == _of_client)))
_started = sa.bindparam("started", type_=sa.BigInteger)
_up_to = _latest(*_EARLIEST, sa.select(_started), sa.select(_started + _stride).where(clients.c.id == _of_client))
_up_to_version = sa.bindparam("up_to_version", type_=sa.Integer)
_able = jobs.c.spec_version <= _up_to_version
_first = sa.select(jobs.c.id).where(_own, _able).order_by(*ORDER).limit(1).correlate(None)
_late = (
    sa.select(jobs.c.id)
    .where(WAITING, jobs.c.id == _first.scalar_subquery(), jobs.c.turn > _up_to)
    # Who holds it mostly starts or ends it, and moves up the one behind it; two that wait could wait crosswise.
    .with_for_update(skip_locked=True)
    .correlate(None)
)
_MOVE_UP = jobs.update().where(jobs.c.id == _late.scalar_subquery()).values(turn=_up_to)
_head = sa.select(sa.func.min(jobs.c.turn)).where(_own, _able).scalar_subquery()
_next = sa.select(clients.c.turn + _stride).where(clients.c.id == _of_client).scalar_subquery()
_all = sa.select(jobs.c.id).where(_own, _able, _head < _next).order_by(*ORDER).with_for_update(skip_locked=True)
_MOVE_BACK = jobs.update().where(jobs.c.id.in_(_all.correlate(None))).values(turn=jobs.c.turn + _next - _head)
_PASSED_OVER = sa.select(jobs.c.client_id).distinct().where(WAITING, sa.not_(_able)).order_by(jobs.c.client_id)


def new_turn(connection: sa.Connection, client_id: str) -> int:
    """Return the turn of a new job of a client: behind all of its own.

    Holds the client's row until the transaction ends, so that a client's jobs are given their turns one after another.
    """
    connection.execute(_LOCK, {"of_client": client_id})
    return int(connection.execute(_NEW_TURN, {"of_client": client_id}).scalar_one())


def charge(connection: sa.Connection, client_id: str, turn: int, version: int, *, passed_over: bool) -> None:
    """Charge a client for the start of its job of that turn, by a worker of that version of specs.

    A job that is started again costs nothing more. `passed_over`: older workers may have passed over the job.
    """
    # Jobs before clients, as whoever ends a job does it: nobody waits crosswise.
    move_up(connection, client_id, version, started=turn)
    charged = clients.update().where(clients.c.id == client_id, clients.c.turn < turn).values(turn=turn)
    if connection.execute(charged).rowcount == 0 and passed_over:
        # Not where claims of one client end in another order than they began: this locks its waiting jobs, and a claim
        # at the same moment would find none.
        # It was passed over, and others of its client's started since: those that wait with it get no turns at once.
        connection.execute(_MOVE_BACK, {"of_client": client_id, "up_to_version": version})


def move_up(connection: sa.Connection, client_id: str, version: int, *, started: int = 0) -> None:
    """Move a client's first waiting job up to the earliest turn it may have: those before it may have been cancelled.

    The first of those that workers of that `version` of specs can do. Those behind it follow one by one, each as it
    becomes the first. `started`: a turn of the client's that is started and not charged yet.
    """
    connection.execute(_MOVE_UP, {"of_client": client_id, "started": started, "up_to_version": version})


def move_up_past(connection: sa.Connection, version: int) -> None:
    """Move up the clients that have waiting jobs above that `version` of specs: none of their others waits for those.

    Reads every waiting job: for now and then.
    """
    for client_id in connection.execute(_PASSED_OVER, {"up_to_version": version}).scalars().all():
        move_up(connection, client_id, version)


def set_weight(engine: sa.Engine, name: str, weight: int) -> None:
    """Give a client `weight` times the share of a client of weight 1; its waiting jobs get their turns anew.

    Raises UnknownClient, and ValueError unless 1 <= weight <= MAX_WEIGHT.
    """
    if not 1 <= weight <= MAX_WEIGHT:
        raise ValueError(f"A weight is 1 to {MAX_WEIGHT}.")
    with engine.begin() as connection:
        client_id = connection.execute(sa.select(clients.c.id).where(clients.c.name == name)).scalar()
        if client_id is None:
            raise UnknownClient(f"There is no client named {name!r}.")
        # Jobs before clients here, too, by id (`service.database.tables`).
        own = sa.select(*ORDER).where(WAITING, jobs.c.client_id == client_id).order_by(jobs.c.id).with_for_update()
        waiting = [job_id for _, job_id in sorted((row.turn, row.id) for row in connection.execute(own))]
        connection.execute(clients.update().where(clients.c.id == client_id).values(weight=weight))
        turn = connection.execute(sa.select(_latest(*_EARLIEST)), {"of_client": client_id}).scalar_one()
        for place, job_id in enumerate(waiting):
            anew = turn + place * (ROUND // weight)
            connection.execute(jobs.update().where(WAITING, jobs.c.id == job_id).values(turn=anew))
