"""The order in which jobs start is fair between clients. For any order of moves see `test_turns_model.py`."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from service.accounts.clients import UnknownClient
from service.database.tables import clients, jobs
from service.diagnostics.audit import Bounds, audit
from service.jobs.records import Claim, JobFinished, LeaseLost
from service.jobs.states import JobStates
from service.jobs.turns import MAX_WEIGHT, set_weight
from testkit.polling import at_once, until
from tests.support.databases import ON_SQLITE
from tests.support.shop import Street, render


@ON_SQLITE
def test_clients_of_weights_one_one_and_two_get_shares_of_a_quarter_a_quarter_and_a_half(street: Street) -> None:
    street.weigh("c", 2)
    street.order("a" * 20 + "b" * 20 + "c" * 36)

    shares = Counter(street.started(64))

    assert all(abs(shares[name] - share) <= 1 for name, share in {"a": 16, "b": 16, "c": 32}.items()), shares


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)  # SQLite takes one writer at a time
def test_with_many_clients_and_eight_workers_no_client_waits_for_more_than_a_round(engine: sa.Engine) -> None:
    many, rounds, workers = 24, 4, 8
    street = Street(engine, *(f"{number:02d}" for number in range(many)))
    for name in street.shops:  # one client after the other: by time alone the last would come last
        street.order([name] * rounds)
    started: list[str] = []
    # All claim at once, again and again: a delayed thread would record its start late.
    again = threading.Barrier(workers)

    def work() -> None:
        for _ in range(many * rounds // workers):
            again.wait(300)
            started.append(street.names[street.start().client_id])

    at_once(*[work] * workers)

    assert len(started) == many * rounds
    for name in street.shops:
        for number, place in enumerate(place for place, other in enumerate(started) if other == name):
            # The tolerance is the number of simultaneous claims.
            assert many * number - workers <= place < many * (number + 1) + workers


@ON_SQLITE
def test_a_weight_is_a_number_from_one_to_a_thousand_of_an_existing_client(street: Street) -> None:
    for weight in (0, -1, MAX_WEIGHT + 1):
        with pytest.raises(ValueError, match="1 to 1000"):
            street.weigh("a", weight)
    with pytest.raises(UnknownClient):
        set_weight(street.engine, "nobody", 2)
    with pytest.raises(sa.exc.IntegrityError), street.engine.begin() as connection:
        connection.execute(clients.update().values(weight=0))

    street.weigh("a", MAX_WEIGHT)
    assert street.shops["a"].accounts.named(street.shops["a"].client.name).weight == MAX_WEIGHT


@ON_SQLITE
def test_reported_places_are_the_order_in_which_jobs_start(street: Street) -> None:
    street.weigh("c", 3)
    ids = street.order("aaaabccccb")
    places = JobStates(street.engine).of(ids)

    started = [street.start().job_id for _ in ids]

    assert [places[job_id].queue_position for job_id in started] == list(range(10))


@ON_SQLITE
def test_a_job_from_an_api_of_an_older_release_is_started_first(street: Street) -> None:
    *_, last = street.order("aab")
    with street.engine.begin() as connection:
        connection.execute(jobs.update().where(jobs.c.id == last).values(turn=0))

    assert street.start().job_id == last
    assert street.started(2) == "aa"


# Concurrent changes of the order of starts


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)  # SQLite takes one writer at a time
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
