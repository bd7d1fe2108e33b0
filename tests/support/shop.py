"""Shops for tests: clients with credits on a database, the few moves that tests consist of, and a render."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.accounts.clients import Accounts, Client
from service.database.clock import db_now
from service.database.tables import jobs
from service.jobs.intake import Accepted, JobIntake, NewJob
from service.jobs.records import Asked, Claim, Job, NewCutout, NewRender, Operation, Render
from service.jobs.transitions import Jobs
from service.jobs.turns import set_weight
from service.orders.records import AcceptedOrder, NewOrder
from service.orders.store import OrderIntake

#: A render as a worker stores it, with the fields of every report.
REPORT: dict[str, Any] = {
    "palette": {"asked": [], "found": [], "mean_delta_e00": None},
    "fidelity": {"mean": 0.4, "p99": 1.2, "max": 2.0, "unit": "CIEDE2000", "pixels": 6, "of_pixels": 6},
    "preset": [],
    "cutout": {
        "confidence": 0.9,
        "warnings": [],
        "cut_sides": [],
        "where": {},
        "viewpoint": {},
    },
    "provenance": {
        "networks": {},
        "seed": 7,
        "kept_seed": 7,
        "attempts": 1,
        "tried": [],
        "cutout": "computed",
        "cut_by": "network",
        "background": "computed",
        "pinned": False,
        "scene": None,
        "timings": {},
    },
}
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
    report=REPORT,
)


class Shop:
    """A client with credits on a database, and the few moves that tests consist of."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        credits: int = 10,
        lease: float = 60.0,
        max_attempts: int = 2,
        sandbox: bool = False,
    ) -> None:
        self.engine = engine
        self.accounts = Accounts(engine)
        self.intake = JobIntake(engine)
        self.jobs = Jobs(engine, lease=lease, max_attempts=max_attempts)
        credits = 0 if sandbox else credits
        self.client: Client = self.accounts.add(f"shop-{ULID()}", credits=credits, sandbox=sandbox)[0]

    def order(self, cost: int = 2, **changes: Any) -> Accepted:
        fields: dict[str, Any] = {
            "request_id": str(ULID()),
            "client_id": self.client.id,
            "workflow": "background-swap-with-spec",
            # other bytes, another meaning
            "body": {"scene_type": changes.get("body_sha256", "same")},
            "body_sha256": "same",
            "spec": {"seed": 1},
            "source_key": "uploads/x.jpg",
            "credits_cost": cost,
        }
        return self.intake.create(NewJob(**fields | changes))

    def order_many(
        self, count: int, cost: int = 2, key: str | None = None, *, source_key: str = "uploads/x.jpg"
    ) -> tuple[AcceptedOrder, list[str]]:
        """Order several pictures at once, and return the order with its jobs in their order."""
        fields: dict[str, Any] = {"client_id": self.client.id, "workflow": "background-swap-with-spec", "body": {}}
        fields |= {"body_sha256": "same", "source_key": source_key, "credits_cost": cost}
        pictures = [
            NewJob(request_id=str(ULID()), spec={"seed": 1, "picture": [number, 0, 0]}, **fields)
            for number in range(count)
        ]
        asked = Asked("orders", {"photos": count}, f"{count} pictures", {})
        new = NewOrder(str(ULID()), self.client.id, asked, key, None, None, {}, pictures)
        accepted, _ = OrderIntake(self.intake).create(new)
        query = sa.select(jobs.c.id).where(jobs.c.order_id == accepted.order_id).order_by(jobs.c.id)
        with self.engine.connect() as connection:
            return accepted, list(connection.execute(query).scalars())

    def cut_out(self, **changes: Any) -> str:
        """Order a cut-out and mark it as done, without objects in a store."""
        accepted = self.order(cost=0, operation=Operation.CUTOUT, spec={}, workflow="cutouts", **changes)
        keys = [f"masks/{self.client.id}/{accepted.job_id}.{kind}" for kind in ("png", "jpg")]
        self.jobs.succeed(self.claim(accepted), NewCutout("0" * 64, 4, 3, keys[0], keys[0], keys[1], facts={}))
        return accepted.job_id

    def found(self, accepted: Accepted) -> tuple[Job, Render | None]:
        found = self.jobs.get(accepted.job_id, client_id=self.client.id)
        assert found is not None
        return found

    def job(self, accepted: Accepted) -> Job:
        return self.found(accepted)[0]

    def render(self, accepted: Accepted) -> Render:
        """Return the render of a job that has one."""
        render = self.found(accepted)[1]
        assert render is not None
        return render

    def start(self) -> Claim:
        """Claim the job whose turn it is."""
        claim = self.jobs.claim()
        assert claim is not None
        return claim

    def claim(self, accepted: Accepted) -> Claim:
        return claim_ahead(self.engine, self.jobs, accepted.job_id)

    def claim_of(self, job_id: str) -> Claim:
        return claim_ahead(self.engine, self.jobs, job_id)

    def end_lease(self, accepted: Accepted) -> None:
        end_lease(self.engine, accepted.job_id)

    @property
    def balance(self) -> int:
        balance, entries, _ = self.accounts.credits(self.client.id, limit=1000)
        assert balance == sum(entry.amount for entry in entries)
        return balance


class Street:
    """Some shops with the same workers."""

    def __init__(self, engine: sa.Engine, *names: str, sandboxes: str = "") -> None:
        self.engine = engine
        self.shops = {name: Shop(engine, credits=1000, sandbox=name in sandboxes) for name in names}
        self.moves = next(iter(self.shops.values())).jobs
        self.names = {shop.client.id: name for name, shop in self.shops.items()}

    def order(self, names: Iterable[str]) -> list[str]:
        return [self.shops[name].order(cost=0 if self.shops[name].client.sandbox else 1).job_id for name in names]

    def start(self) -> Claim:
        claim = self.moves.claim()
        assert claim is not None
        return claim

    def started(self, many: int) -> str:
        """Start the next jobs and return their clients' names."""
        return "".join(self.names[self.start().client_id] for _ in range(many))

    def weigh(self, name: str, weight: int) -> None:
        set_weight(self.engine, self.shops[name].client.name, weight)

    def cancel(self, name: str, *job_ids: str) -> None:
        for job_id in job_ids:
            self.shops[name].jobs.cancel(job_id, client_id=self.shops[name].client.id)


def claim_ahead(engine: sa.Engine, jobs: Jobs, job_id: str) -> Claim:
    """Claim this job as a worker does, ahead of earlier turns."""
    with engine.begin() as connection:
        # By hand: only the order may change, not the row's revision.
        ahead = "UPDATE jobs SET turn = (SELECT min(turn) FROM jobs) - 1 WHERE id = :id RETURNING turn"
        connection.execute(sa.text(ahead), {"id": job_id}).one()
    claim = jobs.claim()
    assert claim is not None
    assert claim.job_id == job_id
    return claim


def end_lease(engine: sa.Engine, job_id: str) -> None:
    """Let a job's lease, or its pause before the next attempt, expire."""
    # Sent before, but too recently to count as lost.
    sent = sa.case((jobs.c.sent_at.is_not(None), db_now(-2)))
    with engine.begin() as connection:
        past = {"lease_until": db_now(-1), "sent_at": sent, "revision": jobs.c.revision}
        connection.execute(jobs.update().where(jobs.c.id == job_id).values(**past))


def render() -> NewRender:
    return NewRender(**vars(RENDER) | {"public_id": str(ULID())})
