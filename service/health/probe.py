"""The probe: asks the metrics port of a process on this machine, for health checks that run a command."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from service.settings import Settings


@dataclass(frozen=True)
class Probed:
    """The answer of a process: whether it is well, and a line about it."""

    well: bool
    said: str


def probe(settings: Settings, *, live: bool, timeout: float = 4.0) -> Probed:
    """Ask the process on the settings' port whether it lives or is ready. No answer in `timeout` seconds means no."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.metrics_host, settings.metrics_host)  # noqa: S104  # asks it there
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{settings.metrics_port}/health/{'live' if live else 'ready'}"
    # No proxy, because the process is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=timeout) as answer:
            return Probed(True, _line(answer.read()))
    except urllib.error.HTTPError as error:
        return Probed(False, _line(error.read()))
    except OSError as error:
        return Probed(False, f"{address} does not answer: {error}")


def _line(body: bytes) -> str:
    try:
        report = json.loads(body)
        reasons = [
            f"{one['part']}: {one['detail']}" for one in (*report.get("missing", ()), *report.get("degraded", ()))
        ]
        return " ".join([report["status"], *reasons])
    except (ValueError, KeyError, TypeError):
        return "The answer does not come from a Backdrop process."
