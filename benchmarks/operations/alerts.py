"""Check dashboard and alerts with a real Prometheus on a real installation that is broken on purpose.

    python benchmarks/operations/alerts.py [--factor 10] [--rate 1] [--keep FOLDER]

Starts PostgreSQL, Valkey and an S3 server, an API, two workers (u2netp and the installation's generator) and a sweep. A
Prometheus runs the chart's alert rules, under a small load of swaps from photos of 256 pixels. It also scrapes a
second, idle installation, whose alerts must not fire, and which must not hide those of the first. First, every
expression of the dashboard must return data. Then parts are broken one after another:

- Both workers are killed, then drained. The API is killed, then the sweep, then the queue server.
- The store refuses every request.
- The jobs table is locked for 3.5 of every 4 s, then for good.

After each break it waits for the expected alert, logs the others, mends the part, and waits until no alert fires.

The rules' durations are minutes, so each `for` and each range is divided by --factor, and Prometheus scrapes each
second. Expressions, thresholds and labels are those of service/chart/files/rules.yml. Exits with status 1 when an
expression returns no data, an alert does not fire or resolve, or an unrelated alert fires. Needs Debian's package
prometheus; exits with status 2 without it.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, add_record_option, recorder_of
from benchmarks.operations.breaks import WATCHED, Break, breaks
from benchmarks.operations.load import Balancer, SteadyLoad, upload_photos
from benchmarks.operations.parts import Parts, small_photos, until
from benchmarks.operations.prometheus import Prometheus, prometheus, shortened
from service.accounts.clients import Accounts
from service.database.engine import create_engine
from service.webhooks.endpoints import Webhooks
from testkit import installation
from testkit.fleet import Fleet
from testkit.receiver import receiving

CHART = Path(str(files("service"))) / "chart" / "files"
#: Replaces Grafana's `$__rate_interval`; scrapes come each second.
RANGE = "60s"
#: Alerts that depend on the machine's speed; promtool tests these two.
SPEED = frozenset({f"{WATCHED}: BackdropSubmitsSlow", f"{WATCHED}: BackdropJobsLate"})
SETTINGS: dict[str, Any] = {"webhook_allow_private": True, "submit_rate": 0, "preview_rate": 0}


@dataclass(frozen=True)
class Outcome:
    """The result of one break. Seconds; None: not within the patience."""

    broken: Break
    fired_after: float | None
    resolved_after: float | None
    #: Every alert that fired meanwhile.
    seen: frozenset[str]

    @property
    def wrong(self) -> list[str]:
        """Problems, a sentence each."""
        silent = [] if self.fired_after is not None else sorted(self.broken.expected - self.seen) or ["all at once"]
        found = [f"{self.broken.what}: {alert} did not fire" for alert in silent]
        found += [f"{self.broken.what}: alerts still fire after the mend"] if self.resolved_after is None else []
        stray = self.seen - self.broken.expected - self.broken.also
        return found + [f"{self.broken.what}: {alert} fired" for alert in sorted(stray)]


def main() -> int:
    """Break each part in turn, print the tables, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--factor", type=float, default=10.0, help="divides the rules' durations")
    arguments.add_argument("--rate", type=float, default=1.0, help="orders a second")
    arguments.add_argument("--keep", type=Path, help="an empty folder for state and logs, kept after the run")
    add_record_option(arguments)
    options = arguments.parse_args()
    recorder = recorder_of(arguments, options)
    if shutil.which("prometheus") is None:
        print("Prometheus is not installed. Install Debian's package prometheus.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="backdrop-alerts-") as temporary:
        home = options.keep or Path(temporary)
        with (
            receiving() as receiver,
            installation.production(home, **SETTINGS) as made,
            Fleet(made.settings, home / "logs") as fleet,
            installation.embedded(home / "other") as other,
            Fleet(other.settings, home / "other" / "logs") as idle,
        ):
            parts = Parts(fleet)
            for kind in ("api", "worker", "worker", "sweep"):
                parts.start(kind)
            others = Parts(idle)
            for kind in ("api", "worker", "sweep"):
                others.start(kind, lean=True)
            rules = shortened((CHART / "rules.yml").read_text(), options.factor)
            both = {WATCHED: parts.targets, "other": others.targets}
            with prometheus(home / "prometheus", rules, both) as watching:
                return _watched(options, made, parts, receiver.url, watching, recorder)


def _watched(
    options: argparse.Namespace,
    made: installation.Installation,
    parts: Parts,
    receiver: str,
    watching: Prometheus,
    recorder: Recorder | None,
) -> int:
    say = Console(stderr=True).print
    say(f"rules.yml with every `for` and range divided by {options.factor:g}; scraped and evaluated each second")
    until(lambda: not watching.targets_down() and _all_ready(watching), 300, "the installation is ready")
    engine = create_engine(made.settings.sqlalchemy_url)
    client, bearer = Accounts(engine).add("watched", credits=10**6)
    Webhooks(engine, allow_private=True).register(client.name, receiver)
    photos = upload_photos(parts.addresses[0], bearer, [*small_photos(), b"no picture"])
    balancer = Balancer(parts.addresses)
    load = SteadyLoad(balancer, bearer, photos[:-1], photos[-1], rate=options.rate)
    until(lambda: bool(balancer.ready), 60, "the API is ready")
    load.start()
    wrong = []
    try:
        say("the load is running")
        wrong += show_dashboard(watching, patience=90)
        outcomes = []
        for broken in breaks(made, parts.fleet):
            outcomes.append(tried(broken, watching, patience=60 + 900 / options.factor))
            say(f"{broken.what}: {outcomes[-1].wrong or 'right'}")
            wrong += outcomes[-1].wrong
        show_outcomes(outcomes)
        if recorder:
            recorder.write("operations", recorded(outcomes, wrong))
    finally:
        load.stop()
        balancer.close()
        engine.dispose()
    print("Answers to callers, breaks included:", dict(load.answers.counts))
    print(
        "\n".join(wrong)
        if wrong
        else "Every expression returns data, and each time the right alert fired and resolved."
    )
    return 1 if wrong else 0


def _all_ready(watching: Prometheus) -> bool:
    values = {
        (one["metric"]["job"], name, float(one["value"][1]))
        for name in ("workers", "sweeps")
        for one in watching.query(f"max by (job) (backdrop_{name})")
    }
    return values == {(WATCHED, "workers", 2), (WATCHED, "sweeps", 1), ("other", "workers", 1), ("other", "sweeps", 1)}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every panel's title with each of its expressions, in Prometheus' syntax."""
    for panel in json.loads((CHART / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield (
                panel["title"],
                target["expr"].replace("$__rate_interval", RANGE).replace("$namespace", ".*").replace("$job", WATCHED),
            )


def show_dashboard(watching: Prometheus, *, patience: float) -> list[str]:
    """Wait until every dashboard expression returns data, print its series, and return those without data."""
    end = time.monotonic() + patience
    while True:
        series = [(title, asked, _with_data(watching, asked)) for title, asked in expressions()]
        if all(count for *_, count in series) or time.monotonic() > end:
            break
        time.sleep(1)
    table = Table("panel", "expression", "series with data")
    for title, asked, count in series:
        table.add_row(title, asked, str(count))
    Console(width=160).print(table)
    print(f"{sum(count > 0 for *_, count in series)} of {len(series)} expressions of the dashboard have data.")
    return [f"no data: {title}: {asked}" for title, asked, count in series if not count]


def _with_data(watching: Prometheus, asked: str) -> int:
    return sum(not math.isnan(float(one["value"][1])) for one in watching.query(asked))


def tried(broken: Break, watching: Prometheus, *, patience: float) -> Outcome:
    """Break a part, wait for its alert, mend it, wait until no alert fires, and return the outcome."""
    seen = set[str]()

    def firing() -> set[str]:
        now = watching.firing() - SPEED
        seen.update(now)
        return now

    fired = resolved = None
    mend = broken.make()
    try:
        fired = _taken(lambda: broken.expected <= firing(), patience)
    finally:
        mend()
    resolved = _taken(lambda: not firing(), patience)
    return Outcome(broken, fired, resolved, frozenset(seen))


def _taken(holds: Callable[[], bool], patience: float) -> float | None:
    try:
        return until(holds, patience, "")
    except TimeoutError:
        return None


def recorded(outcomes: list[Outcome], wrong: list[str]) -> Iterator[Measured]:
    """Yield the figures of a run: each alert's time, how much of the dashboard has data, and what went wrong."""
    asked = len(list(expressions()))
    without = sum(one.startswith("no data") for one in wrong)
    shown = "Expressions of the dashboard that return data"
    yield Measured("dashboard", shown, asked - without, f"of {asked} expressions", asked, f"at least {asked}")
    others = "Alerts that did not fire or resolve, or fired without a cause"
    yield Measured("wrong", others, len(wrong) - without, "alerts", len(outcomes), "at most 0")
    for one in outcomes:
        if one.fired_after is not None:
            what = f"Time until the alert fires, durations divided by the factor: {one.broken.what}"
            yield Measured(one.broken.name, what, one.fired_after, "s")


def show_outcomes(outcomes: list[Outcome]) -> None:
    """Print the alerts of each break."""
    table = Table("broken", "must fire", "fired after, s", "also fired", "quiet after the mend, s")
    shown = partial("{:.0f}".format)
    for one in outcomes:
        also = ", ".join(sorted(one.seen - one.broken.expected)) or "none"
        times = ["never" if taken is None else shown(taken) for taken in (one.fired_after, one.resolved_after)]
        table.add_row(one.broken.what, ", ".join(sorted(one.broken.expected)), times[0], also, times[1])
    Console(width=160).print(table)


if __name__ == "__main__":
    sys.exit(main())
