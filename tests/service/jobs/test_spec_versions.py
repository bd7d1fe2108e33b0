"""Jobs that need a newer release: an older worker passes over them, and nothing is lost or held up."""

import pytest
import sqlalchemy as sa

from service.database.tables import jobs
from service.jobs.records import Kind, Operation
from service.jobs.transitions import Jobs
from testkit.polling import at_once
from tests.support.databases import ON_SQLITE
from tests.support.shop import Street

NEW = {"seed": 1, "placement": {"stance": "lying"}}


@pytest.fixture
def older(engine: sa.Engine) -> Jobs:
    return Jobs(engine, lease=60, max_attempts=2, spec_version=1)


@ON_SQLITE
def test_an_older_worker_passes_over_a_newer_job_and_a_newer_worker_takes_it_first(street: Street, older: Jobs) -> None:
    shop = street.shops["a"]
    new, old = shop.order(1, spec=NEW).job_id, shop.order(1).job_id
    cutout = shop.order(0, spec={"subject": [0.5, 0.5]}, operation=Operation.CUTOUT).job_id

    taken = older.claim()
    assert taken is not None
    assert (taken.job_id, taken.spec_version, older.claim()) == (old, 1, None)
    claims = [street.start(), street.start()]
    assert [(claim.job_id, claim.spec_version) for claim in claims] == [(new, 2), (cutout, 2)]


@ON_SQLITE
def test_a_message_that_an_older_worker_consumed_is_sent_again_while_its_job_waits(street: Street, older: Jobs) -> None:
    new = street.shops["a"].order(1, spec=NEW).job_id

    for _ in range(3):
        assert older.claim() is None
        assert older.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == [], "it may be on its way"
        assert older.claim_unsent(Kind.SWAP, waiting=0, resend_after=0) == [new]
    assert street.start().job_id == new


@ON_SQLITE
def test_passed_over_jobs_change_no_clients_share_of_the_older_workers(street: Street, older: Jobs) -> None:
    passed = {street.shops["a"].order(1, spec=NEW).job_id for _ in range(9)}
    street.order("aaa" + "bbbbbb")

    assert "".join(street.names[claim.client_id] for claim in iter(older.claim, None)) == "ababab" + "bbb"
    # A newer worker gives it the three turns that it is behind; after that the clients take turns again.
    street.order("b" * 6)
    claims = [street.start() for _ in range(15)]
    assert "".join(street.names[claim.client_id] for claim in claims) == "aaaa" + "ababababab" + "b"
    assert {claim.job_id for claim in claims} > passed


@ON_SQLITE
def test_jobs_for_older_workers_move_up_behind_a_job_that_they_pass_over(street: Street, older: Jobs) -> None:
    shop = street.shops["a"]
    new = shop.order(1, spec=NEW).job_id
    cancelled = street.order("a" * 20)
    street.order("aa" + "bbbb")
    street.cancel("a", *cancelled)

    assert "".join(street.names[claim.client_id] for claim in iter(older.claim, None)) == "abab" + "bb"
    assert street.start().job_id == new


@ON_SQLITE
def test_a_job_of_an_operation_unknown_to_a_worker_is_passed_over(street: Street) -> None:
    shop = street.shops["a"]
    strange, known = shop.order(1).job_id, shop.order(1).job_id
    with street.engine.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == strange).values(operation="video"))

    assert street.start().job_id == known
    assert street.moves.claim() is None


def test_simultaneous_claims_each_get_one_of_a_clients_jobs(street: Street) -> None:
    for _ in range(8):
        street.order("aaaa")
        assert None not in at_once(*[street.moves.claim] * 4)
