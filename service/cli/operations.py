"""`backdrop ops`: jobs of all clients, workers, draining, restored copies, and exports."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from service.cli.options import Opened, on_database

if TYPE_CHECKING:
    from service.accounts.usage import UsageRow
    from service.operations.overview import JobLine


@click.group()
def ops() -> None:
    """Operate an installation: jobs, workers, archive, quarantine."""


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    # In a pipe, no line is cut to the terminal's width.
    console = Console()
    (console if console.is_terminal else Console(width=250)).print(table, highlight=False, markup=False)


def _text(value: object) -> object:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else str(value)


_hours = click.option("--since", type=click.FloatRange(0), metavar="HOURS", help="Only jobs of the last HOURS.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")


@ops.command("jobs")
@click.argument("look", type=click.Choice(["waiting", "running", "slowest", "failed", "stuck"]), default="running")
@click.option("--client", help="Only jobs of the client with this name.")
@click.option("--code", help="Only jobs with this error code.")
@_hours
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Most jobs to show.")
@click.option(
    "--stuck-after",
    type=click.FloatRange(0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a job may wait or run before it counts as stuck.",
)
@_as_json
@on_database
def list_jobs(look: str, since: float | None, as_json: bool, opened: Opened, **filters: Any) -> None:
    """Show jobs of all clients, with workers and stage times. The argument selects and sorts them."""
    from service.operations.overview import Look, Overview

    lines = Overview(opened.engine).look(Look(look), since=None if since is None else 3600.0 * since, **filters)
    if as_json:
        shown = [{**vars(line), "waited": line.waited, "ran": line.ran} for line in lines]
        click.echo(json.dumps(shown, default=_text, indent=1))
        return
    columns = ("job", "client", "status", "what", "waited", "ran", "stages, s", "try", "worker", "why")
    _table(columns, map(_row, lines))


def _row(line: "JobLine") -> tuple[str, ...]:
    what = line.preset or line.operation
    longest = sorted((line.stages or {}).items(), key=lambda one: -one[1])[:3]
    stages = " ".join(f"{stage} {seconds:.1f}" for stage, seconds in longest)
    return (
        line.id,
        line.client,
        line.status if line.stage is None else f"{line.status} {line.stage}",
        f"{what}, preview" if line.preview else what,
        f"{line.waited:.1f}",
        "" if line.ran is None else f"{line.ran:.1f}",
        stages,
        str(line.attempt),
        line.worker or "",
        line.error_code or "",
    )


@ops.command("workers")
@_as_json
@on_database
def list_workers(as_json: bool, opened: Opened) -> None:
    """Show the workers of the last day: their state, jobs and devices."""
    from service.operations.roster import WorkerRoster

    found = WorkerRoster(opened.engine).all()
    if as_json:
        click.echo(json.dumps([{**vars(one), "state": one.state} for one in found], default=_text, indent=1))
        return
    rows = (
        (
            one.label,
            one.state,
            " ".join(one.job_ids),
            str(one.about.get("in_flight", "")),
            str(one.about.get("generator_device", "")),
            str(_text(one.seen_at)),
        )
        for one in found
    )
    _table(("worker", "state", "jobs", "at once", "device", "last seen"), rows)


@ops.command("drain")
@click.argument("worker", required=False)
@click.option("--all", "every", is_flag=True, help="Drain all workers.")
@click.option("--undo", is_flag=True, help="Let the worker take jobs again.")
@on_database
def drain(worker: str | None, every: bool, undo: bool, opened: Opened) -> None:
    """Let a worker, "host:pid", finish its jobs and take no more. It notices within ten seconds.

    The worker stays idle until it is stopped. `ops workers` shows "drained" once no job is left.
    """
    from service.operations.roster import WorkerRoster

    if (worker is None) != every:
        raise click.UsageError("Give the name of a worker, or --all.")
    asked = WorkerRoster(opened.engine).ask_drain(worker, drain=not undo)
    if not asked:
        raise click.ClickException("No running worker has that name. `backdrop ops workers` lists them.")
    for label in asked:
        click.echo(f"{label}: {'takes jobs again' if undo else 'asked to drain'}")


@ops.command("export-run")
@_hours
@on_database
def export_run(since: float | None, opened: Opened) -> None:
    """Print finished jobs as JSON Lines, one a job, for `benchmarks/capacity.py`."""
    from service.operations.overview import Overview

    for line in Overview(opened.engine).export(since=None if since is None else 3600.0 * since):
        click.echo(json.dumps(line))


def _looked_at(opened: Opened) -> tuple[Any, bool]:
    """Print the findings about a restored installation. Return its quarantine, and whether no check failed."""
    from service.database.quarantine import Quarantine
    from service.operations.restoration import look_at_restored

    quarantine = Quarantine(opened.engine, opened.settings)
    found = look_at_restored(opened.engine, opened.settings, quarantine)
    for line in (*found.facts, *(f"WRONG: {line}" for line in found.wrong)):
        click.echo(line)
    return quarantine, not found.wrong


@ops.command("restore-check")
@on_database
def restore_check(opened: Opened) -> None:
    """Show the problems of a restored copy, and what its release would start. Changes nothing.

    Exits with status 1 if there is a problem. Checks the newest 100 renders. `ledger check --objects` checks them all.
    """
    raise SystemExit(0 if _looked_at(opened)[1] else 1)


@ops.command("release")
@click.option("--anyway", is_flag=True, help="Release it in spite of problems.")
@click.option("--undo", is_flag=True, help="Put the installation into quarantine until it is released again.")
@on_database
def release(anyway: bool, undo: bool, opened: Opened) -> None:
    """Release a restored copy from quarantine.

    After that it runs jobs, sends webhooks and accepts submits. Run `restore-check` first. Use the same settings as the
    parts, their buckets above all. Running parts notice within seconds.
    """
    from service.database.quarantine import Quarantine

    if undo:
        Quarantine(opened.engine, opened.settings).hold()
        click.echo("The installation is in quarantine until it is released.")
        return
    quarantine, well = _looked_at(opened)
    if not (well or anyway):
        raise click.ClickException("Not released. Fix the problems, or give --anyway.")
    quarantine.release()
    click.echo("Released.")


@ops.command("archive")
@click.option(
    "--older-than", type=click.FloatRange(1), required=True, metavar="DAYS", help="Only jobs older than DAYS."
)
@click.option("-o", "--output", type=click.File("a"), default="-", help="File to append to. Default: standard output.")
@on_database
def archive(older_than: float, output: Any, opened: Opened) -> None:
    """Write old jobs and orders as JSON Lines, and delete them from the database.

    Each line has the job or order, its request log and its webhook message. Deletes 500 a transaction. Keeps jobs whose
    picture still exists, and the ledger. After a crash a line may occur twice.
    """
    from service.operations.archive import archive_jobs

    click.echo(f"{archive_jobs(opened.engine, output, older_than=86_400.0 * older_than)} jobs archived.", err=True)


_day = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--from", "start", type=_day, help="First day, in UTC. Default: 30 days before --to.")
@click.option("--to", "end", type=_day, help="The day after the last, in UTC. Default: tomorrow.")
@click.option("--client", help="Only the client with this name. Default: all but those of the sandbox.")
@click.option("--by", type=click.Choice(["client", "scene", "preset", "day"]), default="client", help="What a row is.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as GET /v1/usage returns it.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@on_database
def acceptance(client: str | None, by: str, as_json: bool, as_csv: bool, opened: Opened, **days: Any) -> None:
    """Show how many pictures were accepted, at the first try and in the end, what others missed, and the credits."""
    from service.accounts.clients import Accounts
    from service.accounts.usage import SpanInvalid, usage_report

    span = {name: day and day.replace(tzinfo=UTC) for name, day in days.items()}
    span["client_id"] = client and Accounts(opened.engine).named(client).id
    try:
        report = usage_report(opened.engine, by, **span)
    except SpanInvalid as error:
        raise click.UsageError(f"--from and --to: {error}.") from error
    if as_json or as_csv:
        click.echo(report.model_dump_json(indent=1) if as_json else report.as_csv(), nl=as_json)
        return
    report.totals.key = "all"
    columns = (by, "ordered", "judged", "first try", "in the end", "spent", "returned", "net")
    _table(columns, (_usage_row(row) for row in [*report.rows, report.totals]))
    click.echo("missed: " + (", ".join(f"{limit} {count}" for limit, count in report.missed.items()) or "none"))


def _usage_row(row: "UsageRow") -> tuple[str, ...]:
    accepted = row.accepted_first + row.accepted_retried
    judged = accepted + row.not_accepted
    shares = (f"{one / judged:.1%}" if judged else "" for one in (row.accepted_first, accepted))
    credits = map(str, (row.credits_spent, row.credits_returned, row.credits_net))
    return (row.key or "", str(row.ordered), str(judged), *shares, *credits)
