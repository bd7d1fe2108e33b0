"""Upgrade under load with both releases on one database, and check that no job, credit or answer is lost.

    python benchmarks/operations/upgrade.py [--seconds 20] [--rate 1] [--keep FOLDER]

The previous release is the newest tag, or without tags the commit in tests/system/release_before.txt. Its API, worker
and sweep run on its own schema, with PostgreSQL, Valkey and an S3 server. A small load orders swaps with every option,
cut-outs, and broken photos. Then the program follows the upgrade guide:

1. `backdrop migrate` of this release under the old parts
2. this release's sweep, worker and API next to the old parts for --seconds
3. the previous release's worker alone, until it has run each option, and this release's beside it again
4. a worker of the previous release, restarted on the new schema
5. the old parts stopped one by one, the API after its last request

Workers have trivial networks. Afterwards every job must have ended at its first attempt, with the result that its photo
gives. Every option must have been delivered as ordered (`delivered.py`), by each release's worker and API. Every job
that an API promised must exist, and no other. Balances and `backdrop ledger check` must be right, and no caller may
have seen a 5xx or a broken connection. Exits with status 1 and the findings otherwise.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.figures import Measured, Recorder, add_record_option, recorder_of
from benchmarks.operations.delivered import OPTIONS, Pairing, pairings, wrong
from benchmarks.operations.load import Balancer, SteadyLoad, upload_photos
from benchmarks.operations.lost import lost, show
from benchmarks.operations.parts import Parts, small_photos, until
from benchmarks.robustness import verdict
from service.database.engine import create_engine, reader
from service.jobs.worker_registry import WorkerRegistry
from testkit import installation
from testkit.fleet import Fleet, Member
from testkit.photos import good

ROOT = Path(__file__).resolve().parents[2]
#: Contains the commit of the previous release, until there is a tag.
_NAMED = ROOT / "tests" / "system" / "release_before.txt"
#: Modules of a lean worker in that release.
_LEAN_BEFORE = ("benchmarks.storm.watch", "benchmarks.storm.worker")
#: Each option, from the old or the new API and by the old or the new worker. Without previews of the new API by the old
#: worker, because the previous release does not read the queue of previews.
_ALL = {
    (option, api, worker)
    for option in range(len(OPTIONS))
    for api in (False, True)
    for worker in (False, True)
    if "preview" not in OPTIONS[option] or not api or worker
}
SETTINGS: dict[str, Any] = {"submit_rate": 0, "preview_rate": 0, "shutdown_delay": 3.0}


class NoReleaseBefore(RuntimeError):
    """Raised when the history does not contain the previous release."""


def unpack_release_before(folder: Path) -> str:
    """Write the code of the previous release into an empty folder, and return its tag or commit.

    Raises NoReleaseBefore.
    """
    if not (ROOT / ".git").exists():
        raise NoReleaseBefore("The folder has no git history. Use a clone of the repository.")
    tags = _git("tag", "--list", "v*", "--sort=-v:refname").decode().split()
    name = tags[0] if tags else _NAMED.read_text().split()[0]
    archive = _git("archive", name, "service", "pipeline", "models", "client", "benchmarks")
    with tarfile.open(fileobj=BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return _git("rev-parse", "--short", name).decode().strip() if not tags else name


def _git(*arguments: str) -> bytes:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def environment_of(release: Path) -> dict[str, str]:
    """Return variables with which a Python process runs the code of that folder."""
    # The working directory contains this release's code, so it must not be on the path.
    return {"PYTHONPATH": f"{release}:{release / 'client'}", "PYTHONSAFEPATH": "1"}


def main() -> int:
    """Upgrade under load, print the counts, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=20.0, help="seconds for which both releases run together")
    arguments.add_argument("--rate", type=float, default=1.5, help="orders a second")
    arguments.add_argument("--keep", type=Path, help="an empty folder for state and logs, kept after the run")
    add_record_option(arguments)
    options = arguments.parse_args()
    recorder = recorder_of(arguments, options)
    with tempfile.TemporaryDirectory(prefix="backdrop-upgrade-") as temporary:
        home = options.keep or Path(temporary)
        release = home / "before"
        release.mkdir(parents=True)
        print("previous release:", unpack_release_before(release))
        with (
            installation.production(home, migrated=False, **SETTINGS) as made,
            Fleet(made.settings, home / "logs") as fleet,
        ):
            return Upgrade(made, Parts(fleet), release).run(options.seconds, options.rate, recorder)


