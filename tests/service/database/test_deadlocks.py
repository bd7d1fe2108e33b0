"""Transactions that lock several rows, run against each other: PostgreSQL finds no deadlock among them.

The docstring of `service.database.tables` has the lock order that prevents deadlocks.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from ulid import ULID

from service.accounts.clients import Accounts
from service.database.clock import db_now
from service.database.engine import create_engine
from service.database.tables import cutouts, jobs, ledger, mended_masks, orders, renders, request_logs, stored_objects
from service.jobs.intake import JobIntake, NewJob
from service.jobs.records import Asked, Claim, Kind
from service.jobs.transitions import Jobs
from service.jobs.turns import set_weight
from service.orders.records import NewOrder
from service.orders.store import OrderIntake
from service.settings import Settings
from service.storage.mask_registry import MaskRegistry
from service.storage.registry import ObjectRegistry, SourceExpired
from testkit.polling import at_once
from tests.support.databases import drop_database, migrated_database

#: Rows of each kind, and how often a pair starts.
ROWS, ROUNDS = 120, 12
PHOTO = "a" * 64
#: Orders that wait, with their clients.
ORDERED: list[tuple[str, str]] = []

Actor = Callable[[], object]


@dataclass
class Side:
    """One of two simultaneous sides, with connections of its own."""

    engine: sa.Engine
    rows: list[dict[str, Any]]
    clients: list[str]
    claims: list[Claim]

    def __post_init__(self) -> None:
        self.registry, self.masks = ObjectRegistry(self.engine), MaskRegistry(self.engine)
        self.jobs = Jobs(self.engine, lease=20, max_attempts=3)
        self.intake = JobIntake(self.engine)

    def all(self, mark: Callable[..., int], **more: Any) -> Actor:
        def run() -> None:
            while mark(older_than=0.0, limit=20, **more):
                pass

        return run

    def actors(self) -> dict[str, Actor]:
        registry = self.registry
        return {
            "renders": self.all(registry.mark_expired_renders),
            "previews": self.all(registry.mark_expired_renders, previews=True),
            "abandoned": self.all(registry.mark_expired_abandoned),
            "sources": self.all(registry.mark_expired_sources),
            "cached": self.all(partial(registry.mark_expired_cached, "cutouts")),
            "unnamed": self.all(self.masks.mark_unnamed),
            "forget": self.masks.forget_without_photo,
            "delete photos": self.delete_photos,
            "delete renders": self.delete_renders,
            "submit": self.submit,
            "order": self.order,
            "cancel orders": self.cancel_orders,
            "fail": partial(self.jobs.fail_abandoned, max_wait=0),
            "fail crashed": partial(self.jobs.fail_abandoned, max_wait=1e9),
            "unsent": partial(self.jobs.claim_unsent, Kind.SWAP, waiting=0, resend_after=0),
            "weights": self.weigh,
            "renew": lambda: [self.jobs.renew_leases(self.claims[n : n + 32]) for n in range(0, len(self.claims), 32)],
            "claim": self.claim,
        }

    def delete_photos(self) -> None:
        for row in self.rows[:8]:
            with self.registry.begin() as connection:
                key = row["source_key"]
                self.registry.mark_deleted_photo(connection, key, client_id=row["client_id"], writable=0)
                self.jobs.end_without_photo(connection, key)
                self.registry.mark_deleted_cutouts(connection, row["client_id"], {PHOTO}, writable=0)
                self.masks.forget_photo(connection, row["client_id"], key, {PHOTO})

    def delete_renders(self) -> None:
        for row in self.rows[: ROWS // 2]:
            self.registry.mark_deleted_render(row["public_id"], client_id=row["client_id"])

    def submit(self) -> None:
        for row in self.rows[:60]:
            new = NewJob(str(ULID()), row["client_id"], "w", {}, "", {}, row["source_key"], 1, source_known=True)
            with suppress(SourceExpired):
                self.intake.create(new)

    def order(self) -> None:
        """Order several photos at once, in another order each time."""
        for start in range(0, 60, 6):
            rows = [row for row in self.rows[start : start + 20] if row["client_id"] == self.rows[start]["client_id"]]
            client, keys = rows[0]["client_id"], [row["source_key"] for row in random.sample(rows, len(rows))]
            new = [NewJob(str(ULID()), client, "w", {}, "", {}, key, 1, source_known=True) for key in keys]
            asked = Asked("orders", {}, "", {})
            with suppress(SourceExpired):
                made, _ = OrderIntake(self.intake).create(
                    NewOrder(str(ULID()), client, asked, None, None, None, {}, new)
                )
                ORDERED.append((made.order_id, client))

    def cancel_orders(self) -> None:
        for order_id, client_id in [*ORDERED]:
            self.jobs.cancel_waiting(order_id, client_id=client_id)

    def weigh(self) -> None:
        for number in range(len(self.clients)):
            set_weight(self.engine, f"c{number}", 1 + number)

    def claim(self) -> None:
        while self.jobs.claim("w"):
            pass


class Ring:
    """A database, and two sides that use it at once."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url)
        accounts = Accounts(self.engine)
        self.clients = [accounts.add(f"c{n}", credits=10**6)[0].id for n in range(4)]
        shuffled = random.Random(1)
        self.token = str(ULID())
        self.rows: list[dict[str, Any]] = []
        for n in range(ROWS):
            client, job = shuffled.choice(self.clients), str(ULID())
            self.rows.append(
                {"job": job, "client_id": client, "source_key": f"uploads/{client}/{ULID()}.jpg", "preview": n % 2 == 1}
                | {"key": f"renders/{client}/{job}-1.jpg", "public_id": str(ULID())}
            )
        claims = [Claim(row["job"], row["client_id"], self.token, 3, {}, "") for row in self.rows]
        shuffled.shuffle(claims)
        self.sides = [Side(create_engine(url), self.rows, self.clients, claims) for _ in range(2)]
        self.deadlocks: Counter[str] = Counter()
        self.errors: list[BaseException] = []

    def reset(self, state: str) -> None:
        """Reset all rows; `state` is the state of the jobs. "ordered": some wait as orders of several."""
        order = random.sample(self.rows, len(self.rows))
        finished = "SUCCESS" if state == "over" else None
        running = state == "crashed"
        status = finished or ("IN_PROGRESS" if running else "NOT_STARTED")
        with self.engine.begin() as connection:
            for table in (ledger, renders, cutouts, mended_masks, stored_objects, jobs, orders, request_logs):
                grant = table.c.kind != "grant" if table is ledger else sa.true()
                connection.execute(table.delete().where(grant))
            log = {"workflow": "w", "body": {}, "body_sha256": ""}
            connection.execute(
                request_logs.insert(),
                [{"request_id": row["job"], "client_id": row["client_id"], **log} for row in order],
            )
            job = {"spec": {}, "credits_cost": 1, "status": status, "progress": 0.0, "attempt": 3 if running else 0}
            job |= {"lease_token": self.token if running else None}
            names = ["client_id", "source_key"]
            made = [{"id": row["job"], "request_id": row["job"]} | {name: row[name] for name in names} for row in order]
            connection.execute(jobs.insert(), [one | job for one in made])
            ends = {"finished_at": db_now(-60)} if finished else {}
            ends |= {"lease_until": db_now(-5)} if running else {}
            connection.execute(jobs.update().values(created_at=db_now(-100_000), **ends))
            picture = {"output_preset": "x", "width": 1, "height": 1, "format": "jpeg", "content_type": "", "bytes": 1}
            picture |= {"sha256": "", "seed": 1, "warnings": [], "report": {}}
            names = ["public_id", "client_id", "key", "preview"]
            shown = [{"job_id": row["job"]} | {name: row[name] for name in names} for row in order]
            connection.execute(renders.insert(), [one | picture for one in random.sample(shown, len(shown))])
            cut = {"photo_sha256": PHOTO, "width": 1, "height": 1, "facts": {}}
            cut |= dict.fromkeys(("mask_key", "preview_key", "photo_key"), "")
            owned = [{"job_id": row["job"], "client_id": row["client_id"]} for row in order]
            connection.execute(cutouts.insert(), [one | cut for one in random.sample(owned, len(owned))])
            stored: list[tuple[str, str, dict[str, Any], str | None]]
            stored = [("sources", row["source_key"], row, None) for row in order]
            stored += [("renders", row["key"], row, row["job"]) for row in order]
            stored += [("cutouts", f"cutouts/{row['client_id']}/{PHOTO}/{row['job']}", row, None) for row in order]
            stored += [("masks", f"masks/{row['client_id']}/{row['job']}.png", row, None) for row in order]
            objects = [
                {"bucket": bucket, "key": key, "client_id": row["client_id"], "job_id": job_id}
                for bucket, key, row, job_id in random.sample(stored, len(stored))
            ]
            connection.execute(stored_objects.insert(), objects)
        ORDERED.clear()
        if state == "ordered":
            self.sides[0].order()

    def play(self, state: str, *names: str) -> None:
        """Start both sides at the same instant."""
        self.reset(state)

        def act(actor: Actor) -> None:
            try:
                actor()
            except sa.exc.SQLAlchemyError as error:
                if getattr(getattr(error, "orig", None), "sqlstate", None) == "40P01":
                    self.deadlocks[" x ".join(names)] += 1
                else:
                    self.errors.append(error)

        pairs = zip(self.sides, names, strict=True)
        at_once(*(partial(act, side.actors()[name]) for side, name in pairs))


