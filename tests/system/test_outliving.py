"""Parts that are started by hand: they outlive the shell that started them, and log why they stop."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from service.settings import Settings
from tests.support.databases import migrated_engine
from tests.support.polling import until


def test_a_sweep_outlives_its_shell_and_logs_why_it_stops(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url)
    migrated_engine(settings).dispose()
    log = tmp_path / "sweep.log"
    shell = f"{sys.executable} -m service.cli.main sweep >{log} 2>&1 & echo $!"
    started = subprocess.run(["/bin/sh", "-c", shell], env=settings.environment(), capture_output=True, check=True)
    sweep = psutil.Process(int(started.stdout))
    try:
        until(lambda: "webhook delivery started" in log.read_text())
        time.sleep(1.5)  # longer than the supervisor takes to check its parent
        assert sweep.is_running()

        os.kill(sweep.pid, signal.SIGTERM)
        until(lambda: not sweep.is_running() or sweep.status() == psutil.STATUS_ZOMBIE)
        assert "the sweep stops: SIGTERM" in log.read_text()
    finally:
        if sweep.is_running():
            sweep.kill()
