"""Restart all parts in turn under load, and check that no job, credit or answer is lost.

    python benchmarks/operations/rolling.py [--rounds 2] [--rate 1] [--lean] [--keep FOLDER]

Starts PostgreSQL, Valkey and an S3 server, two APIs, two workers and a sweep (u2netp and the installation's generator;
--lean: trivial networks). Callers follow /health/ready as a load balancer does, with kept connections and a small load:
swaps, previews, cut-outs and broken photos, some of which wait for their job's end. Then the sweep, each API and each
worker get SIGTERM, one at a time. Each must end within its grace period and be ready again before the next one.
Afterwards every job must have ended at its first attempt, with the result that its photo gives. Every job that the API
promised must exist, and no other. Balances and `backdrop ledger check` must be right, and no caller may have seen a 5xx
or a broken connection. Prints the counts. Exits with status 1 and the findings otherwise.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, add_record_option, recorder_of
from benchmarks.operations.load import Balancer, SteadyLoad, upload_photos
from benchmarks.operations.lost import lost, show
from benchmarks.operations.parts import Parts, small_photos, until
from benchmarks.robustness import verdict
from service.accounts.clients import Accounts
from service.database.engine import create_engine, reader
from testkit import installation
from testkit.fleet import Fleet, Member

#: `shutdown_delay`: a few polls of the balancer.
SETTINGS: dict[str, Any] = {"submit_rate": 0, "preview_rate": 0, "shutdown_delay": 3.0}
CREDITS = 10**6


def main() -> int:
    """Restart the parts under load, print the counts, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=2, help="number of restarts of each part")
    arguments.add_argument("--rate", type=float, default=1.0, help="orders a second")
    arguments.add_argument("--lean", action="store_true", help="use workers with trivial networks, which paint nothing")
    arguments.add_argument("--keep", type=Path, help="an empty folder for state and logs, kept after the run")
    add_record_option(arguments)
    options = arguments.parse_args()
    recorder = recorder_of(arguments, options)
    with tempfile.TemporaryDirectory(prefix="backdrop-rolling-") as temporary:
        home = options.keep or Path(temporary)
        with (
            installation.production(home, **SETTINGS) as made,
            Fleet(made.settings, home / "logs") as fleet,
        ):
            return Rolling(made, fleet, lean=options.lean).run(options.rounds, options.rate, recorder)


class Rolling:
    """An installation and its restarts."""

    def __init__(self, made: installation.Installation, fleet: Fleet, *, lean: bool) -> None:
        self._made, self._fleet, self._lean = made, fleet, lean
        self._console = Console(stderr=True)
        self._engine = create_engine(made.settings.sqlalchemy_url)
        self._parts = Parts(fleet)
        for kind in ("sweep", "api", "api", "worker", "worker"):
            self._parts.start(kind, lean=lean)
        #: Seconds from SIGTERM to the end, and from the start to ready, by member.
        self.stopped: dict[str, list[float]] = {member.name: [] for member in fleet.members}
        self.started: dict[str, list[float]] = {member.name: [] for member in fleet.members}

    def run(self, rounds: int, rate: float, recorder: Recorder | None) -> int:
        """Restart every part `rounds` times under load, print the result, and return the exit status."""
        self._parts.wait_until_ready()
        _, bearer = Accounts(self._engine).add("rolling", credits=CREDITS)
        photos = upload_photos(self._parts.addresses[0], bearer, [*small_photos(), b"no picture"])
        balancer = Balancer(self._parts.addresses)
        load = SteadyLoad(balancer, bearer, photos[:-1], photos[-1], rate=rate, scenes=not self._lean)
        until(lambda: len(balancer.ready) == 2, 60, "both APIs are ready")
        load.start()
        try:
            for number in range(rounds):
                time.sleep(5)
                for member in self._fleet.members:
                    self._restart(member)
                self._console.print(f"round {number + 1}: all restarted")
        finally:
            load.stop()
            balancer.close()
        left = reader(self._engine)
        until(lambda: not verdict.unfinished(left), 300, "every job ends")
        findings = list(lost(self._engine, self._made.settings, load.answers))
        self.show_times()
        show(self._engine, load.answers, findings, "Nothing was lost: no job, no credit, no answer.")
        if recorder:
            recorder.write("operations", self.recorded(len(findings), len(load.answers.job_ids)))
        return 1 if findings else 0

    def recorded(self, lost: int, orders: int) -> Iterator[Measured]:
        """Yield the figures of a run with `lost` findings and its orders."""
        what = "Jobs, credits and answers lost in a rolling restart of every part under load"
        yield Measured("lost", what, lost, "", orders, "at most 0")
        for kind, label in (("api", "an API"), ("worker", "a worker"), ("sweep", "a sweep")):
            ended, ready = (
                [took for name, all_ in times.items() if name.startswith(kind) for took in all_]
                for times in (self.stopped, self.started)
            )
            end = f"Time from SIGTERM to the end of {label} under load, slowest"
            yield Measured(f"{kind}-end", end, max(ended), "s", len(ended))
            start = f"Time until {label} that starts again is ready, slowest"
            yield Measured(f"{kind}-ready", start, max(ready), "s", len(ready))

    def _restart(self, member: Member) -> None:
        self.stopped[member.name].append(self._parts.stop(member))
        self._fleet.tend()
        self.started[member.name].append(self._parts.wait_until_ready(member))

    def show_times(self) -> None:
        """Print the seconds of each restart."""
        table = Table("part", "stopped after, s", "ready after, s")
        for name, stopped in self.stopped.items():
            table.add_row(name, *(", ".join(f"{took:.1f}" for took in all_) for all_ in (stopped, self.started[name])))
        Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
