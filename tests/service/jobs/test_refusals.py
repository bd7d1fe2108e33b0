"""Pictures that miss their limits: the preview that is kept, the one refund, and the sums after any 50 ends of jobs."""

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from service.accounts.ledger import InsufficientCredits
from service.database.clock import db_now
from service.database.engine import create_engine
from service.database.schema import migrate
from service.database.tables import clients, jobs, ledger, metadata
from service.diagnostics.audit import audit
from service.diagnostics.audit_rules import Bounds
from service.jobs.intake import Accepted
from service.jobs.records import Claim, JobFinished, JobStatus, LeaseLost, NewRender
from service.settings import Settings
from tests.support.shop import REPORT, Shop, render

MISSED = {"limit": "palette_mean", "measured": 7.2, "bound": 5.0}
TRIES = [["palette_mean"], ["palette_mean", "text"], ["palette_mean"]]
CREDITS, MAX_ATTEMPTS, MAX_WAIT = 60, 2, 3600.0
#: In all 10,000 ends: 200 sequences of 50. The gate runs the first sequences.
SEQUENCES, IN_THE_GATE, LENGTH = 200, 4, 50

#: Status, code and number of pictures of a job that has ended.
Outcome = tuple[str, str | None, int | None]
#: The moves of one job, with a pause after each in which other jobs move.
Moves = Generator[None, None, Outcome]
REFUSED: Outcome = ("FAILURE", "not_accepted", 3)


def preview() -> NewRender:
    """Return what a worker stores of a refused picture."""
    return replace(render(), preview=True, report=REPORT | {"acceptance": {"accepted": False, "missed": [MISSED]}})


def refuse(shop: Shop, claim: Claim) -> None:
    claim.missed[:] = TRIES
    shop.jobs.fail(claim, "not_accepted", "palette_mean: 7.2 is above 5.", preview())


def test_a_refused_picture_is_refunded_and_its_job_keeps_a_preview_with_the_report(shop: Shop) -> None:
    accepted = shop.order(cost=2)
    refuse(shop, shop.claim(accepted))

    job, kept = shop.found(accepted)
    assert (job.status, job.error_code, job.credits_refunded, shop.balance) == ("FAILURE", "not_accepted", 2, 10)
    assert kept is not None
    assert (kept.preview, b"palette_mean" in bytes(kept.report)) == (True, True)
    with shop.engine.connect() as connection:
        assert connection.execute(sa.select(jobs.c.tries, jobs.c.missed)).one() == (3, TRIES)
    assert audit(shop.engine, Bounds(max_attempts=2)).findings == []


def test_a_refusal_by_a_worker_that_lost_its_lease_changes_nothing(shop: Shop) -> None:
    accepted = shop.order(cost=2)
    stale = shop.claim(accepted)
    shop.end_lease(accepted)
    winner = shop.claim(accepted)
    with pytest.raises(LeaseLost):
        refuse(shop, stale)
    assert (shop.found(accepted)[1], shop.balance) == (None, 8)

    winner.missed.append([])
    shop.jobs.succeed(winner, render())

    with pytest.raises(LeaseLost):
        refuse(shop, stale)
    assert (shop.job(accepted).status, shop.render(accepted).preview, shop.balance) == (JobStatus.SUCCESS, False, 8)
    with shop.engine.connect() as connection:
        assert connection.execute(sa.select(jobs.c.tries, jobs.c.missed)).one() == (1, [[]])


# How a job can end. Each begins after its submit.


def accepted_at(tries: int) -> Callable[[Shop, Accepted], Moves]:
    def moves(shop: Shop, accepted: Accepted) -> Moves:
        claim = shop.claim(accepted)
        yield
        claim.missed[:] = [*TRIES[: tries - 1], []]
        shop.jobs.succeed(claim, render())
        return "SUCCESS", None, tries

    return moves


def without_limits(shop: Shop, accepted: Accepted) -> Moves:
    shop.jobs.succeed(shop.claim(accepted), render())
    yield
    return "SUCCESS", None, None


def refused(shop: Shop, accepted: Accepted) -> Moves:
    claim = shop.claim(accepted)
    yield
    refuse(shop, claim)
    yield
    with pytest.raises(LeaseLost):  # the answer to its commit was lost, so the worker writes it again
        refuse(shop, claim)
    return REFUSED


