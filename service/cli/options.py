"""What the commands share: the settings, with the command line's say, and errors in a sentence."""

import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from service.settings import Settings, load_settings

logger = logging.getLogger(__name__)


def settings_from(**overrides: Any) -> Settings:
    """Read the settings; raise a sentence naming each that is wrong."""
    try:
        return load_settings(**overrides)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise click.ClickException(f"Settings are wrong: {wrong}") from error


def queue_needed(settings: Settings) -> Settings:
    """Return the settings, or say how to name a queue server."""
    if not settings.queue_url:
        raise click.ClickException("Set BACKDROP_QUEUE_URL to a Valkey or Redis URL, or use `backdrop up`.")
    return settings


def migrated_engine(settings: Settings) -> Any:
    """Return an engine on the settings' database, or say that its schema has to be made or brought up to date."""
    import sqlalchemy as sa

    from service.database.schema import SchemaOutdated, open_database

    try:
        engine = open_database(settings.sqlalchemy_url)
    except SchemaOutdated as error:
        raise click.ClickException(str(error)) from error
    except sa.exc.SQLAlchemyError as error:
        raise click.ClickException(f"The database does not answer: {error}") from error
    click.get_current_context().call_on_close(engine.dispose)
    return engine


def schema_needed(settings: Settings) -> None:
    """End the process, with a line in its log and a status that says not to try again, where the schema is old."""
    from service.database.schema import SchemaOutdated, require_schema

    try:
        require_schema(settings.sqlalchemy_url)
    except SchemaOutdated as error:
        logger.error("%s", error)
        sys.exit(os.EX_CONFIG)


def tracer_from(settings: Settings, process: str) -> Any:
    """Return what makes the spans of a process, or end it, as `schema_needed` does, where that is not installed."""
    from service.telemetry.tracing import TracingMissing, open_tracer

    try:
        return open_tracer(settings, process)
    except TracingMissing as error:
        logger.error("%s", error)
        sys.exit(os.EX_CONFIG)


def _keep_private(context: click.Context, _: click.Parameter, home: Path | None) -> Path | None:
    """Make all that the command writes readable by its owner alone: a home has photos, keys and clients in it.

    Commands that write a file for their caller have no home, and keep the caller's umask.
    """
    context.call_on_close(partial(os.umask, os.umask(0o077)))
    return home


home_option = click.option(
    "--home",
    type=click.Path(path_type=Path),
    callback=_keep_private,
    help="Where the embedded default keeps its state.",
)
