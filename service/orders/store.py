"""Orders in the database: their intake, one, a list, an order's pictures, and its cancellation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.database.clock import db_now
from service.database.engine import reader
from service.database.paging import EVERYTHING, Filters, Page, read_page
from service.database.tables import jobs, orders
from service.jobs.intake import SENT_AT_ONCE, JobIntake, QueueFull, QueueShareTaken, TooManyUnfinishedJobs
from service.jobs.listing import JOBS, job_of
from service.jobs.records import Asked, may_be_id
from service.jobs.transitions import Jobs
from service.orders.records import AcceptedOrder, NewOrder, NoRoom, Order, OrderFinished, Picture
from service.webhooks.order_end import STATUS, tallies

#: Pictures that an archive or a contact sheet reads at once.
_PAGE = 100
#: One statement, as `read_page` keeps statements by their query.
_ORDERS = sa.select(orders)


class Orders:
    """The orders in one database. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine, jobs: Jobs) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._jobs = jobs

    def get(self, order_id: str, *, client_id: str) -> Order | None:
        """Return the client's order; None if the client has no order with this id."""
        if not may_be_id(order_id):
            return None
        query = _ORDERS.where(orders.c.id == order_id, orders.c.client_id == client_id)
        with self._reader.connect() as connection:
            found = self._counted(list(map(dict, connection.execute(query).mappings())))
        return found[0] if found else None

    def page(
        self, client_id: str, *, limit: int, cursor: str | None = None, filters: Filters = EVERYTHING
    ) -> Page[Order]:
        """Return a page of the client's orders, newest first: `limit` after the cursor.

        The filters' reference, pairs, times and statuses apply; an order has several scenes and presets.
        """
        asked = {orders.c.client_id: client_id, orders.c.reference: filters.reference}
        narrowed = [*filters.created(orders.c.id, orders.c.created_at)]
        narrowed += filters.pairs("orders.metadata", self._engine.dialect.name)
        narrowed += filters.statuses(STATUS)
        page = read_page(self._reader, _ORDERS, orders.c.id, dict, asked, limit, cursor, narrowed)
        return Page(self._counted(page.items), page.next_cursor)

    def pictures(self, order_id: str, *, client_id: str, limit: int, cursor: str | None = None) -> Page[Picture]:
        """Return a page of the pictures of the client's order, in the order in which they start.

        The cursor is the job of the last picture and, as ID.N, how many of its N places were there.
        """
        job_id, _, done = (cursor or "").partition(".")
        query = JOBS.where(jobs.c.order_id == order_id, jobs.c.client_id == client_id)
        query = query.where(jobs.c.id >= job_id if done else jobs.c.id > job_id).order_by(jobs.c.id)
        with self._reader.connect() as connection:
            # one more for the next page, and one of which all places may be done
            rows = connection.execute(query.limit(limit + 2)).mappings().all()
        places = ((f"{row['id']}.{at}", one) for row in rows for at, one in enumerate(_pictures(row), 1))
        found = list(islice(places, int(done or 0), int(done or 0) + limit + 1))
        more = len(found) > limit
        return Page([one for _, one in found[:limit]], found[limit - 1][0] if more else None)

    def all_pictures(self, order_id: str, *, client_id: str) -> Iterator[Picture]:
        """Yield the pictures, as `pictures` returns them, a page at a time."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.pictures(order_id, client_id=client_id, limit=_PAGE, cursor=cursor)
            yield from page.items
            cursor = page.next_cursor

    def cancel(self, order_id: str, *, client_id: str) -> Order | None:
        """Cancel the pictures of the client's order that have not begun, and return the order. Each is refunded.

        A repeat cancels nothing more than is still waiting. None if the client has no order with this id. Raises
        OrderFinished.
        """
        order = self.get(order_id, client_id=client_id)
        if order is None:
            return None
        if order.completed_at is not None and order.cancelled_at is None:
            raise OrderFinished
        first = sa.and_(orders.c.id == order_id, orders.c.cancelled_at.is_(None))
        with self._engine.begin() as connection:
            connection.execute(orders.update().where(first).values(cancelled_at=db_now()))
        self._jobs.cancel_waiting(order_id, client_id=client_id)
        return self.get(order_id, client_id=client_id)

    def _counted(self, rows: Sequence[Mapping[Any, Any]]) -> list[Order]:
        with self._reader.connect() as connection:
            counted = tallies(connection, [row["id"] for row in rows]) if rows else {}
        names = [name for name in Order.__dataclass_fields__ if name != "tally"]
        return [Order(**{name: row[name] for name in names}, tally=counted[row["id"]]) for row in rows]


def _pictures(row: sa.RowMapping) -> Iterator[Picture]:
    """Yield the pictures of a job of an order, one for each of its places. The first has its credits."""
    job, render = job_of(row)
    photo, variant, preset = row["spec"]["picture"]
    yield Picture(photo, variant, preset, job, render)
    for one in row["spec"].get("also", ()):
        photo, variant, preset = one["place"]
        there = replace(job, **one["shown"], credits_cost=0, credits_refunded=0)
        yield Picture(photo, variant, preset, there, render)


@dataclass(frozen=True)
class OrderIntake:
    """Creates orders in the database. Thread-safe; one instance serves the whole process."""

    intake: JobIntake

    def create(self, new: NewOrder) -> tuple[AcceptedOrder, list[str]]:
        """Create all of the order's jobs or none. Return the answer, and the jobs whose messages must be sent now.

        Raises InsufficientCredits for the whole price, NoRoom, and what `JobIntake.create` raises.
        """

        def first() -> tuple[AcceptedOrder, list[str]] | None:
            found = self.first_answer(new.client_id, new.idempotency_key, new.asked)
            return None if found is None else (found, [])

        return self.intake.once(new.idempotency_key, lambda: self._create(new), first)

    def _create(self, new: NewOrder) -> tuple[AcceptedOrder, list[str]]:
        accepted = AcceptedOrder(
            str(ULID()), new.request_id, sum(job.places for job in new.jobs), len(new.jobs), new.cost
        )
        request = {"request_id": new.request_id, "client_id": new.client_id}
        log = {**request, **vars(new.asked), "pilot_brand": new.pilot_brand, "idempotency_key": new.idempotency_key}
        about = {"reference": new.reference, "metadata": new.metadata, "pictures": accepted.pictures}
        order = {**request, **about, "id": accepted.order_id, "credits_cost": new.cost}
        try:
            job_ids = self.intake.write(new.jobs, log, order)
        except (TooManyUnfinishedJobs, QueueFull, QueueShareTaken) as refusal:
            raise NoRoom(refusal, len(new.jobs)) from refusal
        return accepted, job_ids[:SENT_AT_ONCE]

    def first_answer(self, client_id: str, idempotency_key: str | None, asked: Asked) -> AcceptedOrder | None:
        """Return the first answer to this key; None for a new or expired key. Raises IdempotencyConflict."""
        columns = (orders.c.id, orders.c.pictures, orders.c.credits_cost)
        made = sa.select(sa.func.count()).where(jobs.c.order_id == orders.c.id).scalar_subquery().label("jobs")
        row = self.intake.logged(client_id, idempotency_key, asked, *columns, made)
        if row is None:
            return None
        return AcceptedOrder(row.id, row.request_id, row.pictures, row.jobs, row.credits_cost, repeated=True)