def failed(shop: Shop, accepted: Accepted) -> Moves:
    claim = shop.claim(accepted)
    yield
    shop.jobs.fail(claim, "no_subject", "No product stands out.")
    return "FAILURE", "no_subject", None


def killed_between_tries_then(second: Callable[[Shop, Accepted], Moves]) -> Callable[[Shop, Accepted], Moves]:
    def moves(shop: Shop, accepted: Accepted) -> Moves:
        shop.claim(accepted).missed.append(["palette_mean"])  # only its process knows that
        yield
        shop.end_lease(accepted)
        return (yield from second(shop, accepted))

    return moves


def killed_until_the_last_attempt(shop: Shop, accepted: Accepted) -> Moves:
    for _ in range(MAX_ATTEMPTS):
        claim = shop.claim(accepted)
        yield
        shop.end_lease(accepted)
    shop.jobs.fail_abandoned(max_wait=MAX_WAIT)
    yield
    with pytest.raises(LeaseLost):
        refuse(shop, claim)
    return "FAILURE", "worker_lost", None


def lease_lost(shop: Shop, accepted: Accepted) -> Moves:
    stale = shop.claim(accepted)
    yield
    shop.end_lease(accepted)
    winner = shop.claim(accepted)
    yield
    with pytest.raises(LeaseLost):
        refuse(shop, stale)
    yield
    refuse(shop, winner)
    yield
    with pytest.raises(LeaseLost):
        shop.jobs.succeed(stale, render())
    return REFUSED


def cancelled(shop: Shop, accepted: Accepted) -> Moves:
    shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)
    yield
    with pytest.raises(JobFinished):
        shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)
    return "FAILURE", "cancelled", None


def cancelled_while_it_is_judged(shop: Shop, accepted: Accepted) -> Moves:
    claim = shop.claim(accepted)
    yield
    shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)
    yield
    with pytest.raises(LeaseLost):
        refuse(shop, claim)
    return "FAILURE", "cancelled", None


def cancelled_too_late(shop: Shop, accepted: Accepted) -> Moves:
    refuse(shop, shop.claim(accepted))
    yield
    with pytest.raises(JobFinished):
        shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)
    return REFUSED


def swept(shop: Shop, accepted: Accepted) -> Moves:
    long_ago = jobs.update().where(jobs.c.id == accepted.job_id).values(created_at=db_now(-MAX_WAIT - 60))
    with shop.engine.begin() as connection:
        connection.execute(long_ago)
    shop.jobs.fail_abandoned(max_wait=MAX_WAIT)
    yield
    shop.jobs.fail_abandoned(max_wait=MAX_WAIT)
    return "FAILURE", "queue_timeout", None


ENDS: dict[str, Callable[[Shop, Accepted], Moves]] = {
    "accepted at the first try": accepted_at(1),
    "accepted at the second": accepted_at(2),
    "accepted at the third": accepted_at(3),
    "without limits": without_limits,
    "refused": refused,
    "failed": failed,
    "killed between tries, then accepted": killed_between_tries_then(accepted_at(3)),
    "killed between tries, then refused": killed_between_tries_then(refused),
    "killed until the last attempt": killed_until_the_last_attempt,
    "lease lost": lease_lost,
    "cancelled": cancelled,
    "cancelled while it is judged": cancelled_while_it_is_judged,
    "cancelled too late": cancelled_too_late,
    "swept": swept,
}


@dataclass(frozen=True)
class Order:
    """A job of one of two shops, and its end."""

    end: str
    shop: int
    cost: int
    #: Whether its request is sent twice with one key.
    twice: bool


