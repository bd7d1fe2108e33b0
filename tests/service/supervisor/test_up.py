"""Waiting for the processes of `backdrop up`; for the whole see tests/system/test_up.py."""

import threading
from pathlib import Path

import pytest

from service.settings import Settings
from service.supervisor.up import CannotStart, _open_home, _wait_until_ready
from tests.support.storm.servers import free_port


def test_an_api_that_takes_no_request_is_reported_at_the_timeout(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url)

    with pytest.raises(CannotStart, match="Not ready after 1 s"):
        _wait_until_ready(settings, f"http://127.0.0.1:{free_port()}", [], threading.Event(), timeout=1.0)


@pytest.mark.parametrize(
    ("before", "after", "warned"), [(0o755, 0o700, False), (0o700, 0o700, False), (0o1777, 0o1777, True)]
)
def test_an_open_home_is_made_private_and_a_shared_folder_left_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, before: int, after: int, warned: bool
) -> None:
    tmp_path.chmod(before)

    _open_home(tmp_path)

    assert tmp_path.stat().st_mode & 0o7777 == after
    assert ("open to other users" in caplog.text) == warned
