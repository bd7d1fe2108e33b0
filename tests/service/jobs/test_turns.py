"""The order in which jobs are started is fair over clients, on both databases."""

import threading
from collections import Counter

import pytest
import sqlalchemy as sa
from alembic import command

from service.accounts.clients import UnknownClient
from service.database.clock import db_now
from service.database.engine import create_engine
from service.database.schema import alembic_config, migrate
from service.database.tables import clients, jobs
from service.jobs.records import Kind
from service.jobs.states import JobStates
from service.jobs.turns import MAX_WEIGHT, ROUND, set_weight
from service.settings import Settings
from tests.support.shop import Shop, Street, end_lease, render


@pytest.fixture
def street(engine: sa.Engine) -> Street:
    return Street(engine, *"abc")


def test_a_client_that_has_one_job_does_not_wait_for_another_ones_two_hundred(street: Street) -> None:
    street.order("a" * 200)
    assert street.started(8) == "a" * 8
    street.order("b")

    assert street.started(2) == "ba"


def test_a_clients_own_jobs_are_started_in_their_order(street: Street) -> None:
    ids = street.order("aabab")

    started = [street.start().job_id for _ in ids]

    for own in ([ids[0], ids[1], ids[3]], [ids[2], ids[4]]):
        assert [job_id for job_id in started if job_id in own] == own
    assert street.moves.claim() is None


def test_clients_of_weights_one_one_and_two_get_shares_of_a_quarter_a_quarter_and_a_half(street: Street) -> None:
    street.weigh("c", 2)
    street.order("a" * 60 + "b" * 60 + "c" * 110)

    shares = Counter(street.started(200))

    assert shares["a"] == pytest.approx(50, rel=0.1)
    assert shares["b"] == pytest.approx(50, rel=0.1)
    assert shares["c"] == pytest.approx(100, rel=0.1)


def test_who_was_idle_has_saved_up_nothing(street: Street) -> None:
    street.order("a" * 20)
    street.started(20)
    street.order("aaaaa" + "bbbbb")

    started = street.started(10)

    assert all(abs(started[:end].count("a") - started[:end].count("b")) <= 1 for end in range(11)), started


def test_who_submits_one_job_at_a_time_gets_no_more_than_who_has_many_waiting(street: Street) -> None:
    street.order("a" * 20 + "b")

    started = ""
    while len(started) < 20:
        started += street.started(1)
        if started[-1] == "b":
            street.order("b")

    assert started.count("b") == 10


