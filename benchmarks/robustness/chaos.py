"""Run a seeded storm against the real service, and check that no job and no credit is lost.

    python benchmarks/robustness/chaos.py [--minutes 10 | --seconds 60] [--seed 1] [--jobs 360] [--in-flight 4]
        [--workers 3] [--embedded]

Starts PostgreSQL, Valkey and an S3 server (--embedded: SQLite, Valkey and a directory, as `backdrop up` does), two
APIs, three workers with trivial networks, and two sweeps. Callers order good and bad photos, alone and several at once,
with limits that a picture keeps or misses, repeat requests, and request other clients' resources. Meanwhile parts are
killed, stopped and frozen, and servers are paused, killed and emptied. Then it waits until every job has ended, and
checks every invariant: rows, ledger, bytes, and each answer that a caller got. Prints the counts. Exits with status 1
and the findings when an invariant is broken.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, add_record_option, recorder_of
from benchmarks.robustness import verdict
from benchmarks.robustness.callers import Callers, Kind, Shopper, photos_of, upload
from benchmarks.robustness.troubles import Troubles
from service.accounts.clients import Accounts
from service.database.engine import create_engine, reader
from service.storage.expiry import build_expirer
from service.webhooks.endpoints import Webhooks
from testkit import installation
from testkit.fleet import Fleet
from testkit.receiver import Receiver, answer, receiving

#: Shorter than in production, so that a storm includes many events. Durations are seconds.
SETTINGS: dict[str, Any] = {
    "lease": 6.0,
    "sweep_every": 0.5,
    "resend_after": 4.0,
    "time_limit": 12.0,
    "stop_grace": 6.0,
    "max_wait": 600.0,
    "expire_every": 5.0,
    "webhook_allow_private": True,
}
#: Least number of killed parts.
LEAST_KILLS = 3
#: Credits of the clients; the last one runs out of credits soon.
CREDITS = (100_000, 100_000, 100_000, 8)


def main() -> int:
    """Run the storm, wait until all jobs have ended, print the counts, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = arguments.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="duration of the storm in minutes; default: 1")
    length.add_argument("--seconds", type=float)
    arguments.add_argument("--seed", type=int, default=1, help="seed of the orders and the troubles")
    arguments.add_argument("--jobs", type=int, help="number of orders, spread over the storm; default: 60 a minute")
    arguments.add_argument("--in-flight", type=int, default=4, help="jobs in flight of each worker; default: 4")
    arguments.add_argument("--workers", type=int, default=3, help="number of workers; default: 3")
    arguments.add_argument("--every", type=float, default=2.0, help="mean seconds between two troubles")
    arguments.add_argument("--embedded", action="store_true", help="use SQLite and a directory")
    # The last jobs take long: each photo that kills its worker does so three times, and a worker needs seconds to
    # restart.
    arguments.add_argument("--quiet", type=float, default=600.0, help="most seconds to wait until every job has ended")
    arguments.add_argument("--keep", type=Path, help="an empty folder for state and logs, kept after the run")
    add_record_option(arguments)
    options = arguments.parse_args()
    recorder = recorder_of(arguments, options)
    seconds = options.seconds or 60 * (options.minutes or 1)
    orders = options.jobs or max(1, round(seconds))
    with tempfile.TemporaryDirectory(prefix="backdrop-storm-") as temporary:
        home = options.keep or Path(temporary)
        install = installation.embedded if options.embedded else installation.production
        with (
            receiving(moody(options.seed)) as receiver,
            install(home, **SETTINGS, jobs_in_flight=options.in_flight) as made,
            Fleet(made.settings, home / "logs") as fleet,
        ):
            for _ in range(options.workers):
                fleet.worker()
            storm = Storm(made, fleet, receiver, seed=options.seed, orders=orders, seconds=seconds, every=options.every)
            storm.rage(seconds)
            storm.wait_until_idle(options.quiet)
            findings = storm.findings()
            storm.show(findings)
            if recorder:
                recorder.write("robustness", storm.recorded(len(findings)))
    return 1 if findings else 0


