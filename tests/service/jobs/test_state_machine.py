"""Jobs and credits against a model: any order of moves gives the results of the rules, on both databases.

Time passes by moving the rows' times into the past, in steps so large that the test's own seconds do not count.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ulid import ULID

from service.accounts.clients import Accounts
from service.accounts.ledger import InsufficientCredits
from service.database.engine import create_engine
from service.database.schema import migrate
from service.database.tables import clients, jobs, ledger, metadata, renders
from service.diagnostics.audit import Bounds, audit
from service.jobs.intake import Accepted, IdempotencyConflict, JobIntake, NewJob
from service.jobs.records import Claim, JobFinished, Kind, LeaseLost
from service.jobs.transitions import Jobs
from service.settings import Settings
from tests.support.databases import emptied_database
from tests.support.shop import render

#: Seconds. Time passes in steps of 1000: a lease is over after two of them, an unstarted message lost after one.
STEP, LEASE, RESEND_AFTER, MAX_WAIT, MAX_ATTEMPTS = 1000.0, 1500.0, 500.0, 2500.0, 2

#: Few jobs, so that each gets many moves.
MAX_JOBS = 4
WHICH = st.integers(0, MAX_JOBS - 1)
#: Runs of 30 moves. They find each of twelve mistakes that were put in by hand.
EXAMPLES = {"sqlite": settings().max_examples * 4 // 10, "postgresql": 4}


@dataclass
class Modelled:
    """The expected state of a job."""

    id: str
    client: str
    cost: int
    created_at: float
    sent_at: float | None
    status: str = "NOT_STARTED"
    attempt: int = 0
    token: str | None = None
    lease_until: float | None = None
    error_code: str | None = None
    tries: int | None = None

    def end(self, status: str, error_code: str | None = None) -> None:
        self.status, self.error_code, self.token, self.lease_until = status, error_code, None, None

    @property
    def unfinished(self) -> bool:
        return self.status in {"NOT_STARTED", "IN_PROGRESS"}


@dataclass
class Account:
    """The expected state of a client."""

    balance: int
    #: The body and the answer of each idempotency key.
    answered: dict[str, tuple[str, Accepted]] = field(default_factory=dict)


class Shopkeeping(RuleBasedStateMachine):
    """Every move of jobs and credits, in any order, by workers that live, die, come late and come twice."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        with self.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self.accounts = Accounts(self.engine)
        self.intake = JobIntake(self.engine)
        self.moves = Jobs(self.engine, lease=LEASE, max_attempts=MAX_ATTEMPTS)
        self.now = 0.0
        self.names = ["first", "second"]
        self.known = {self.accounts.add(name, credits=6)[0].id: Account(6) for name in self.names}
        self.jobs: list[Modelled] = []
        self.claims: list[Claim] = []

    @initialize(costs=st.lists(st.integers(0, 3), min_size=1, max_size=2))
    def a_shop_that_is_open(self, costs: list[int]) -> None:
        for cost in costs:
            self.order(0, cost, None, "x")

    def _tick(self) -> None:
        """Wait a moment, so that a later move has a later database time: the database's clock has steps of 1 ms."""
        time.sleep(0.0015)
        self.now += 0.001

    def _over(self, job: Modelled) -> bool:
        return job.status == "IN_PROGRESS" and job.lease_until is not None and job.lease_until <= self.now

    def _startable(self, job: Modelled) -> bool:
        return job.attempt < MAX_ATTEMPTS and (job.status == "NOT_STARTED" or self._over(job))

    # The rules

    @rule(steps=st.sampled_from([1, 2, 3]))
    def time_passes(self, steps: int) -> None:
        earlier = {
            "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', {0}, '-{1} seconds')",
            "postgresql": "{0} - make_interval(secs => {1})",
        }[self.engine.dialect.name]
        times = ("created_at", "sent_at", "lease_until")
        moved = ", ".join(f"{name} = {earlier.format(name, steps * STEP)}" for name in times)
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE jobs SET {moved}")
        self.now += steps * STEP

    # The caller's side

    @rule(which=st.sampled_from([0, 1]), credits=st.integers(1, 5))
    def grant(self, which: int, credits: int) -> None:
        self.accounts.grant(self.names[which], credits)
        list(self.known.values())[which].balance += credits

    @rule(
        which=st.sampled_from([0, 1]),
        cost=st.integers(0, 7),
        key=st.sampled_from([None, "a"]),
        body=st.sampled_from(["x", "y"]),
    )
    def order(self, which: int, cost: int, key: str | None, body: str) -> None:
        self._tick()
        client_id, account = list(self.known.items())[which]
        new = NewJob(str(ULID()), client_id, "w", {"of": body}, body, {"seed": 1}, "k", cost, idempotency_key=key)
        if key in account.answered:
            first_body, first = account.answered[key]
            if body != first_body:
                with pytest.raises(IdempotencyConflict):
                    self.intake.create(new)
            else:
                assert self.intake.create(new) == replace(first, repeated=True)
        elif cost > account.balance:
            with pytest.raises(InsufficientCredits):
                self.intake.create(new)
        elif len(self.jobs) < MAX_JOBS:
            accepted = self.intake.create(new)
            assert not accepted.repeated
            account.balance -= cost
            if key:
                account.answered[key] = (body, accepted)
            self.jobs.append(Modelled(accepted.job_id, client_id, cost, self.now, self.now))

    @rule(which=WHICH)
    def a_message_does_not_go_out(self, which: int) -> None:
        job = self.jobs[which % len(self.jobs)]
        self.moves.mark_unsent(job.id)
        if job.unfinished:
            job.sent_at = None

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        job = self.jobs[which % len(self.jobs)]
        if not job.unfinished:
            with pytest.raises(JobFinished):
                self.moves.cancel(job.id, client_id=job.client)
            return
        self.moves.cancel(job.id, client_id=job.client)
        self._refunded(job, "cancelled")

    # The workers' side

    @rule()
    def a_worker_takes_a_job(self) -> None:
        """`test_turns_model.py` checks which job it takes."""
        self._tick()
        free = [job for job in self.jobs if self._startable(job)]
        claim = self.moves.claim()
        assert (claim is not None) == bool(free)
        if claim is not None:
            (job,) = (job for job in free if job.id == claim.job_id)
            sent = [one for one in self.jobs if one.status == "NOT_STARTED" and one.sent_at is not None]
            job.status, job.token, job.lease_until = "IN_PROGRESS", claim.token, self.now + LEASE
            job.attempt += 1
            assert (claim.attempt, claim.client_id) == (job.attempt, job.client)
            self.claims.append(claim)
            if job.sent_at is None and sent:
                self._owed(sent)

    def _owed(self, sent: list[Modelled]) -> None:
        """The message belonged to another job: one of these is unsent now."""
        with self.engine.connect() as connection:
            unsent = set(connection.execute(sa.select(jobs.c.id).where(jobs.c.sent_at.is_(None))).scalars())
        (job,) = (job for job in sent if job.id in unsent)
        job.sent_at = None

    @rule()
    def a_worker_takes_a_job_and_dies(self) -> None:
        self.a_worker_takes_a_job()
        self.time_passes(2)

    @precondition(lambda self: self.claims)
    @rule(
        which=WHICH,
        move=st.sampled_from(["renew", "release", "succeed", "fail", "refuse"]),
        after=st.sampled_from([0.0, LEASE]),
        count_attempt=st.booleans(),
        tries=st.integers(1, 3),
    )
    def a_worker_goes_on(self, which: int, move: str, after: float, count_attempt: bool, tries: int) -> None:
        """Make the next move of any claim's worker, the latest claim or a stale one."""
        self._tick()
        claim = self.claims[-1 - which % len(self.claims)]
        (job,) = (job for job in self.jobs if job.id == claim.job_id)
        if move == "refuse":
            claim.missed[:] = [["text"]] * tries
        moves: dict[str, Callable[[], None]] = {
            "renew": lambda: self.moves.renew_lease(claim, stage="segment", progress=0.5),
            "release": lambda: self.moves.release(claim, after=after, count_attempt=count_attempt),
            "succeed": lambda: self.moves.succeed(claim, render()),
            "fail": lambda: self.moves.fail(claim, "no_subject", ""),
            "refuse": lambda: self.moves.fail(claim, "not_accepted", "", replace(render(), preview=True)),
        }
        if job.token != claim.token:
            with pytest.raises(LeaseLost):
                moves[move]()
            return
        moves[move]()
        if move == "renew":
            job.lease_until = self.now + LEASE
        elif move == "release":
            job.lease_until, job.token, job.sent_at = self.now + after, None, None
            job.attempt -= not count_attempt
        elif move == "succeed":
            job.end("SUCCESS")
        elif move == "fail":
            self._refunded(job, "no_subject")
        else:
            self._refunded(job, "not_accepted")
            job.tries = tries

    def _refunded(self, job: Modelled, code: str) -> None:
        job.end("FAILURE", code)
        self.known[job.client].balance += job.cost

    # The sweep's side

    @rule(waiting=st.integers(0, MAX_JOBS))
    def the_sweep_sends(self, waiting: int) -> None:
        self._tick()
        due, sent = list[Modelled](), list[Modelled]()
        for job in filter(self._startable, self.jobs):
            given_up = job.sent_at is None or (self._over(job) and job.sent_at <= (job.lease_until or 0))
            (due if given_up else sent).append(job)
        old = sorted(job.sent_at or 0 for job in sent if (job.sent_at or 0) <= self.now - RESEND_AFTER)
        ids = self.moves.claim_unsent(Kind.SWAP, waiting=waiting, resend_after=RESEND_AFTER)
        assert {job.id for job in due} <= set(ids)
        lost = [job for job in sent if job.id in ids]
        assert len(ids) == len(due) + len(lost)
        assert sorted(job.sent_at or 0 for job in lost) == old[: max(0, len(sent) - waiting)]
        for job in due + lost:
            job.sent_at = self.now

    @rule()
    def the_sweep_settles(self) -> None:
        self._tick()
        crashed = [j for j in self.jobs if self._over(j) and j.attempt >= MAX_ATTEMPTS]
        waited = [j for j in self.jobs if j.status == "NOT_STARTED" and j.created_at <= self.now - MAX_WAIT]
        assert sorted(self.moves.fail_abandoned(max_wait=MAX_WAIT)) == sorted(job.id for job in crashed + waited)
        for job in crashed:
            self._refunded(job, "worker_lost")
        for job in waited:
            self._refunded(job, "queue_timeout")

    # Invariants after every step

    @invariant()
    def the_rows_match_the_model(self) -> None:
        with self.engine.connect() as connection:
            names = ("id", "client_id", "status", "attempt", "lease_token", "error_code", "credits_cost", "tries")
            rows = {tuple(row) for row in connection.execute(sa.select(*(jobs.c[name] for name in names)))}
            balances = {row.id: row.balance for row in connection.execute(sa.select(clients))}
            rendered = set(connection.execute(sa.select(renders.c.job_id)).scalars())
            refunded = list(connection.execute(sa.select(ledger.c.job_id).where(ledger.c.kind == "refund")).scalars())
        modelled = self.jobs
        assert rows == {(j.id, j.client, j.status, j.attempt, j.token, j.error_code, j.cost, j.tries) for j in modelled}
        assert balances == {client_id: account.balance for client_id, account in self.known.items()}
        assert rendered == {j.id for j in modelled if j.status == "SUCCESS" or j.error_code == "not_accepted"}
        assert sorted(refunded) == sorted(j.id for j in modelled if j.status == "FAILURE" and j.cost)

    def teardown(self) -> None:
        """An audit at the end finds the same faults as one after each step, which took most of the time."""
        assert audit(self.engine, Bounds(max_attempts=MAX_ATTEMPTS)).findings == []


@pytest.fixture(params=["sqlite", "postgresql"])
def quick_engine(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """A database of each kind; SQLite is in memory, where a commit waits for no disk."""
    url = "sqlite:///:memory:"
    if request.param == "postgresql":
        url = emptied_database(request.getfixturevalue("postgresql_server"))
    engine = create_engine(Settings(database_url=url).sqlalchemy_url)
    migrate(engine)
    yield engine
    engine.dispose()


def test_any_order_of_moves_follows_the_rules(quick_engine: sa.Engine) -> None:
    check_any_order(quick_engine, EXAMPLES[quick_engine.dialect.name])


@pytest.mark.nightly  # thousands of the same runs: the test above has their first forty
def test_any_order_of_moves_follows_the_rules_for_hours(quick_engine: sa.Engine) -> None:
    check_any_order(quick_engine, 75 * EXAMPLES[quick_engine.dialect.name])


def check_any_order(
    quick_engine: sa.Engine, examples: int, machine: type[RuleBasedStateMachine] = Shopkeeping, steps: int = 30
) -> None:
    run_state_machine_as_test(
        type("Here", (machine,), {"engine": quick_engine}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
