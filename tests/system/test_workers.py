"""Real workers that lose their jobs: killed, stopped, out of memory, paused, or sent wrong messages.

The workers are lean (`testkit.worker`): their networks cost nothing, the rest is as in `backdrop worker`.
"""

import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ulid import ULID

from service.database.clock import db_now
from service.jobs.intake import Accepted
from service.jobs.queue import QUEUES
from service.jobs.records import Kind
from service.settings import Settings
from testkit.photos import Deed, bad, good, with_deed
from testkit.polling import until
from tests.support.installation import QUICK, Installation, clock_off_by, process_of, running_installation


def test_good_and_bad_photos_end_as_they_should(installation: Installation) -> None:
    fine = [installation.order(good(number)) for number in range(3)]
    unusable = {code: installation.order(data) for code, data in bad().items()}

    assert [installation.outcome(one) for one in fine] == [("SUCCESS", None)] * 3
    for code, one in unusable.items():
        assert installation.outcome(one) == ("FAILURE", code)
        assert (installation.job(one).attempt, installation.job(one).credits_refunded) == (1, 1)


def test_a_job_that_takes_too_much_memory_is_refunded_and_its_worker_goes_on(installation: Installation) -> None:
    before = [process_of(worker).pid for worker in installation.workers]

    accepted = installation.order(with_deed(Deed.HUNGRY))

    assert installation.outcome(accepted) == ("FAILURE", "out_of_memory")
    assert (installation.job(accepted).attempt, installation.job(accepted).credits_refunded) == (2, 1)
    assert [process_of(worker).pid for worker in installation.workers] == before


@pytest.mark.nightly  # in the gate test_up.py kills a worker, and service/jobs/test_transitions.py ends lost jobs
def test_a_job_that_gets_every_worker_killed_is_refunded_and_the_next_job_runs(installation: Installation) -> None:
    accepted = installation.order(with_deed(Deed.KILLED))

    assert installation.outcome(accepted) == ("FAILURE", "worker_lost")
    assert (installation.job(accepted).attempt, installation.job(accepted).credits_refunded) == (2, 1)
    assert installation.outcome(installation.order(good())) == ("SUCCESS", None)


QUEUE = QUEUES[Kind.SWAP]


def message(redis_id: Any, **changes: Any) -> bytes:
    fields = {
        "queue_name": QUEUE,
        "actor_name": Kind.SWAP,
        "args": [str(ULID())],
        "kwargs": {},
        "options": {"redis_message_id": redis_id},
        "message_id": str(ULID()),
        "message_timestamp": 1,
    }
    return json.dumps(fields | changes).encode()


def test_an_invalid_message_stops_no_worker_and_is_not_counted_as_waiting(installation: Installation) -> None:
    poison = [
        b"",
        b"\xff\x00 no message",
        b"{}",
        b"[1, 2]",
        message("p4", actor_name="unheard_of"),
        message("p5", queue_name="another"),
        message("p6", args=[5]),
        message("p7", args=[{"a": 1}]),
        message("p8", args=[]),
        message("p9", args=["a", "b"]),
        message("p10", kwargs={"job_id": "x"}),
        message("p11", options=None),
        message("p12", options={"redis_message_id": ["p12"]}),
        message("p13", message_id=[]),
        message("p14", args=[str(ULID())]),  # well formed, for a job that never existed
        message("p15", args=["'; DROP TABLE jobs; --"]),
    ]
    before = [process_of(worker).pid for worker in installation.workers]
    for number, data in enumerate(poison):
        installation.queue.hset(f"dramatiq:{QUEUE}.msgs", f"p{number}", data)
        installation.queue.rpush(f"dramatiq:{QUEUE}", f"p{number}")
    installation.queue.rpush(f"dramatiq:{QUEUE}", "an id without its message")

    accepted = installation.order(good())

    assert installation.outcome(accepted) == ("SUCCESS", None)
    until(
        lambda: (
            not {f"p{number}".encode() for number in range(16)}
            & set(installation.queue.hkeys(f"dramatiq:{QUEUE}.msgs"))
        )
    )
    assert installation.queue.zcard(f"dramatiq:{QUEUE}.XQ") == 14, (
        "fourteen are in the dead-letter queue, and two were valid"
    )
    assert [process_of(worker).pid for worker in installation.workers] == before
    installation.queue.delete(f"dramatiq:{QUEUE}.XQ", f"dramatiq:{QUEUE}.XQ.msgs")


def test_a_message_that_is_delivered_many_times_at_once_starts_one_attempt(installation: Installation) -> None:
    with installation.held():
        accepted = installation.order(with_deed(Deed.HELD), enqueue=False)
        for _ in range(6):
            installation.job_queue.enqueue(accepted.job_id, Kind.SWAP)
        installation.under_way(accepted)

    assert installation.outcome(accepted) == ("SUCCESS", None)
    assert installation.job(accepted).attempt == 1
    said = f"message for job {accepted.job_id}: nothing to do"
    until(
        lambda: sum(installation.fleet.log(worker.name).read_text().count(said) for worker in installation.workers) >= 5
    )


def test_a_message_that_a_living_worker_fetched_and_never_saw_is_sent_again(installation: Installation) -> None:
    """As when the queue's connection breaks during the answer: the server has sent it, and no worker has it."""
    accepted = installation.order(good(), enqueue=False)
    redis_id = f"{accepted.job_id}:x"
    (broker, *_) = installation.queue.zrange("dramatiq:__heartbeats__", -1, -1)
    installation.queue.hset(f"dramatiq:{QUEUE}.msgs", redis_id, message(redis_id, args=[accepted.job_id]))
    installation.queue.sadd(f"dramatiq:__acks__.{broker.decode()}.{QUEUE}", redis_id)

    assert installation.outcome(accepted) == ("SUCCESS", None)


