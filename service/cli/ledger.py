"""`backdrop ledger`: audits the credits and jobs of a whole installation."""

import json

import click

from service.cli.options import Opened, on_database


@click.group()
def ledger() -> None:
    """Audit credits, jobs and renders."""


@ledger.command()
@click.option("--objects", "with_objects", is_flag=True, help="Also read each render's bytes and list the bucket.")
@click.option(
    "--renders-kept",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="A success older than this may have lost its render to expiry. Default: every success needs a render.",
)
@click.option(
    "--leftovers-kept",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=0.0,
    show_default=True,
    help="How long after its job's end the bucket may contain an object without a render.",
)
@click.option("--json", "as_json", is_flag=True, help='Print {"ok", "findings", "counts"}.')
@on_database
def check(
    with_objects: bool,
    renders_kept: float | None,
    leftovers_kept: float,
    as_json: bool,
    opened: Opened,
) -> None:
    """Check every invariant of the database, and print the counts. Changes nothing. The service may run meanwhile.

    Exits with status 1 if a check fails. Each line names the broken rule and the ids.
    """
    from service.diagnostics.audit import Bounds, audit
    from service.diagnostics.object_audit import audit_objects
    from service.storage.buckets import open_buckets

    settings = opened.settings
    kept, encrypted = 3600.0 * settings.preview_hours, bool(settings.encryption_key_list())
    bounds = Bounds(settings.max_attempts, renders_kept=renders_kept, previews_kept=kept, encrypted=encrypted)
    rows = audit(opened.engine, bounds)
    findings, counts = rows.findings, rows.counts
    if with_objects:
        objects = audit_objects(opened.engine, open_buckets(settings)[1], leftovers_kept=leftovers_kept)
        findings, counts = findings + objects.findings, counts | objects.counts
    if as_json:
        found = [{"rule": one.rule, **one.found} for one in findings]
        click.echo(json.dumps({"ok": not findings, "findings": found, "counts": counts}, default=str))
    else:
        for one in findings:
            click.echo(f"{one.rule}: " + ", ".join(f"{name} {value}" for name, value in one.found.items()))
        for name, count in counts.items():
            click.echo(f"{count:>12,}  {name}")
        click.echo(f"{len(findings)} problems found." if findings else "No problems found.")
    raise SystemExit(1 if findings else 0)
