"""An API that is told to stop: what it still answers, and what it says of itself."""

import signal
from pathlib import Path

import httpx
import pytest

from tests.support.polling import until
from tests.support.streams import serve


def test_an_api_that_delays_its_stop_says_so_and_answers_until_it_is_told_again(
    tmp_path: Path, valkey_url: str
) -> None:
    with serve(tmp_path, valkey_url, shutdown_delay=600.0) as api:
        http = api.caller.http
        before = http.get("/health/ready").status_code
        api.server.handle_exit(signal.SIGTERM, None)

        ready = http.get("/health/ready")
        assert (before, ready.status_code, ready.json()["status"]) == (200, 503, "unavailable")
        assert ready.json()["missing"] == [{"part": "api", "detail": "It stops."}]
        assert http.get("/health/live").status_code == 200
        assert api.new_job(), "who did not look yet is served"

        api.server.handle_exit(signal.SIGTERM, None)
        until(lambda: not api.server.started or api.server.should_exit)
        with pytest.raises(httpx.ConnectError):
            until(lambda: httpx.get(f"{http.base_url}/health/live").is_error)


@pytest.mark.parametrize(("delay", "number"), [(0.0, signal.SIGTERM), (600.0, signal.SIGINT)])
def test_without_a_delay_or_from_a_terminal_it_stops_at_once(
    tmp_path: Path, valkey_url: str, delay: float, number: signal.Signals
) -> None:
    with serve(tmp_path, valkey_url, shutdown_delay=delay) as api:
        assert api.server.config.timeout_keep_alive > 60, "who balances the load is to close idle connections first"
        api.server.handle_exit(number, None)

        assert api.server.should_exit
