"""Checks of parts that hang, or that answer and refuse writes."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from service.health.parts import Patient, StoreCheck, Unusable
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import Bucket, StoreUnavailable
from tests.support.polling import until


class Full:
    """A bucket that answers, on a real one. When `full`, it refuses writes."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.full, self.writes = False, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.writes += 1
        if self.full:
            raise StoreUnavailable("No space left on device")
        self._bucket.put(key, data, content_type)


def test_a_store_gets_a_test_write_every_minute_and_at_each_look_while_it_refuses(
    s3_settings: dict[str, Any], tmp_path: Path
) -> None:
    now = 0.0
    sources, renders = open_buckets(Settings(home=tmp_path, **s3_settings))
    full: Any = Full(renders)
    check = StoreCheck((sources, full), clock=lambda: now)

    check()
    check()
    assert full.writes == 1, "it answers, and that is enough for a minute"
    now, full.full = 61.0, True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            check()
    full.full = False
    check()
    check()
    assert full.writes == 4
    assert list(renders.entries()) == [], "nothing is left"


def test_a_hanging_part_blocks_no_look_and_recovers() -> None:
    answers, asked = threading.Event(), list[int]()

    def look() -> dict[str, Any]:
        asked.append(1)
        answers.wait(600)
        return {"queued": 3}

    patient = Patient("queue server", look)
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(Unusable, match="The queue server has not answered for"):
            patient()
    assert time.monotonic() - began < 30, "the first look waits for a moment, the others not at all"
    assert len(asked) == 1, "it is asked once, not by a thread for each look"

    answers.set()

    def found() -> dict[str, Any] | None:
        try:
            return patient()
        except Unusable:
            return None

    assert until(found) == {"queued": 3}
