"""Workers that hang, in a step or on the queue, and have little time: they end, and the credits come back."""

from collections.abc import Iterator

import pytest

from tests.support.installation import Installation, running_installation
from tests.support.storm.photos import Deed, good, telling


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A time limit that a photo keeps on a busy machine too, one attempt, and a short grace time."""
    home = tmp_path_factory.mktemp("impatient")
    times = {"time_limit": 20.0, "stop_grace": 15.0, "max_attempts": 1}
    with running_installation("embedded", home, clocks=(0, 0), **times) as installation:
        yield installation


def test_steps_that_hang_in_a_c_call_end_their_workers_and_are_refunded(impatient: Installation) -> None:
    installation = impatient
    installation.all_ready()
    hung = [installation.order(telling(Deed.HUNG)), installation.order(telling(Deed.STUCK))]

    assert [installation.outcome(one) for one in hung] == [("FAILURE", "worker_lost")] * 2
    assert [installation.job(one).credits_refunded for one in hung] == [1, 1]
    installation.all_ready()
    for worker in installation.workers:
        # A worker with one job of each kind ends both at once, with one dump of its stacks.
        log = installation.fleet.log(worker.name).read_text()
        assert log.count("Timeout (") == log.count("networks loaded") - 1, "each end has the threads' stacks in the log"
    assert any("Timeout (" in installation.fleet.log(worker.name).read_text() for worker in installation.workers)
    assert installation.outcome(installation.order(good())) == ("SUCCESS", None)
    assert installation.wrong() == []


def test_a_worker_stops_within_its_grace_time_although_the_queue_hangs(impatient: Installation) -> None:
    installation = impatient
    installation.all_ready()
    with installation.held():
        accepted, process = installation.occupied()
        installation.made.queue.pause()
        installation.tell_to_stop(process)
    process.wait(300)  # reserve of a busy machine beyond the grace time; without a limit it would wait for ever
    job = installation.job(accepted)
    installation.made.queue.go_on()

    assert (job.status, job.attempt) == ("IN_PROGRESS", 0), "it was handed back"
    assert installation.outcome(accepted) == ("SUCCESS", None)
