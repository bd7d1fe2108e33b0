"""The process ends at the first deadline of its jobs."""

import time

import pytest

from service.worker.watchdog import Watchdog


def test_the_first_deadline_of_all_jobs_in_flight_counts_and_each_job_has_its_own() -> None:
    timers: list[float | None] = []
    watchdog = Watchdog(timers.append)

    watchdog.arm("slow", 100)
    watchdog.arm("quick", 10)
    watchdog.arm("slow", 200)
    watchdog.disarm("quick")
    watchdog.arm("slow", 5)  # a write in the middle of a long step
    watchdog.disarm("slow")
    watchdog.disarm("slow")

    assert timers[:5] == pytest.approx([100, 10, 10, 200, 200], abs=1)
    assert timers[5:] == [None, None]


def test_a_deadline_that_has_passed_when_another_job_begins_is_no_error() -> None:
    timers: list[float | None] = []
    watchdog = Watchdog(timers.append)
    watchdog.arm("hung", 0.001)
    time.sleep(0.01)

    watchdog.arm("next", 10)

    assert timers[-1] == 0.001