def test_a_worker_that_lost_its_lease_while_it_was_frozen_changes_nothing(installation: Installation) -> None:
    with installation.held():
        accepted, frozen = installation.occupied()
        log = installation.fleet.log(installation.taken_by(accepted).name)
        frozen.send_signal(signal.SIGSTOP)
        installation.end_lease(accepted)
        until(lambda: installation.job(accepted).attempt == 2)
        frozen.send_signal(signal.SIGCONT)
    dropped = f"job {accepted.job_id}: lease lost, attempt 1 dropped"
    # After a freeze longer than a job's time limit, on a loaded machine, its watchdog ends the process instead.
    until(lambda: dropped in log.read_text() or not frozen.is_running())

    assert installation.outcome(accepted) == ("SUCCESS", None)
    assert installation.job(accepted).attempt == 2


# SQLite's clock is its only host's: no two clocks can disagree.
@pytest.mark.parametrize("troubled", ["production"], indirect=True)
def test_times_are_the_databases_under_any_clocks_of_the_hosts(installation: Installation) -> None:
    if not clock_off_by(60):
        pytest.skip("libfaketime, which sets a process's clock off, has no wheel for this system")
    began = now(installation)
    with installation.held():
        accepted = [installation.occupied()[0] for _ in range(2)]
    jobs = [installation.ended(one) for one in accepted]
    said = [hour_of_start(installation, one) for one in accepted]

    assert abs((said[0] - said[1]).total_seconds()) > 60, "the two workers disagree by two minutes"
    for job in jobs:
        assert job.attempt == 1
        assert job.started_at is not None
        assert job.finished_at is not None
        assert began <= job.created_at <= job.started_at < job.finished_at <= now(installation)


def now(installation: Installation) -> datetime:
    """Return the database's time."""
    with installation.engine.connect() as connection:
        found: datetime = connection.execute(sa.select(db_now())).scalar_one()
    return found


def hour_of_start(installation: Installation, accepted: Accepted) -> datetime:
    """Return when a job's worker started it, by the worker's own clock."""
    log = installation.fleet.log(installation.taken_by(accepted).name).read_text()
    line = next(line for line in log.splitlines() if f"job {accepted.job_id}: attempt 1" in line)
    return datetime.strptime(line[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


# Installations of their own. In the gate test_up.py kills a worker; service/worker/test_in_flight.py has four jobs in
# flight, and test_attempt.py jobs that hang.
at_night = pytest.mark.nightly


@at_night
def test_by_default_jobs_whose_worker_is_killed_start_again_within_thirty_seconds(tmp_path: Path) -> None:
    default = Settings(home=tmp_path)
    as_shipped = {name: getattr(default, name) for name in QUICK}
    with running_installation("embedded", tmp_path, **as_shipped) as installation:
        installation.all_ready()
        accepted = installation.order(with_deed(Deed.SLOW))
        installation.under_way(accepted)
        process_of(installation.workers[0]).send_signal(signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: installation.job(accepted).attempt == 2, timeout=60)
        took = time.monotonic() - killed

        print(f"all four started again {took:.1f} s after their worker was killed")
        assert took < 30
        assert installation.outcome(accepted) == ("SUCCESS", None)


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running_installation("embedded", tmp_path_factory.mktemp("roomy"), jobs_in_flight=4) as installation:
        yield installation


def four_in_flight(installation: Installation) -> list[Accepted]:
    installation.all_ready()
    orders = [installation.order(with_deed(Deed.HELD)) for _ in range(4)]
    until(lambda: all(installation.job(one).stage == "segment" for one in orders))
    return orders


@at_night
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


@at_night
def test_a_job_that_kills_its_worker_repeatedly_takes_no_other_job_along(roomy: Installation) -> None:
    roomy.all_ready()
    killer = roomy.order(with_deed(Deed.KILLED))
    others = [roomy.order(with_deed(Deed.SLOW)) for _ in range(3)]

    assert roomy.outcome(killer) == ("FAILURE", "worker_lost")
    assert [roomy.outcome(one) for one in others] == [("SUCCESS", None)] * 3
    assert roomy.wrong() == []


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A time limit that a photo keeps on a busy machine too, one attempt, and a short grace time."""
    home = tmp_path_factory.mktemp("impatient")
    times = {"time_limit": 20.0, "stop_grace": 15.0, "max_attempts": 1}
    with running_installation("embedded", home, clocks=(0, 0), **times) as installation:
        yield installation


@at_night
def test_steps_that_hang_in_a_c_call_end_their_workers_and_are_refunded(impatient: Installation) -> None:
    installation = impatient
    installation.all_ready()
    hung = [installation.order(with_deed(Deed.HUNG)), installation.order(with_deed(Deed.STUCK))]

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


@at_night
def test_a_worker_stops_within_its_grace_time_although_the_queue_hangs(impatient: Installation) -> None:
    installation = impatient
    installation.all_ready()
    with installation.held():
        accepted, process = installation.occupied()
        installation.made.queue.pause()
        installation.signal_stop(process)
    process.wait(300)  # reserve of a busy machine beyond the grace time; without a limit it would wait for ever
    job = installation.job(accepted)
    installation.made.queue.go_on()

    assert (job.status, job.attempt) == ("IN_PROGRESS", 0), "it was handed back"
    assert installation.outcome(accepted) == ("SUCCESS", None)
