"""Order intake: one transaction writes the order, its log, and a log, a debit and a job for each distinct picture."""

from dataclasses import dataclass

import sqlalchemy as sa
from ulid import ULID

from service.accounts.ledger import debit
from service.catalogue.specs import stored_extra_sources
from service.database.clock import db_now
from service.database.commit import CommitUnanswered, in_transaction, was_written
from service.database.tables import jobs, orders, request_logs
from service.jobs.intake import JobIntake, job_values, log_values
from service.jobs.records import Asked, Kind
from service.jobs.turns import new_turns
from service.orders.records import AcceptedOrder, NewOrder, NoRoom
from service.storage.registry import use_source

#: Jobs whose messages the submit sends itself. The sweep sends the others within seconds.
SENT_AT_ONCE = 64


@dataclass(frozen=True)
class OrderIntake:
    """Creates orders in the database. Thread-safe; one instance serves the whole process."""

    engine: sa.Engine
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
        order_id, count, pictures = str(ULID()), len(new.jobs), sum(job.places for job in new.jobs)
        accepted = AcceptedOrder(order_id, new.request_id, pictures, count, new.cost)
        log = request_logs.insert().values(
            request_id=new.request_id,
            client_id=new.client_id,
            **vars(new.asked),
            pilot_brand=new.pilot_brand,
            idempotency_key=new.idempotency_key,
        )
        # Sorted, as the jobs of a client start in the order of their ids, and lists show them so.
        job_ids = sorted(str(ULID()) for _ in new.jobs)
        try:
            with in_transaction(self.engine) as connection:
                self.intake.log(connection, new.client_id, new.idempotency_key, log)
                sources = {key: True for job in new.jobs for key in stored_extra_sources(job.spec)}
                sources |= {job.source_key: job.source_known for job in new.jobs}
                for key, known in sorted(sources.items()):
                    use_source(connection, new.client_id, key, known=known)
                connection.execute(
                    orders.insert().values(
                        id=order_id,
                        request_id=new.request_id,
                        client_id=new.client_id,
                        reference=new.reference,
                        metadata=new.metadata,
                        pictures=pictures,
                        credits_cost=new.cost,
                    )
                )
                rows = [job_values(job, job_id) for job, job_id in zip(new.jobs, job_ids, strict=True)]
                version = max(row["spec_version"] for row in rows)
                turns = new_turns(connection, new.client_id, Kind.SWAP, version, count=count)
                if refusals := self.intake.refusals(connection, new.client_id, Kind.SWAP, coming=count):
                    raise NoRoom(refusals[0], count)
                rows = [row | {"turn": turn, "order_id": order_id} for row, turn in zip(rows, turns, strict=True)]
                connection.execute(request_logs.insert(), [log_values(job) for job in new.jobs])
                connection.execute(jobs.insert().values(sent_at=db_now()), rows[:SENT_AT_ONCE])
                if rows[SENT_AT_ONCE:]:
                    connection.execute(jobs.insert(), rows[SENT_AT_ONCE:])
                debit(connection, new.client_id, {row["id"]: row["credits_cost"] for row in rows})
        except CommitUnanswered as unanswered:
            if not was_written(self.engine, log.values(idempotency_key=None)):
                raise unanswered.__cause__ or unanswered from None
        return accepted, job_ids[:SENT_AT_ONCE]

    def first_answer(self, client_id: str, idempotency_key: str | None, asked: Asked) -> AcceptedOrder | None:
        """Return the first answer to this key; None for a new or expired key. Raises IdempotencyConflict."""
        columns = (orders.c.id, orders.c.pictures, orders.c.credits_cost)
        made = sa.select(sa.func.count()).where(jobs.c.order_id == orders.c.id).scalar_subquery().label("jobs")
        row = self.intake.logged(client_id, idempotency_key, asked, *columns, made)
        if row is None:
            return None
        return AcceptedOrder(row.id, row.request_id, row.pictures, row.jobs, row.credits_cost, repeated=True)
