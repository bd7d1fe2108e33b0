"""Measure the time from a job's change to its event: `python benchmarks/speed/streams.py [--streams 200]`.

Starts an API process on the embedded default and on PostgreSQL and S3, with a job for each stream. It changes one job
after the other, and measures the time from the commit to the event. Transactions are those that PostgreSQL counts while
no job changes.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

import httpx
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from ulid import ULID

from benchmarks.figures import Measured, add_record_option, recorder_of
from pipeline.core.order import SwapOrder
from service.accounts.clients import Accounts
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import stored_spec
from service.database.engine import create_engine
from service.jobs.intake import JobIntake, NewJob
from service.jobs.records import Claim
from service.jobs.transitions import Jobs
from tests.support.storm import installation
from tests.support.storm.fleet import Fleet

SPEC = stored_spec(load_catalogue(), SwapOrder("podium", "calm", "open_graph", seed=1))
#: Seconds without changes, in which transactions are counted.
QUIET = 10.0


def main() -> None:
    """Measure both installations, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--streams", type=int, default=200)
    arguments.add_argument("--changes", type=int, default=100)
    add_record_option(arguments)
    options = arguments.parse_args()
    recorder, found = recorder_of(arguments, options), list[Measured]()
    table = Table("installation", "commit to event: median", "worst", "transactions a second")
    for kind in (installation.embedded, installation.production):
        with tempfile.TemporaryDirectory(prefix="backdrop-") as folder, kind(Path(folder), stream_limit=0) as made:
            engine = create_engine(made.settings.sqlalchemy_url)
            client, key = Accounts(engine).add("streams", credits=options.streams)
            jobs = Jobs(engine, lease=3600, max_attempts=3)
            claims = []
            for _ in range(options.streams):
                new = NewJob(str(ULID()), client.id, "background-swap-with-spec", {}, "", SPEC, "x.jpg", 1)
                JobIntake(engine).create(new)
                claims.append(jobs.claim())
            with Fleet(made.settings, Path(folder) / "logs") as fleet:
                address = fleet.api()
                headers = {"Authorization": f"Bearer {key}"}
                follow = Following(address, headers, engine, jobs, [claim for claim in claims if claim])
                delays, rate = asyncio.run(follow(options.changes))
            engine.dispose()
        median, worst = 1000 * statistics.median(delays), 1000 * max(delays)
        counted = "not counted" if rate is None else f"{rate:.1f}"
        table.add_row(kind.__name__, f"{median:.0f} ms", f"{worst:.0f} ms", counted)
        what = f"Time from a job's change to its event, {options.streams} streams at one API, {kind.__name__}"
        for name, label, value in (("median", "median", median), ("worst", "worst", worst)):
            found.append(Measured(f"{kind.__name__}-{name}", f"{what}, {label}", value, "ms", len(delays)))
    Console().print(table)
    if recorder:
        recorder.write("speed", found)


class Following:
    """Open streams, one for each job."""

    def __init__(self, address: str, headers: dict[str, str], engine: sa.Engine, jobs: Jobs, claims: list[Claim]):
        self._address, self._headers = address, headers
        self._engine, self._jobs, self._claims = engine, jobs, claims
        self._arrived: dict[str, float] = {}
        self._open = 0

    async def __call__(self, changes: int) -> tuple[list[float], float | None]:
        """Return the seconds from each change to its event, and PostgreSQL's transactions a second without changes."""
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=self._address, headers=self._headers, limits=limits, timeout=60) as http:
            while not await self._is_ready(http):
                await asyncio.sleep(0.1)
            streams = [asyncio.create_task(self._follow(http, claim.job_id)) for claim in self._claims]
            while self._open < len(streams):
                await asyncio.sleep(0.1)
            await asyncio.sleep(QUIET)  # PostgreSQL counts transactions only when connections become idle
            before = self._transactions()
            await asyncio.sleep(QUIET)
            after = self._transactions()
            delays = [await self._change(claim) for claim in self._claims[:changes]]
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
        # The first count is itself a transaction.
        return delays, None if before is None or after is None else (after - before - 1) / QUIET

    async def _is_ready(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def _follow(self, http: httpx.AsyncClient, job_id: str) -> None:
        async with http.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
            answer.raise_for_status()
            self._open += 1
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    self._arrived[job_id] = time.monotonic()

    async def _change(self, claim: Claim) -> float:
        self._arrived.pop(claim.job_id, None)
        await asyncio.to_thread(self._jobs.renew_lease, claim, stage="background", progress=0.5)
        changed = time.monotonic()
        while claim.job_id not in self._arrived:
            await asyncio.sleep(0.001)
        await asyncio.sleep(random.random())  # changes come at any moment between two polls
        return max(0.0, self._arrived[claim.job_id] - changed)

    def _transactions(self) -> int | None:
        if self._engine.dialect.name != "postgresql":
            return None
        with self._engine.connect() as connection:
            query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
            return int(connection.exec_driver_sql(query).scalar_one())


if __name__ == "__main__":
    main()
