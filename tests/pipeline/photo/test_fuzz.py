"""The fuzzing itself: inputs that come back, processes that are watched, and a short run of it."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial

import pytest

from benchmarks.robustness.fuzz_decode import DECODED, MEBIBYTES, SECONDS, damaged, is_fault, judged
from tests.support.mutations import parts
from tests.support.specimens import corpus, gif
from tests.support.watched import Result, watched


def numbered(number: int) -> bytes:
    return b"%d" % number


def troubled(data: bytes) -> str:
    """Come to grief over some inputs, each in its own way."""
    match int(data):
        case 1:
            while True:
                pass
        case 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        case 3:
            return str(len(bytearray(150 << 20)))
        case 4:
            time.sleep(600)
    return "fine"


def never(data: bytes) -> str:
    raise SystemExit(f"no judge for {data!r}")


@pytest.mark.system
def test_what_hangs_dies_or_takes_too_much_memory_is_told_by_its_number_and_the_rest_goes_on() -> None:
    found = watched(range(8), numbered, troubled, workers=2, seconds=1.0, mebibytes=200, waits=10.0)
    outcomes = {result.number: result.outcome for result in found}

    assert outcomes == {
        **dict.fromkeys((0, 5, 6, 7), "fine"),
        **dict.fromkeys((1, 4), "hang"),
        2: f"killed by signal {signal.SIGSEGV}",
        3: "over memory",
    }


@pytest.mark.system
def test_a_judge_that_ends_its_process_is_told() -> None:
    (result,) = watched([7], numbered, never, workers=1, seconds=5, mebibytes=MEBIBYTES)

    assert is_fault(result)
    assert result.outcome.startswith("ended")


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (DECODED, False),
        ("image_unreadable", False),
        ("image_truncated", False),
        ("photo_damaged", False),
        ("image_too_large", False),
        ("image_too_small", False),
        ("hang", True),
        ("over memory", True),
        ("killed by signal 11", True),
        ("raised KeyError: 7", True),
        ("model_failed", True),
    ],
)
def test_only_a_photo_and_a_refusal_of_it_are_no_fault(outcome: str, fault: bool) -> None:
    assert is_fault(Result(0, outcome, 0.0, 0)) is fault


@pytest.mark.system
def test_an_input_is_the_same_in_every_process() -> None:
    program = (
        "import hashlib; from benchmarks.robustness.fuzz_decode import damaged;"
        "print(hashlib.sha256(b''.join(damaged(5, number) for number in range(40))).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    here = b"".join(damaged(5, number) for number in range(40))
    assert other.stdout.strip() == hashlib.sha256(here).hexdigest()
    assert here != b"".join(damaged(6, number) for number in range(40))


@pytest.mark.parametrize("number", range(len(corpus()) + 1))
def test_the_parts_of_a_file_are_found(number: int) -> None:
    data = (*corpus(), gif())[number]
    if data[:2] in (b"II", b"MM"):
        assert parts(data) == []  # its entries are edited one by one
    else:
        found = parts(data)
        assert found
        assert all(start < end <= len(data) for start, end in found)


@pytest.mark.system
@pytest.mark.parametrize("count", [2000, pytest.param(20_000, marks=pytest.mark.nightly)])
def test_thousands_of_damaged_files_give_photos_and_refusals_of_every_kind(count: int) -> None:
    make = partial(damaged, 20_261_124)
    results = list(watched(range(count), make, judged, workers=2, seconds=SECONDS, mebibytes=MEBIBYTES))
    counts = Counter(result.outcome for result in results)

    assert sorted(result.number for result in results) == list(range(count))
    assert [result for result in results if is_fault(result)] == []
    refusals = {"image_unreadable", "image_truncated", "photo_damaged", "image_too_large", "image_too_small"}
    assert set(counts) == {DECODED, *refusals}
    assert counts[DECODED] > 200, "damage so great that nothing is decoded finds nothing"
