"""Concurrent changes of the order of starts: no deadlock, and nothing is lost."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from service.diagnostics.audit import audit
from service.diagnostics.audit_rules import Bounds
from service.jobs.records import Claim, JobFinished, LeaseLost
from tests.support.polling import until
from tests.support.shop import Street, render


@pytest.mark.gate  # a race of five seconds
def test_simultaneous_submits_starts_ends_cancels_and_weights_do_not_deadlock(engine: sa.Engine) -> None:
    street, over = Street(engine, *"abc"), threading.Event()
    ids: list[tuple[str, str]] = []
    claims: list[Claim] = []

    def submit(dice: random.Random) -> None:
        name = dice.choice("abc")
        ids.extend((name, job_id) for job_id in street.order(name * 3))

    def cancel(dice: random.Random) -> None:
        if ids:
            try:
                street.cancel(*ids.pop(dice.randrange(len(ids))))
            except (JobFinished, IndexError):
                return

    def work(dice: random.Random) -> None:
        claim = street.moves.claim()
        if claim is None:
            return
        claims.append(claim)
        try:
            if dice.random() < 0.2:
                street.moves.release(claim, count_attempt=False)
            else:
                street.moves.succeed(claim, render())
        except LeaseLost:  # it was cancelled
            return

    def weigh(dice: random.Random) -> None:
        street.weigh(dice.choice("abc"), dice.randint(1, 5))

    def settle(_: random.Random) -> None:
        street.moves.fail_abandoned(max_wait=0.5)

    def keep(deed: Callable[[random.Random], None], seed: int) -> int:
        dice, done = random.Random(seed), 0
        while not over.wait(0.002):
            deed(dice)
            done += 1
        return done

    deeds = [submit, submit, cancel, cancel, work, work, work, weigh, settle]
    with ThreadPoolExecutor(len(deeds)) as pool:
        doing = [pool.submit(keep, deed, seed) for seed, deed in enumerate(deeds)]
        over.wait(2.0)
        until(lambda: len(claims) > 10)
        over.set()
        assert all(one.result() > 0 for one in doing)

    assert audit(engine, Bounds(max_attempts=2)).findings == []