@pytest.mark.gate  # a race of four seconds
def test_fifty_clients_and_eight_workers_and_nobody_waits_for_more_than_a_round(engine: sa.Engine) -> None:
    many, rounds, workers = 50, 4, 8
    street = Street(engine, *(f"{number:02d}" for number in range(many)))
    for name in street.shops:  # one after the other: by their times the last would be the last
        street.order([name] * rounds)
    started: list[str] = []
    # All claim at once, again and again: one that the machine lets wait would write down late what it has started.
    all_at_once = threading.Barrier(workers)

    def work() -> None:
        for _ in range(many * rounds // workers):
            all_at_once.wait(300)
            started.append(street.names[street.start().client_id])

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(started) == many * rounds
    for name in street.shops:
        for number, place in enumerate(place for place, other in enumerate(started) if other == name):
            # As many more or less as those that claim at the same moment.
            assert many * number - workers <= place < many * (number + 1) + workers


def test_a_job_that_is_tried_again_keeps_its_place_and_costs_its_client_nothing_more(street: Street) -> None:
    first, *_ = street.order("aa" + "bb")
    street.moves.release(street.start(), after=60)

    assert street.started(1) == "b", "the pause before it is tried again is not over"
    end_lease(street.engine, first)
    assert street.start().job_id == first
    assert sorted(street.started(2)) == ["a", "b"]


def test_a_job_whose_worker_died_is_the_next(engine: sa.Engine) -> None:
    shop, other = Shop(engine), Shop(engine)
    accepted = shop.order()
    shop.jobs.claim()
    other.order()
    shop.end_lease(accepted)

    claim = other.jobs.claim()

    assert claim is not None
    assert (claim.job_id, claim.attempt) == (accepted.job_id, 2)


def test_a_cancelled_job_gives_its_turn_to_the_next_of_its_client(street: Street) -> None:
    ids = street.order("a" * 20 + "bbbb")
    street.cancel("a", *ids[:19])

    assert "a" in street.started(2)


def test_a_turn_that_is_free_behind_the_first_job_is_filled_when_the_first_is_started(street: Street) -> None:
    ids = street.order("a" * 20 + "b" * 10)
    street.cancel("a", *ids[1:19])

    assert sorted(street.started(4)) == ["a", "a", "b", "b"]


def test_who_cancels_all_and_submits_again_stands_where_a_new_client_would(street: Street) -> None:
    street.cancel("a", *street.order("a" * 50))
    street.order("bbb" + "a")

    assert "a" in street.started(2)


def test_a_new_weight_holds_for_what_waits_already(street: Street) -> None:
    ids = street.order("a" * 9 + "b" * 9)
    street.weigh("b", 3)
    assert Counter(street.started(8)) == {"a": 2, "b": 6}
    street.weigh("b", 1)
    street.weigh("a", 3)

    waiting = [job_id for job_id in ids if JobStates(street.engine).of([job_id])[job_id].queue_position is not None]
    left = [street.start() for _ in range(10)]

    assert Counter(street.names[claim.client_id] for claim in left[:8])["a"] >= 6
    for name in "ab":
        own = [claim.job_id for claim in left if street.names[claim.client_id] == name]
        assert own == [job_id for job_id in waiting if job_id in own]


def test_a_weight_is_a_number_from_one_to_a_thousand_of_a_client_that_is_there(street: Street) -> None:
    for weight in (0, -1, MAX_WEIGHT + 1):
        with pytest.raises(ValueError, match="1 to 1000"):
            street.weigh("a", weight)
    with pytest.raises(UnknownClient):
        set_weight(street.engine, "nobody", 2)
    with pytest.raises(sa.exc.IntegrityError), street.engine.begin() as connection:
        connection.execute(clients.update().values(weight=0))

    street.weigh("a", MAX_WEIGHT)
    assert street.shops["a"].accounts.named(street.shops["a"].client.name).weight == MAX_WEIGHT


def test_the_places_that_are_told_are_the_order_in_which_jobs_are_started(street: Street) -> None:
    street.weigh("c", 3)
    ids = street.order("aaaabccccb")
    places = JobStates(street.engine).of(ids)

    started = [street.start().job_id for _ in ids]

    assert [places[job_id].queue_position for job_id in started] == list(range(10))


def test_jobs_that_are_submitted_at_once_get_turns_one_after_another(street: Street) -> None:
    threads = [threading.Thread(target=street.order, args=("aaaaa",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with street.engine.connect() as connection:
        assert sorted(connection.execute(sa.select(jobs.c.turn)).scalars()) == [n * ROUND for n in range(1, 41)]


def test_where_a_message_starts_a_job_that_had_none_the_job_that_it_was_sent_for_gets_another(street: Street) -> None:
    unsent, sent = street.order("aa")
    street.moves.mark_unsent(unsent)

    assert street.start().job_id == unsent
    assert street.moves.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == [sent]
    assert street.start().job_id == sent
    assert street.moves.claim_unsent(Kind.SWAP, waiting=0, resend_after=0) == []


def test_jobs_of_before_the_upgrade_take_turns_and_keep_their_clients_order(database_url: str) -> None:
    engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)
    migrate(engine)
    street = Street(engine, *"ab")
    over, *ids = street.order("aaaa" + "bb")
    street.moves.succeed(street.start(), render())
    with engine.begin() as connection:
        # Older than their ids say: what counts is when they were made.
        connection.execute(jobs.update().where(jobs.c.id == ids[1]).values(created_at=db_now(-60)))
        command.downgrade(alembic_config(connection), "0007")
    migrate(engine)

    started = [street.start() for _ in ids]

    assert "".join(street.names[claim.client_id] for claim in started) == "abab" + "a"
    assert [claim.job_id for claim in started] == [ids[1], ids[3], ids[0], ids[4], ids[2]]
    assert street.shops["a"].jobs.get(over, client_id=street.shops["a"].client.id) is not None
    engine.dispose()


def test_a_job_that_an_api_of_an_older_release_makes_is_started_first(street: Street) -> None:
    *_, last = street.order("aab")
    with street.engine.begin() as connection:
        connection.execute(jobs.update().where(jobs.c.id == last).values(turn=0))

    assert street.start().job_id == last
    assert street.started(2) == "aa"
