"""A shop for tests: a client with credits on a database, the few moves that tests are made of, and a render."""

from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.accounts.clients import Accounts, Client
from service.jobs.intake import Accepted, JobIntake, NewJob
from service.jobs.records import Claim, Job, NewRender
from service.jobs.transitions import Jobs

RENDER = NewRender(
    public_id="",
    key="renders/a.jpg",
    output_preset="shopify_product",
    width=4,
    height=3,
    format="jpeg",
    content_type="image/jpeg",
    bytes=10,
    sha256="0" * 64,
    seed=7,
    warnings=["upscaled"],
    report={"palette": {}},
)


class Shop:
    """A client with credits on a database, and the few moves that the tests are made of."""

    def __init__(self, engine: sa.Engine, *, credits: int = 10, lease: float = 60.0, max_attempts: int = 2) -> None:
        self.engine = engine
        self.accounts = Accounts(engine)
        self.intake = JobIntake(engine)
        self.jobs = Jobs(engine, lease=lease, max_attempts=max_attempts)
        self.client: Client = self.accounts.add(f"shop-{ULID()}", credits=credits)[0]

    def order(self, cost: int = 2, **changes: Any) -> Accepted:
        fields: dict[str, Any] = {
            "request_id": str(ULID()),
            "client_id": self.client.id,
            "workflow": "background-swap-with-spec",
            "body": {},
            "body_sha256": "same",
            "spec": {"seed": 1},
            "source_key": "uploads/x.jpg",
            "credits_cost": cost,
        }
        return self.intake.create(NewJob(**fields | changes))

    def job(self, accepted: Accepted) -> Job:
        found = self.jobs.get(accepted.job_id, client_id=self.client.id)
        assert found is not None
        return found[0]

    def claim(self, accepted: Accepted) -> Claim:
        return claim_ahead(self.engine, self.jobs, accepted.job_id)

    @property
    def balance(self) -> int:
        balance, entries = self.accounts.credits(self.client.id, latest=1000)
        assert balance == sum(entry.amount for entry in entries)
        return balance


def claim_ahead(engine: sa.Engine, jobs: Jobs, job_id: str) -> Claim:
    """Claim a job as a worker does, but before those whose turn comes earlier."""
    with engine.begin() as connection:
        # By hand: nothing but the order is to change, the row's revision neither.
        ahead = "UPDATE jobs SET turn = (SELECT min(turn) FROM jobs) - 1 WHERE id = :id RETURNING turn"
        connection.execute(sa.text(ahead), {"id": job_id}).one()
    claim = jobs.claim()
    assert claim is not None
    assert claim.job_id == job_id
    return claim


def render() -> NewRender:
    return NewRender(**vars(RENDER) | {"public_id": str(ULID())})
