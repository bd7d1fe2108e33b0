"""Order intake: one transaction writes the order, its log, and a log, a debit and a job for each distinct picture."""

from dataclasses import dataclass

import sqlalchemy as sa
from ulid import ULID

from service.database.tables import jobs, orders
from service.jobs.intake import SENT_AT_ONCE, JobIntake, QueueFull, QueueShareTaken, TooManyUnfinishedJobs
from service.jobs.records import Asked
from service.orders.records import AcceptedOrder, NewOrder, NoRoom


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
