"""A real Prometheus for one run, with Backdrop's alert rules and shorter durations."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from service.supervisor.processes import ChildProcess
from testkit.servers import free_port, wait_for_port

_UNITS = {"s": 1, "m": 60, "h": 3600}


class PrometheusMissing(RuntimeError):
    """Raised when Prometheus is not installed."""


def shortened(rules: str, factor: float) -> str:
    """Return alert rules with every `for` and every range divided by `factor`, in whole seconds.

    Thresholds are unchanged, also those in seconds.
    """

    def shorter(found: re.Match[str]) -> str:
        before, count, unit = found.groups()
        return f"{before}{max(1, round(int(count) * _UNITS[unit] / factor))}s"

    return re.sub(r"(\bfor: |\[)(\d+)([smh])\b", shorter, rules)


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression at this moment. Raises HTTPError."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """Return the firing alerts with installation and part: "backdrop: BackdropPartAway{queue}"."""
        alerts = httpx.get(f"{self.url}/api/v1/alerts", timeout=10).raise_for_status().json()["data"]["alerts"]
        return {_named(one["labels"]) for one in alerts if one["state"] == "firing"}

    def targets_down(self) -> list[str]:
        """Return the targets that the last scrape did not reach, or that were not scraped yet."""
        targets = httpx.get(f"{self.url}/api/v1/targets", timeout=10).raise_for_status().json()["data"]["activeTargets"]
        return [one["labels"]["instance"] for one in targets if one["health"] != "up"]


def _named(labels: Mapping[str, str]) -> str:
    part = f"{{{labels['part']}}}" if "part" in labels else ""
    return f"{labels.get('job', 'any')}: {labels['alertname']}{part}"


@contextmanager
def prometheus(
    folder: Path, rules: str, installations: Mapping[str, Mapping[str, str]], *, every: float = 1.0
) -> Iterator[Prometheus]:
    """Run a Prometheus with its data in `folder`, which scrapes each `every` seconds.

    `installations`: by Prometheus' job name, the targets of each, name: host:port. Raises PrometheusMissing, and
    TimeoutError if it does not start.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise PrometheusMissing("Prometheus is not installed. Install Debian's package prometheus.")
    folder.mkdir(parents=True)
    (folder / "rules.yml").write_text(rules)
    interval = f"{round(1000 * every)}ms"
    configured = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(folder / "rules.yml")],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {"targets": [address], "labels": {"name": name}} for name, address in targets.items()
                ],
            }
            for job, targets in installations.items()
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(configured))  # JSON is YAML
    port = free_port()
    command = [program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage"]
    part = ChildProcess("prometheus", command, log=folder / "prometheus.log")
    try:
        wait_for_port(part, port)
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        part.stop(10)