class Day:
    """Two shops whose jobs end in all these ways at the same time."""

    def __init__(self, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self.engine = engine
        self.shops = [Shop(engine, credits=CREDITS, max_attempts=MAX_ATTEMPTS) for _ in range(2)]
        #: How each job ended; None: not yet.
        self.ended: dict[str, Outcome | None] = {}
        self.costs: dict[str, tuple[str, int]] = {}

    def moves(self, order: Order) -> Generator[None, None, None]:
        """Order the job, and move it to its end. Without the credits nothing is ordered."""
        shop = self.shops[order.shop]
        sent: dict[str, Any] = {"idempotency_key": f"key {len(self.costs)}"} if order.twice else {}
        try:
            accepted = shop.order(order.cost, **sent)
        except InsufficientCredits:
            return
        self.ended[accepted.job_id] = None
        self.costs[accepted.job_id] = (shop.client.id, order.cost)
        if order.twice:
            assert shop.order(order.cost, **sent) == replace(accepted, repeated=True)
        yield
        self.ended[accepted.job_id] = yield from ENDS[order.end](shop, accepted)
        if order.twice:
            assert shop.order(order.cost, **sent) == replace(accepted, repeated=True)

    def run(self, orders: list[Order], choose: random.Random) -> None:
        """Begin the orders in turn, mix their moves, and check the sums after each move."""
        begun, ahead = list[Generator[None, None, None]](), list(orders)
        while ahead or begun:
            if ahead and (not begun or choose.random() < 0.4):
                begun.append(self.moves(ahead.pop(0)))
            one = choose.choice(begun)
            if next(one, "over") == "over":
                begun.remove(one)
            self.check()
        query = sa.select(jobs.c.id, jobs.c.status, jobs.c.error_code, jobs.c.tries)
        with self.engine.connect() as connection:
            assert {row.id: tuple(row[1:]) for row in connection.execute(query)} == self.ended
        for shop in self.shops:
            accepted = sum(c for job, (of, c) in self.costs.items() if of == shop.client.id and self._accepted(job))
            assert shop.balance == CREDITS - accepted
        assert audit(self.engine, Bounds(max_attempts=MAX_ATTEMPTS)).findings == []

    def _accepted(self, job_id: str) -> bool:
        end = self.ended[job_id]
        return end is not None and end[0] == "SUCCESS"

    def check(self) -> None:
        """Balance = grants − cost of accepted pictures − cost of open jobs, by the rows; at most one refund a job."""
        kept = dict.fromkeys((shop.client.id for shop in self.shops), CREDITS)
        twice = sa.select(ledger.c.job_id).where(ledger.c.kind == "refund").group_by(ledger.c.job_id)
        with self.engine.connect() as connection:
            for row in connection.execute(sa.select(jobs.c.client_id, jobs.c.status, jobs.c.credits_cost)):
                kept[row.client_id] -= 0 if row.status == "FAILURE" else row.credits_cost
            balances = connection.execute(sa.select(clients.c.id, clients.c.balance))
            assert {row.id: row.balance for row in balances} == kept
            assert connection.execute(twice.having(sa.func.count() > 1)).all() == []


#: A week of credits is spent in most sequences, so that orders are refused, too.
ORDERS = st.builds(
    Order,
    end=st.sampled_from(list(ENDS)),
    shop=st.integers(0, 1),
    cost=st.integers(0, 4),
    twice=st.sampled_from([False, False, True]),
)


@pytest.fixture
def sqlite(tmp_path: Path) -> Generator[sa.Engine, None, None]:
    engine = create_engine(Settings(database_url=f"sqlite:///{tmp_path / 'ends.db'}").sqlalchemy_url)
    migrate(engine)
    yield engine
    engine.dispose()


def test_any_ends_of_jobs_leave_grants_less_accepted_pictures_and_one_refund_each(sqlite: sa.Engine) -> None:
    check_ends(sqlite, IN_THE_GATE)


@pytest.mark.nightly  # 10,000 ends: the test above has the first hundreds
def test_ten_thousand_ends_leave_grants_less_accepted_pictures_and_one_refund_each(sqlite: sa.Engine) -> None:
    check_ends(sqlite, SEQUENCES)


def check_ends(engine: sa.Engine, sequences: int) -> None:
    # Without shrinking: a sequence's moves are few, and their seed repeats them.
    how: Any = {"derandomize": True, "database": None, "phases": [Phase.generate], "deadline": None}

    @settings(max_examples=sequences, suppress_health_check=list(HealthCheck), **how)
    @given(st.lists(ORDERS, min_size=LENGTH, max_size=LENGTH), st.integers(0, 2**32))
    def check(orders: list[Order], seed: int) -> None:
        Day(engine).run(orders, random.Random(seed))

    check()
