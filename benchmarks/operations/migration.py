"""Time the newest migration on a big table, and the longest wait of a read of `jobs` during it.

    python benchmarks/operations/migration.py [--rows 1000000]

Makes the schema of the previous release on PostgreSQL and on SQLite, with this number of finished jobs, each with its
request log and its line of the ledger. Then it migrates while a thread reads `jobs`. The servers do not wait for the
disk, and the rows are in memory: a slow disk takes longer.
"""

import tempfile
import threading
import time
from pathlib import Path

import click
import sqlalchemy as sa
from alembic import command

from benchmarks.figures import Measured, Recorder, record_option
from service.database.engine import create_engine, reader
from service.database.schema import alembic_config, migrate
from service.database.tables import clients
from service.settings import Settings
from testkit import servers

_BEFORE = "0015"
#: Bytes of a job's stored spec.
_SPEC = 600


def _fill(engine: sa.Engine, rows: int) -> None:
    """Insert one client, and that number of finished jobs with their request logs and debits."""
    if engine.dialect.name == "postgresql":
        numbers, now, number = f"generate_series(1, {rows}) AS g(n)", "now()", "lpad(n::text, 25, '0')"
    else:
        series = "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {}) SELECT n FROM g"
        numbers, now, number = f"({series.format(rows)}) AS g", "0", "printf('%025d', n)"
    spec = '{"spec": "' + "x" * _SPEC + '"}'
    job, request = f"'J' || {number}", f"'R' || {number}"
    with engine.begin() as connection:
        connection.execute(sa.insert(clients).values(id="C", name="c", balance=0))
        for table, columns, values in (
            (
                "request_logs",
                "request_id, client_id, workflow, body, body_sha256, created_at",
                f"{request}, 'C', 'w', '{{}}', 'x', {now}",
            ),
            (
                "jobs",
                "id, request_id, client_id, spec, source_key, credits_cost, status, progress, attempt, created_at,"
                " finished_at",
                f"{job}, {request}, 'C', '{spec}', 'uploads/C/' || {number}, 2, 'SUCCESS', 1, 1, {now}, {now}",
            ),
            ("ledger", "id, client_id, kind, amount, job_id, created_at", f"{number}, 'C', 'debit', -2, {job}, {now}"),
        ):
            statement = f"INSERT INTO {table} ({columns}) SELECT {values} FROM {numbers}"  # noqa: S608  # no outside input
            connection.execution_options(no_parameters=True).exec_driver_sql(statement)


def _measure(url: str, rows: int) -> tuple[float, float]:
    """Fill an empty database and migrate it. Return the seconds of the migration, and the longest wait of a read."""
    engine = create_engine(Settings(database_url=url).sqlalchemy_url)
    migrate(engine)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), _BEFORE)
    _fill(engine, rows)
    waits, ended, reading = [0.0], threading.Event(), reader(engine)

    def read() -> None:
        while not ended.wait(0.01):
            began = time.monotonic()
            with reading.connect() as connection:
                connection.execute(sa.text("SELECT status FROM jobs LIMIT 1")).all()
            waits.append(time.monotonic() - began)

    thread = threading.Thread(target=read)
    thread.start()
    began = time.monotonic()
    try:
        migrate(engine)
    finally:
        took = time.monotonic() - began
        ended.set()
        thread.join()
    return took, max(waits)


@click.command(help=__doc__)
@click.option("--rows", default=1_000_000, show_default=True, help="Number of jobs in the table.")
@record_option
def main(rows: int, recorder: Recorder | None) -> None:
    """Measure both databases, and print the times."""
    found = []
    with tempfile.TemporaryDirectory(prefix="backdrop-migration-") as folder, servers.public_folder() as public:
        with servers.postgresql(public) as server:
            found.append(("postgres", "PostgreSQL", *_measure(servers.make_database(server.url, "migration"), rows)))
        found.append(("sqlite", "SQLite", *_measure(f"sqlite:///{Path(folder) / 'backdrop.db'}", rows)))
    measured = []
    for name, database, took, wait in found:
        print(f"{database}, {rows} jobs: {took:.2f} s; a read of jobs waits {wait:.2f} s at most")
        what = f"Time of the migration to 0.2.0 with {rows:,} jobs, {database}"
        measured += [
            Measured(name, what, took, "s", rows),
            Measured(
                f"{name}-read", f"Longest wait of a read of jobs during the migration, {database}", wait, "s", rows
            ),
        ]
    if recorder:
        recorder.write("operations", measured)


if __name__ == "__main__":
    main()
