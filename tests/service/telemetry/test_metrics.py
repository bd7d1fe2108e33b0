"""A process's build in its metrics, and how it judges the duration of jobs."""

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from service.telemetry import metrics
from service.telemetry.metrics import JobMetrics, build_commit, process_registry

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
