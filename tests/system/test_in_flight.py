"""A worker with four jobs in flight, stopped and killed: all four start again, and only a kill counts as an attempt."""

import signal
from collections.abc import Iterator

import pytest

from service.jobs.intake import Accepted
from tests.support.installation import Installation, process_of, running_installation
from tests.support.polling import until
from tests.support.storm.photos import Deed, telling


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running_installation("embedded", tmp_path_factory.mktemp("roomy"), jobs_in_flight=4) as installation:
        yield installation


def four_in_flight(installation: Installation) -> list[Accepted]:
    installation.all_ready()
    orders = [installation.order(telling(Deed.HELD)) for _ in range(4)]
    until(lambda: all(installation.job(one).stage == "segment" for one in orders))
    return orders


def test_a_stopped_worker_hands_back_four_jobs_in_flight_uncounted(
    roomy: Installation,
) -> None:
    with roomy.held():
        orders = four_in_flight(roomy)
        process = process_of(roomy.workers[0])
        roomy.tell_to_stop(process)
    process.wait(roomy.settings.stop_grace)

    assert [roomy.outcome(one) for one in orders] == [("SUCCESS", None)] * 4
    assert [roomy.job(one).attempt for one in orders] == [1] * 4
    assert roomy.wrong() == []


def test_four_jobs_in_flight_all_start_again_when_their_worker_is_killed(roomy: Installation) -> None:
    with roomy.held():
        orders = four_in_flight(roomy)
        killed = process_of(roomy.workers[0])
        killed.send_signal(signal.SIGKILL)
        killed.wait(300)
        roomy.end_lease(*orders)

    assert [roomy.outcome(one) for one in orders] == [("SUCCESS", None)] * 4
    assert [roomy.job(one).attempt for one in orders] == [2] * 4
    assert roomy.wrong() == []


@pytest.mark.nightly  # in the gate, without a process: service/worker/test_in_flight.py, the last attempt runs alone
def test_a_job_that_kills_its_worker_repeatedly_takes_no_other_job_along(roomy: Installation) -> None:
    roomy.all_ready()
    killer = roomy.order(telling(Deed.KILLED))
    others = [roomy.order(telling(Deed.SLOW)) for _ in range(3)]

    assert roomy.outcome(killer) == ("FAILURE", "worker_lost")
    assert [roomy.outcome(one) for one in others] == [("SUCCESS", None)] * 3
    assert roomy.wrong() == []
