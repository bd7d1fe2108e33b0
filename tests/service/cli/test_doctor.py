"""`backdrop doctor`: faults, missing processes, and the device of each network."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from service.jobs.worker_registry import WorkerHeartbeat, WorkerRegistry, sweep_heartbeat
from testkit import still_life
from tests.models.onnx_graphs import mean_of_channels
from tests.support.command_line import migrated_home, run


def test_the_doctor_reports_faults_missing_processes_and_waiting_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    home = ("--home", str(tmp_path))
    missing = run("doctor", "--no-networks", *home)
    assert (missing.exit_code, "backdrop migrate" in missing.output) == (1, True)
    migrated_home(tmp_path)
    assert run("doctor", "--no-networks", *home).exit_code == 0
    monkeypatch.setenv("BACKDROP_QUEUE_URL", f"{valkey_url.rpartition('/')[0]}/8")
    result = run("doctor", "--no-networks", *home)
    assert result.exit_code == 1
    for said in ("No worker is running", "No sweep is running", "0 jobs wait"):
        assert said in result.output


def test_the_doctor_warns_about_a_network_on_the_cpu_of_a_machine_with_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    warning = "The segmenter runs on the CPU: onnxruntime 1.32.0 is the CPU's build."
    versions = {"segmenter": "u2netp", "segmenter_device": "cpu", "generator": "light", "generator_device": "cuda"}
    versions["device_warning"] = warning
    networks = replace(still_life.networks(), versions=versions)
    monkeypatch.setattr("service.worker.networks.open_networks", lambda settings: networks)
    queue = f"{valkey_url.rpartition('/')[0]}/9"
    monkeypatch.setenv("BACKDROP_QUEUE_URL", queue)
    about = {"name": "one", "host": "gpu-1", "pid": 7, **versions}
    for heartbeat in (WorkerHeartbeat(WorkerRegistry(queue), "one", about), sweep_heartbeat(queue)):
        heartbeat.beat()

    said = run("doctor", *migrated_home(tmp_path)).output

    assert said.count(warning) == 2, "of the networks loaded here, and of the worker's"


def test_the_doctor_shows_an_operators_own_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.onnx").write_bytes(mean_of_channels(48, 48))
    (tmp_path / "mine.toml").write_text("size = 48\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]\n")
    monkeypatch.setenv("BACKDROP_SEGMENTER", f"onnx:{tmp_path / 'mine.onnx'}")

    said = run("doctor", *migrated_home(tmp_path / "home")).output

    assert re.search(r"ok +networks +onnx:mine.onnx sha256:[0-9a-f]{12} mine.toml sha256:[0-9a-f]{12} in ", said)
