"""Retries by operators: a failed job is made anew as another one, which is charged as any submit is.

The failed job stays as it is: its credits are back, its client was told, and no job leaves an end state. The new one
has the same request, resolved spec and seed, and names the failed one (`jobs.retry_of`, unique): it is made once.
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

#: Codes of failures that whoever asks again wants: their client ended these jobs itself.
_CLIENTS_OWN = ("cancelled", "source_deleted")


class RetryRefused(Exception):
    """Raised when a job can't be made anew; says why, in a sentence."""


@dataclass(frozen=True)
class Retried:
    """The job that a failed one was made anew as. `repeated`: it was there already, and nothing was charged now."""

    job_id: str
    retry_of: str
    credits_cost: int
    repeated: bool


@dataclass(frozen=True)
class Retries:
    """Makes failed jobs anew, with what that needs."""

    engine: sa.Engine
    intake: JobIntake
    jobs: Jobs
    sources: Bucket

    def retry(self, job_id: str) -> Retried:
        """Make a failed job anew and charge its client; the sweep sends it. Raises RetryRefused, SQLAlchemyError."""
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
            # Another operator was as quick.
            if (found := self._already(job_id)) is None:
                raise
            return found
        except InsufficientCredits as error:
            raise RetryRefused(f"It costs {error.cost} credits, and its client has {error.balance}.") from error
        except (SourceExpired, ObjectNotFound) as error:
            raise RetryRefused("Its photo is kept no longer.") from error
        except StoreUnavailable as error:
            raise RetryRefused(f"The object store does not answer: {error}. Try again when it does.") from error
        except TooManyUnfinishedJobs as error:
            raise RetryRefused(f"Its client has {error.limit} unfinished jobs already.") from error
        except QueueShareTaken as error:
            raise RetryRefused(f"Its client has {error.waiting} waiting jobs, its share of the queue now.") from error
        except QueueFull as error:
            raise RetryRefused("Too many jobs wait for a worker.") from error
        # The queue need not be reachable from here.
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
            raise RetryRefused("There is no such job.")
        if row["status"] != JobStatus.FAILURE:
            raise RetryRefused(f"It has not failed: {row['status']}. The sweep sends again what waits or was given up.")
        if row["error_code"] in _CLIENTS_OWN:
            raise RetryRefused(f"Its client ended it itself: {row['error_code']}.")
        if row["preview"]:
            raise RetryRefused("It is a preview: whoever wanted to see it has asked again.")
        if row["disabled_at"] is not None:
            raise RetryRefused("Its client is disabled.")
        return row