class Storm:
    """One storm, from the first order to the last job's end."""

    def __init__(
        self,
        made: installation.Installation,
        fleet: Fleet,
        receiver: Receiver,
        *,
        seed: int,
        orders: int,
        seconds: float,
        every: float,
    ) -> None:
        self._made, self._fleet, self._receiver = made, fleet, receiver
        self._console = Console(stderr=True)
        self._engine = create_engine(made.settings.sqlalchemy_url)
        self.restarts = Counter[str]()
        self.addresses = [fleet.api() for _ in range(2)]
        for _ in range(2):
            fleet.sweep()
        self._wait_for_apis()
        self.callers = Callers(self.addresses, self._shoppers(), seed=seed, orders=orders, seconds=seconds)
        self.troubles = Troubles(made, fleet, seed=seed, every=every)
        self._quiet_after = 0.0

    def _wait_for_apis(self) -> None:
        end = time.monotonic() + 600
        while not all(_is_ready(address) for address in self.addresses):
            if time.monotonic() > end:
                raise TimeoutError(f"{self.addresses} do not come up")
            self._tend()
            time.sleep(0.2)

    def _shoppers(self) -> list[Shopper]:
        accounts = Accounts(self._engine)
        made = []
        with httpx.Client(timeout=60) as http:
            for number, credits in enumerate(CREDITS):
                client, bearer = accounts.add(f"shopper {number}", credits=credits)
                if number == 0:
                    Webhooks(self._engine, allow_private=True).register(client.name, self._receiver.url)
                headers = {"Authorization": f"Bearer {bearer}"}
                made.append(Shopper(client.id, bearer, photos_of(partial(upload, http, self.addresses[0], headers))))
        return made

    def rage(self, seconds: float) -> None:
        """Order and make trouble for `seconds`, and on a busy machine until LEAST_KILLS parts were killed."""
        self.callers.start()
        started = reported = time.monotonic()
        while (now := time.monotonic()) < started + seconds or self.troubles.kills < LEAST_KILLS:
            self.troubles.tick(now)
            self._tend()
            if now - reported >= 10:
                reported = now
                self._say(now - started)
            time.sleep(0.1)
        self.troubles.calm()

    def _tend(self) -> None:
        self.restarts.update(name.partition("-")[0] for name in self._fleet.tend())

    def _say(self, at: float) -> None:
        tries = [one for submission in list(self.callers.submissions) for one in list(submission.tries)]
        accepted = sum(one.accepted for one in tries)
        self._console.print(
            f"{at:5.0f} s  {len(self.callers.submissions)} orders, {len(tries)} requests, {accepted} accepted,"
            f" {self.troubles.kills} kills, {sum(self.troubles.made.values())} troubles"
        )

    def wait_until_idle(self, patience: float) -> None:
        """Wait at most `patience` seconds until every job has ended, without any help to the service."""
        started, looks = time.monotonic(), reader(self._engine)  # a trouble may still hold a lock
        self.callers.stop()
        while time.monotonic() < started + patience and verdict.unfinished(looks):
            self._tend()
            time.sleep(0.2)
        for line in verdict.stuck(looks):
            self._console.print(line, markup=False)
        self._wait_for_apis()
        self._quiet_after = time.monotonic() - started

    def findings(self) -> list[str]:
        """Delete leftovers of dead attempts, and return every broken invariant in a sentence.

        The sweep deletes them as well, but only minutes later, when an attempt has surely ended. Here the workers stop.
        """
        self._fleet.stop("worker")
        self.leftovers = verdict.leftovers(self._engine, self._made.settings)
        replace(build_expirer(self._made.settings), attempt_ends=0.0, delete_delay=0.0).run_once()
        self.rows = verdict.rows_of(self._engine)
        submissions = self.callers.submissions
        alone = [row for row in self.rows if row.order_id is None]
        return [
            *verdict.audited(self._engine, self._made.settings),
            # An order of several pictures counts as one: its answers name the order, not its jobs.
            *verdict.broken_promises(submissions, [*alone, *verdict.orders_of(self._engine)]),
            *verdict.wrong_ends(submissions, self.rows),
            *verdict.wrong_cancels(submissions, self.rows),
            *verdict.wrong_messages(self._engine, self.rows, self.callers.shoppers[0].id, self._receiver.received),
            *verdict.wrong_balances(self._engine, self.rows),
            *verdict.seen_otherwise(self.addresses[0], self.callers.shoppers, self.rows, downloads=30),
            *self.callers.violations,
        ]

    def recorded(self, broken: int) -> Iterator[Measured]:
        """Yield the figures of a storm with `broken` invariants."""
        yield Measured("broken", "Invariants broken in a storm", broken, "invariants", bar="at most 0")
        yield Measured("jobs", "Jobs of a storm, each of which ended", len(self.rows), "jobs")
        yield Measured("kills", "Kills of the service's parts in a storm", self.troubles.kills, "kills")
        yield Measured("rest", "Time until all is quiet after a storm", self._quiet_after, "s")

    def show(self, findings: list[str]) -> None:
        """Print the counts and the findings."""
        tries = [one for submission in self.callers.submissions for one in submission.tries]
        groups = {
            "orders": Counter(str(one.kind) for one in self.callers.submissions),
            "answers": Counter(
                {-1: "no server", 0: "lost"}.get(one.status, f"{one.status} {one.code}".strip()) for one in tries
            ),
            "cancels": Counter(
                {-1: "no server", 0: "lost"}.get(one.status, f"{one.status} {one.code}".strip())
                for submission in self.callers.submissions
                for one in submission.cancels
            ),
            "jobs": Counter(f"{row.status} {row.error_code or ''}".strip() for row in self.rows),
            "attempts": Counter(f"{row.attempt} attempts" for row in self.rows),
            "troubles": self.troubles.made,
            "started again by the fleet": self.restarts,
        }
        table = Table("what", "", "count")
        for title, counts in groups.items():
            for number, (name, count) in enumerate(sorted(counts.items())):
                table.add_row(title if number == 0 else "", name, str(count))
            table.add_row("", "[bold]all[/]", f"[bold]{sum(counts.values())}[/]", end_section=True)
        table.add_row("kills of the service's parts", "", str(self.troubles.kills))
        duplicates = 2 * sum(one.kind is Kind.DUPLICATED for one in self.callers.submissions)
        table.add_row("duplicates, sent at the same time", "", str(duplicates))
        table.add_row("requests sent again", "", str(len(tries) - len(self.callers.submissions) - duplicates))
        table.add_row("received messages of one client", "", str(len({one.id for one in self._receiver.received})))
        table.add_row("deleted leftovers of attempts", "", str(self.leftovers))
        table.add_row("seconds until all was quiet", "", f"{self._quiet_after:.1f}")
        Console().print(table)
        for finding in findings:
            print(finding)
        print(f"{len(findings)} invariants broken." if findings else "Every invariant held.")


def moody(seed: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a webhook receiver that fails two times in ten, by the seed."""
    choose = random.Random(f"{seed} receiver")

    def respond(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, choose.choices([204, 500, 503], [8, 1, 1])[0])

    return respond


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/ready", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    sys.exit(main())
