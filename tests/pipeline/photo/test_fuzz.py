"""Damaged files end as a photo or a refusal, and nothing else: no crash, no hang, no gigabytes."""

from collections import Counter
from functools import partial

import pytest

from benchmarks.robustness.fuzz_decode import DECODED, MEBIBYTES, SECONDS, damaged, is_fault, judged
from testkit.watched import watched


@pytest.mark.system
@pytest.mark.parametrize("count", [1000, pytest.param(20_000, marks=pytest.mark.nightly)])
def test_thousands_of_damaged_files_give_photos_and_refusals_of_every_kind(count: int) -> None:
    make = partial(damaged, 20_261_124)
    results = list(watched(range(count), make, judged, workers=2, seconds=SECONDS, mebibytes=MEBIBYTES))
    counts = Counter(result.outcome for result in results)

    assert sorted(result.number for result in results) == list(range(count))
    assert [result for result in results if is_fault(result)] == []
    refusals = {"image_unreadable", "image_truncated", "photo_damaged", "image_too_large", "image_too_small"}
    assert set(counts) == {DECODED, *refusals}
    assert counts[DECODED] > 100, "damage too great to decode finds nothing"
