"""Retries by operators: a failed job gets a new job, charged like any submit.

The failed job does not change: its credits were refunded, its client was informed, and no job leaves an end state. The
new job has the same request, resolved spec and seed. It names the failed job (`jobs.retry_of`, unique), so that there
is only one retry.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.accounts.ledger import InsufficientCredits
from service.database.engine import reader
from service.database.tables import clients, jobs, request_logs
from service.jobs.intake import AlreadyRetried, JobIntake, NewJob, QueueFull, QueueShareTaken, TooManyUnfinishedJobs
from service.jobs.records import JobStatus, Operation, may_be_id
from service.jobs.transitions import Jobs
from service.storage.objects import Bucket, ObjectNotFound, StoreUnavailable
from service.storage.registry import SourceExpired

#: Error codes of jobs that the client ended itself. An operator does not retry them.
_CLIENTS_OWN = ("cancelled", "source_deleted")


class RetryRefused(Exception):
    """Raised if a job can't be retried. The message is a sentence with the reason."""


@dataclass(frozen=True)
class Retried:
    """The new job of a failed job. `repeated`: it already existed, so nothing was charged this time."""

    job_id: str
    retry_of: str
    credits_cost: int
    repeated: bool


@dataclass(frozen=True)
class Retries:
    """Retries failed jobs, with the parts that this needs."""

    engine: sa.Engine
    intake: JobIntake
    jobs: Jobs
    sources: Bucket

    def retry(self, job_id: str) -> Retried:
        """Retry a failed job and charge its client. The sweep sends it. Raises RetryRefused, SQLAlchemyError."""
        found = self._already(job_id)
        if found is not None:
            return found
        row = self._failed(job_id)
        new = NewJob(
            request_id=str(ULID()),
            **{name: row[name] for name in ("client_id", "workflow", "body", "body_sha256", "query", "spec")},
            **{name: row[name] for name in ("source_key", "credits_cost", "pilot_brand", "reference", "spec_version")},
            operation=Operation(row["operation"]),
            retry_of=job_id,
            source_known=True,
        )
        try:
            self.sources.size(new.source_key)
            accepted = self.intake.create(new)
        except (AlreadyRetried, sa.exc.IntegrityError):
            # Another operator retried it at the same moment.
            if (found := self._already(job_id)) is None:
                raise
            return found
        except InsufficientCredits as error:
            raise RetryRefused(
                f"It costs {error.cost} credits, but the client has {error.balance}. Grant credits first."
            ) from error
        except (SourceExpired, ObjectNotFound) as error:
            raise RetryRefused("Its photo has been deleted.") from error
        except StoreUnavailable as error:
            raise RetryRefused(f"The object store does not answer: {error}. Try again later.") from error
        except TooManyUnfinishedJobs as error:
            raise RetryRefused(f"The client already has {error.limit} unfinished jobs. Try again later.") from error
        except QueueShareTaken as error:
            raise RetryRefused(
                f"The client already has {error.waiting} waiting jobs, its share of the queue. Try again later."
            ) from error
        except QueueFull as error:
            raise RetryRefused("Too many jobs wait for a worker. Try again later.") from error
        # The queue server may be unreachable from here.
        self.jobs.mark_unsent(accepted.job_id)
        return Retried(accepted.job_id, job_id, accepted.credits_cost, repeated=False)

    def _already(self, job_id: str) -> Retried | None:
        query = sa.select(jobs.c.id, jobs.c.credits_cost).where(jobs.c.retry_of == job_id)
        with reader(self.engine).connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else Retried(row.id, job_id, row.credits_cost, repeated=True)

    def _failed(self, job_id: str) -> sa.RowMapping | dict[str, Any]:
        query = (
            sa.select(
                jobs, *(request_logs.c[name] for name in ("workflow", "body", "body_sha256", "query", "pilot_brand"))
            )
            .add_columns(clients.c.disabled_at)
            .join(request_logs, request_logs.c.request_id == jobs.c.request_id)
            .join(clients, clients.c.id == jobs.c.client_id)
            .where(jobs.c.id == job_id)
        )
        row = None
        if may_be_id(job_id):
            with reader(self.engine).connect() as connection:
                row = connection.execute(query).mappings().first()
        if row is None:
            raise RetryRefused("No job has this id.")
        if row["status"] != JobStatus.FAILURE:
            raise RetryRefused(
                f"It has not failed: {row['status']}. The sweep resends waiting and abandoned jobs itself."
            )
        if row["error_code"] in _CLIENTS_OWN:
            raise RetryRefused(f"The client ended it itself: {row['error_code']}.")
        if row["preview"]:
            raise RetryRefused("Previews cannot be retried. The client can request a new one.")
        if row["disabled_at"] is not None:
            raise RetryRefused("The client is disabled. Enable it first.")
        return row
