"""The dashboard and the alert rules: they use only metrics that the processes export."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from service.health.observed import InstallationMetrics
from service.telemetry import metrics
from service.telemetry.http import HttpMetrics
from service.telemetry.metrics import (
    DeviceCollector,
    JobMetrics,
    RunMetrics,
    WebhookMetrics,
    build_commit,
    process_registry,
)

FILES = Path(str(files("service"))) / "chart" / "files"
#: Suffixes of a series' name after its family.
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "info": ("_info",)}
#: Prometheus's own.
STANDARD = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds"}


def metric_names() -> set[str]:
    """Return the names of all series that some process exports."""
    registry: CollectorRegistry = process_registry("worker")
    for kind in (JobMetrics, RunMetrics, WebhookMetrics, HttpMetrics, InstallationMetrics):
        kind(registry)
    registry.register(DeviceCollector("cpu", lambda: 1.0, lambda: 1))
    return {family.name + suffix for family in registry.collect() for suffix in SUFFIXES.get(family.type, ("",))}


def queries() -> Iterator[str]:
    for panel in json.loads((FILES / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield (FILES / "rules.yml").read_text()


def test_a_process_exports_every_metric_that_dashboard_and_rules_name() -> None:
    named = {name for query in queries() for name in re.findall(r"\b(?:backdrop|http_server|process)_\w+", query)}

    assert len(named) > 25
    assert named <= metric_names() | STANDARD


def test_every_exported_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    text = "\n".join(queries())

    families = {re.sub("_(total|bucket|sum|count|info)$", "", name) for name in metric_names()}
    missing = {name for name in families if name.startswith(("backdrop", "http_server")) and name not in text}
    assert missing == set()


def test_every_panel_shows_the_chosen_installation_and_every_rule_names_its_own() -> None:
    dashboard = json.loads((FILES / "dashboard.json").read_text())
    assert [one["name"] for one in dashboard["templating"]["list"]] == ["datasource", "namespace", "job"]
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            named = re.findall(r"\b(?:backdrop|http_server|process)_\w+(.{0,400})", target["expr"])
            assert named
            assert all('namespace=~"$namespace", job=~"$job"}' in after.partition("}")[0] + "}" for after in named)
    rules = (FILES / "rules.yml").read_text()
    assert not re.findall(r"\b(?:sum|max|min|group)\((?!backdrop_sweeps\)$)", rules, re.MULTILINE)
    assert not re.findall(r"\bby \((?!namespace, job)", rules)


def test_a_series_whose_rise_an_alert_watches_exists_from_the_start() -> None:
    registry = CollectorRegistry()
    JobMetrics(registry)
    WebhookMetrics(registry)
    (codes,) = re.findall(r'error_type=~"([\w|]+)"', (FILES / "rules.yml").read_text())

    for code in codes.split("|"):
        labels = {"operation": "preview", "status": "FAILURE", "error_type": code}
        assert registry.get_sample_value("backdrop_jobs_finished_total", labels) == 0
    late = {"operation": "swap", "in_time": "no"}
    assert registry.get_sample_value("backdrop_jobs_judged_total", late) == 0
    failed = registry.get_sample_value("backdrop_webhook_attempt_duration_seconds_count", {"state": "failed"})
    assert failed == 0


@pytest.mark.skipif(
    shutil.which("promtool") is None and "CI" not in os.environ,  # noqa: TID251  # it fails there instead
    reason="promtool is Prometheus's own: scripts/promtool installs Debian's where root may",
)
def test_the_alert_rules_pass_their_own_tests() -> None:
    tested = subprocess.run(["promtool", "test", "rules", "rules_test.yml"], cwd=FILES, capture_output=True, text=True)

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_guide_explains_every_alert_and_no_other() -> None:
    guide = (Path(str(files("service"))).parent / "docs" / "guides" / "operators" / "alerts.md").read_text("utf-8")
    explained = re.findall(r"^## (Backdrop\w+)$", guide, re.MULTILINE)

    assert sorted(explained) == sorted(re.findall(r"- alert: (\w+)", (FILES / "rules.yml").read_text()))


# A process's build in its metrics, and how it judges the duration of jobs


_ASKED = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent)
HEAD = _ASKED.stdout.strip()


def test_the_builds_commit_comes_from_its_file_or_git_or_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if HEAD:
        assert build_commit() == HEAD
    code = tmp_path / "service"
    (code / "telemetry").mkdir(parents=True)
    monkeypatch.setattr(metrics, "__file__", str(code / "telemetry" / "metrics.py"))

    assert build_commit() == "unknown", "neither a file nor a repository"
    (code / "COMMIT").write_text("0123abc\n")

    registry = process_registry("api")
    value = registry.get_sample_value(
        "backdrop_build_info", {"version": version("backdrop"), "commit": "0123abc", "process": "api"}
    )
    assert value == 1


def test_a_job_is_judged_by_the_median_of_its_operation() -> None:
    registry = CollectorRegistry()
    jobs = JobMetrics(registry)

    def judged(operation: str, in_time: str) -> float | None:
        labels = {"operation": operation, "in_time": in_time}
        return registry.get_sample_value("backdrop_jobs_judged_total", labels)

    for seconds in [9.0] + 19 * [1.0]:
        jobs.took("swap", seconds)
    assert not judged("swap", "yes"), "there is no median yet"
    for seconds in (2.9, 3.1, 60.0):
        jobs.took("swap", seconds)
        jobs.took("cutout", seconds)

    assert (judged("swap", "yes"), judged("swap", "no")) == (1, 2)
    assert judged("cutout", "no") == 0
    assert registry.get_sample_value("backdrop_job_duration_seconds_count", {"operation": "swap"}) == 23