class Upgrade:
    """An installation that is upgraded from the previous release to this one."""

    def __init__(self, made: installation.Installation, parts: Parts, release: Path) -> None:
        self._made, self._parts = made, parts
        self._before = environment_of(release)
        self._say = Console(stderr=True).print
        self._engine = create_engine(made.settings.sqlalchemy_url)
        self._registry = WorkerRegistry(made.settings.queue_url)

    def run(self, seconds: float, rate: float, recorder: Recorder | None) -> int:
        """Upgrade under load, print the result, and return the exit status."""
        self._command(self._before, "migrate")
        old = [self._parts.start(kind, lean=_LEAN_BEFORE, **self._before) for kind in ("sweep", "api", "worker")]
        (before,) = self._parts.addresses
        balancer = Balancer()
        # Its /health/ready reports a newer schema as outdated.
        balancer.add(before, path="/health/live")
        until(lambda: bool(balancer.ready) and len(self._registry.workers()) == 1, 300, "the previous release is ready")
        first = self._labels()
        # By the old code: this release reads columns that do not exist yet.
        added = self._command(self._before, "clients", "add", "upgraded", "--credits", str(10**6), "--json")
        bearer = json.loads(added)["key"]
        photos = upload_photos(before, bearer, [good(), good(1), *small_photos(), b"no picture"])
        # The previous release closes idle connections after 5 s, so callers must close theirs earlier.
        load = SteadyLoad(balancer, bearer, photos[:-1], photos[-1], rate=rate, scenes=False, options=OPTIONS, kept=2.0)
        load.start()
        try:
            time.sleep(seconds / 4)
            self._command({}, "migrate")
            self._say("migrated under the previous release")
            new = [self._parts.start(kind, lean=True) for kind in ("sweep", "worker", "api")]
            self._parts.wait_until_ready(*new)
            balancer.add(self._parts.addresses[1])
            until(lambda: len(balancer.ready) == 2, 60, "this release's API is ready")
            until(lambda: len(self._registry.workers()) == 2, 60, "this release's worker is registered")
            upgraded = self._labels() - first
            self._say("both releases are running")
            time.sleep(seconds)
            mixed = self._pairings(load, before, upgraded)
            # Beside this release's worker, which is quicker, the old one would hardly run a job.
            self._parts.stop(new[1])
            by_old = {pairing for pairing in _ALL if not pairing[2]}
            until(lambda: mixed() >= by_old, 300, "the old worker has run each option of each release's API")
            self._parts.fleet.tend()
            until(lambda: len(self._registry.workers()) == 2, 60, "this release's worker is back")
            upgraded |= self._labels() - first
            until(lambda: mixed() >= _ALL, 300, "each release's worker has run each option of each release's API")
            self._again(old[2])
            time.sleep(seconds / 4)
            balancer.leave_out(before)
            time.sleep(5)  # seconds of the chart's preStop
            for member in old:
                self._parts.stop(member)
            self._say("only this release is running")
            time.sleep(seconds / 4)
        finally:
            load.stop()
            balancer.close()
        until(lambda: not verdict.unfinished(reader(self._engine)), 300, "every job ends")
        findings = list(lost(self._engine, self._made.settings, load.answers))
        findings += wrong(self._engine, load.answers.urls)
        print("orders by option, API and worker:", len(_ALL), "pairings, all delivered")
        show(self._engine, load.answers, findings, "The upgrade lost nothing: no job, no credit, no answer.")
        if recorder:
            what, orders = "Jobs, credits and answers lost while two releases run together", len(load.answers.job_ids)
            recorder.write("operations", [Measured("lost", what, len(findings), "", orders, "at most 0")])
        return 1 if findings else 0

    def _command(self, environment: dict[str, str], *arguments: str) -> str:
        """Run a command of the release that the environment selects, and return its output. Raises RuntimeError."""
        command = [sys.executable, "-m", "service.cli.main", *arguments]
        done = subprocess.run(
            command, env=self._made.settings.environment() | environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def _labels(self) -> set[str]:
        """Return the labels of the registered workers, as their jobs name them."""
        return {f"{worker['host']}:{worker['pid']}" for worker in self._registry.workers()}

    def _again(self, worker: Member) -> None:
        """Restart a worker of the previous release, as a rollback does, and wait until it is registered."""
        self._parts.stop(worker)
        until(lambda: len(self._registry.workers()) == 1, 60, "the worker is no longer registered")
        self._parts.fleet.tend()
        until(lambda: len(self._registry.workers()) == 2, 300, "the previous release's worker starts on the new schema")
        self._say("a worker of the previous release started on the new schema")

    def _pairings(self, load: SteadyLoad, before: str, upgraded: set[str]) -> Callable[[], set[Pairing]]:
        return lambda: pairings(self._engine, dict(load.answers.urls), before, upgraded)


if __name__ == "__main__":
    sys.exit(main())
