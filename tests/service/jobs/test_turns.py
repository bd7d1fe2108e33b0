"""The order in which jobs start is fair between clients. For any order of moves see `test_turns_model.py`."""

import threading
from collections import Counter

import pytest
import sqlalchemy as sa

from service.accounts.clients import UnknownClient
from service.database.tables import clients, jobs
from service.jobs.records import Operation
from service.jobs.states import JobStates
from service.jobs.turns import MAX_WEIGHT, ROUND, set_weight
from tests.support.databases import ON_SQLITE
from tests.support.polling import at_once
from tests.support.shop import Street


@ON_SQLITE
def test_a_client_with_one_job_does_not_wait_for_another_clients_sixty(street: Street) -> None:
    street.order("a" * 60)
    assert street.started(8) == "a" * 8
    street.order("b")

    assert street.started(2) == "ba"


@ON_SQLITE
def test_clients_of_weights_one_one_and_two_get_shares_of_a_quarter_a_quarter_and_a_half(street: Street) -> None:
    street.weigh("c", 2)
    street.order("a" * 20 + "b" * 20 + "c" * 36)

    shares = Counter(street.started(64))

    assert all(abs(shares[name] - share) <= 1 for name, share in {"a": 16, "b": 16, "c": 32}.items()), shares


@ON_SQLITE
def test_a_picture_of_three_tries_takes_three_turns_while_another_client_waits(street: Street) -> None:
    street.order("a" * 9)
    assert street.started(1) == "a"
    street.order("b" * 9)

    for _ in range(2):
        claim = street.start()
        while street.names[claim.client_id] == "b":
            claim = street.start()
        claim.missed[:] = [["palette_mean"]] * 3
        street.moves.fail(claim, "not_accepted", "")

    assert street.started(6) == "bbbaba"


@pytest.mark.parametrize("operation", Operation)
def test_a_job_of_a_sandbox_starts_when_no_live_job_waits(engine: sa.Engine, operation: Operation) -> None:
    street = Street(engine, *"abxy", sandboxes="xy")
    for name in "xxxxxyab":
        street.shops[name].order(cost=0, operation=operation)

    assert street.started(8) == "abxyxxxx"


@pytest.mark.gate  # a race of two seconds
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


def test_jobs_that_are_submitted_at_once_get_consecutive_turns(street: Street) -> None:
    at_once(*[lambda: street.order("aaaaa")] * 8)

    with street.engine.connect() as connection:
        assert sorted(connection.execute(sa.select(jobs.c.turn)).scalars()) == [n * ROUND for n in range(1, 41)]


@ON_SQLITE
def test_a_job_from_an_api_of_an_older_release_is_started_first(street: Street) -> None:
    *_, last = street.order("aab")
    with street.engine.begin() as connection:
        connection.execute(jobs.update().where(jobs.c.id == last).values(turn=0))

    assert street.start().job_id == last
    assert street.started(2) == "aa"
