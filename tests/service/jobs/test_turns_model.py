"""The order in which jobs start against a plain model: any order of moves, on both databases."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.database.engine import create_engine
from service.database.schema import migrate
from service.database.tables import jobs, metadata
from service.jobs.records import Claim, JobStatus
from service.jobs.turns import BEHIND, ROUND
from tests.service.jobs.test_state_machine import check_any_order
from tests.support.shop import Street, render


@dataclass
class Waiting:
    """The expected state of a client."""

    weight: int = 1
    #: Turn of the latest job that was started.
    served: int = 0
    #: Its waiting jobs in their order, each with its turn.
    jobs: list[tuple[str, int]] = field(default_factory=list)
    #: Starts of each other client since its first waiting job became the first.
    meanwhile: Counter[str] = field(default_factory=Counter)
    #: Further pictures of its ended jobs that its waiting jobs wait for, until one of them starts.
    owed: int = 0

    @property
    def stride(self) -> int:
        return ROUND // self.weight


#: Three live clients and two sandboxes.
NAMES = "abcxy"


def at(name: str, turn: int) -> int:
    """Return the turn of a job in the database."""
    return turn + (BEHIND if name in "xy" else 0)


class Queueing(RuleBasedStateMachine):
    """Clients that submit and cancel, workers that start, fail and retry, and weights that change."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        with self.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self.street = Street(self.engine, *NAMES, sandboxes="xy")
        self.model = {name: Waiting() for name in NAMES}
        self.handed_back: list[tuple[int, str]] = []
        self.claims: list[tuple[int, Claim]] = []

    def _line(self, name: str) -> list[int]:
        """Return the first turn of the other clients of the same class, if one of them waits."""
        peers = "xy" if name in "xy" else "abc"
        first = [self.model[other].jobs[0][1] for other in peers if other != name and self.model[other].jobs]
        return [min(first)] if first else []

    def _earliest(self, name: str) -> int:
        one, line = self.model[name], self._line(name)
        now = max(other.served for other in self.model.values())
        return max(min(now, *line, now), min(one.served, *line, one.served) + one.stride)

    def _move_up(self, name: str) -> None:
        one = self.model[name]
        if one.jobs:
            job_id, turn = one.jobs[0]
            one.jobs[0] = (job_id, min(turn, self._earliest(name)))

    @rule(name=st.sampled_from(NAMES), many=st.integers(1, 4))
    def submit(self, name: str, many: int) -> None:
        one = self.model[name]
        for _ in range(many):
            if not one.jobs:
                one.meanwhile.clear()
            last = one.jobs[-1][1] if one.jobs else 0
            turn = max(self._earliest(name), last + one.stride if one.jobs else 0)
            one.jobs.append((self.street.order(name)[0], turn))

    @rule(name=st.sampled_from(NAMES), which=st.integers(0, 9))
    def cancel(self, name: str, which: int) -> None:
        one = self.model[name]
        if one.jobs:
            which %= len(one.jobs)
            if which == 0:
                one.meanwhile.clear()
            job_id, _ = one.jobs.pop(which)
            self.street.cancel(name, job_id)
            self._move_up(name)

    @rule(name=st.sampled_from(NAMES), weight=st.sampled_from([1, 2, 3, 7]))
    def weigh(self, name: str, weight: int) -> None:
        one = self.model[name]
        self.street.weigh(name, weight)
        one.weight = weight
        first = self._earliest(name)
        one.jobs = [(job_id, first + place * one.stride) for place, (job_id, _) in enumerate(one.jobs)]
        for other in self.model.values():  # the bound below holds for constant weights
            other.meanwhile.clear()

    @rule()
    def start(self) -> None:
        waiting = [(at(name, turn), job_id) for name, one in self.model.items() for job_id, turn in one.jobs]
        claim = self.street.moves.claim()
        if not waiting and not self.handed_back:
            assert claim is None
            return
        turn, job_id = min(waiting + self.handed_back)
        assert claim is not None
        assert claim.job_id == job_id
        self.claims.append((turn, claim))
        if (turn, job_id) in self.handed_back:
            self.handed_back.remove((turn, job_id))
            self._move_up(self.street.names[claim.client_id])
            return
        name = self.street.names[claim.client_id]
        one, turn = self.model[name], turn % BEHIND
        assert one.jobs.pop(0) == (job_id, turn)
        one.served = max(one.served, turn)
        one.meanwhile.clear()
        one.owed = 0
        self._move_up(name)
        for other in self.model.values():
            if other is not one and other.jobs:
                other.meanwhile[name] += 1

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 9), again=st.booleans(), tries=st.integers(0, 3))
    def end(self, which: int, again: bool, tries: int) -> None:
        turn, claim = self.claims.pop(which % len(self.claims))
        if again:
            self.street.moves.release(claim, count_attempt=False)
            self.handed_back.append((turn, claim.job_id))
            return
        claim.missed[:] = [["palette_mean"]] * tries
        self.street.moves.succeed(claim, render())
        name = self.street.names[claim.client_id]
        one = self.model[name]
        if tries > 1 and self._line(name):
            more = (tries - 1) * one.stride
            one.served += more
            one.jobs = [(job_id, place + more) for job_id, place in one.jobs]
            one.meanwhile.clear()
            one.owed += tries - 1

    @invariant()
    def no_client_waits_longer_than_the_rule_allows(self) -> None:
        for name, other in [*itertools.permutations("abc", 2), *itertools.permutations("xy", 2)]:
            one, passing = self.model[name], self.model[other]
            assert one.meanwhile[other] <= passing.weight * (1 + one.owed) // one.weight + 1, (name, other)

    @invariant()
    def the_turns_match_the_model(self) -> None:
        with self.engine.connect() as connection:
            waiting = jobs.c.status == JobStatus.NOT_STARTED
            turns = {row.id: row.turn for row in connection.execute(sa.select(jobs.c.id, jobs.c.turn).where(waiting))}
        assert turns == {job_id: at(name, turn) for name, one in self.model.items() for job_id, turn in one.jobs}


@pytest.fixture
def quick_engine() -> Iterator[sa.Engine]:
    """SQLite in memory, where a commit waits for no disk."""
    engine = create_engine("sqlite://")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.mark.gate  # a second of examples
def test_any_order_of_moves_starts_jobs_as_in_the_model(quick_engine: sa.Engine) -> None:
    check_any_order(quick_engine, settings().max_examples // 5, Queueing, 40)  # twenty; the fast lane has fewer


def test_any_order_of_moves_starts_jobs_as_in_the_model_on_both_databases(engine: sa.Engine) -> None:
    check_any_order(engine, 2, Queueing, 40)


@pytest.mark.nightly  # thousands of the same runs: the test above has the first twenty
def test_any_order_of_moves_starts_jobs_as_in_the_model_for_hours(quick_engine: sa.Engine) -> None:
    check_any_order(quick_engine, 3000, Queueing, 40)