@pytest.fixture(scope="module")
def ring(postgresql_server: str) -> Iterator[Ring]:
    database = migrated_database(postgresql_server, "deadlocks")
    name = sa.make_url(database).database
    engine = create_engine(Settings(database_url=database).sqlalchemy_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET deadlock_timeout = '30ms'")  # found sooner
    engine.dispose()
    made = Ring(Settings(database_url=database).sqlalchemy_url)
    yield made
    for one in (made.engine, *(side.engine for side in made.sides)):
        one.dispose()
    drop_database(postgresql_server, "test_deadlocks")


#: First the pairs that once had deadlocks, then all that lock several rows of the same tables.
PAIRS = [
    ("over", "renders", "abandoned"),
    ("over", "previews", "abandoned"),
    ("over", "delete photos", "cached"),
    ("over", "unnamed", "unnamed"),
    ("over", "cached", "cached"),
    ("waiting", "unsent", "weights"),
    ("crashed", "fail crashed", "renew"),
    ("waiting", "delete photos", "submit"),
    ("waiting", "delete photos", "claim"),
    ("waiting", "delete photos", "fail"),
    ("crashed", "delete photos", "renew"),
    ("over", "delete photos", "forget"),
    ("over", "delete photos", "delete photos"),
    ("over", "forget", "forget"),
    ("over", "renders", "renders"),
    ("over", "renders", "previews"),
    ("over", "abandoned", "abandoned"),
    ("over", "sources", "sources"),
    ("over", "delete renders", "renders"),
    ("over", "delete renders", "abandoned"),
    ("waiting", "submit", "sources"),
    ("waiting", "fail", "fail"),
    ("waiting", "fail", "unsent"),
    ("waiting", "fail", "weights"),
    ("waiting", "fail", "claim"),
    ("waiting", "unsent", "unsent"),
    ("waiting", "weights", "claim"),
    ("waiting", "order", "order"),
    ("waiting", "order", "submit"),
    ("waiting", "order", "delete photos"),
    ("waiting", "order", "sources"),
    ("ordered", "cancel orders", "claim"),
    ("ordered", "cancel orders", "cancel orders"),
    ("ordered", "cancel orders", "fail"),
    ("ordered", "cancel orders", "delete photos"),
    ("ordered", "cancel orders", "unsent"),
    ("ordered", "fail", "delete photos"),
]


# The gate has a short version: `tests/service/jobs/test_turns.py`.
@pytest.mark.nightly
@pytest.mark.parametrize(("state", "first", "second"), PAIRS, ids=lambda name: name)
def test_no_two_transactions_deadlock(ring: Ring, state: str, first: str, second: str) -> None:
    for _ in range(ROUNDS):
        ring.play(state, first, second)
    assert (ring.deadlocks[f"{first} x {second}"], ring.errors) == (0, [])
