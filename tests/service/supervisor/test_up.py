"""Waiting for the processes of `backdrop up`; the whole of it: tests/system/test_up.py."""

import threading
from pathlib import Path

import pytest

from benchmarks.storm.servers import free_port
from service.settings import Settings
from service.supervisor.up import CannotStart, _wait_until_ready


def test_an_api_that_takes_no_request_is_told_when_the_time_is_up(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url)

    with pytest.raises(CannotStart, match="Not ready after 1 s"):
        _wait_until_ready(settings, f"http://127.0.0.1:{free_port()}", [], threading.Event(), timeout=1.0)
