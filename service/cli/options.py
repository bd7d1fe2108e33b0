"""What the commands share: the settings, with the command line's say, and errors in a sentence."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from service.settings import Settings, load_settings

logger = logging.getLogger(__name__)


def settings_from(**overrides: Any) -> Settings:
    """Read the settings; raise a line for each that is wrong."""
    try:
        return load_settings(**overrides)
    except ValidationError as error:
        raise click.ClickException("Settings are wrong.\n" + "\n".join(map(_wrong, error.errors()))) from error


def _wrong(one: Any) -> str:
    name = str(one["loc"][0])
    variable = name if name.isupper() else f"BACKDROP_{name.upper()}"
    # A text may be a password or a key; a figure or a choice is none.
    received = "" if one["type"] == "value_error" else f" It is {one['input']!r}."
    return f"{variable}: {one['msg'].removeprefix('Value error, ')}.{received}"


def queue_needed(settings: Settings) -> Settings:
    """Return the settings, or say how to name a queue server."""
    if not settings.queue_url:
        raise click.ClickException("Set BACKDROP_QUEUE_URL to a Valkey or Redis URL, or use `backdrop up`.")
    return settings


def migrated_engine(settings: Settings) -> Any:
    """Return an engine on the settings' database. Raises SchemaOutdated and SQLAlchemyError."""
    from service.database.engine import create_engine
    from service.database.schema import schema

    engine = create_engine(settings.sqlalchemy_url)
    schema(engine).require()
    return engine


def schema_needed(settings: Settings) -> None:
    """End the process, with a line in its log and a status that says not to try again, where the schema is old."""
    from service.database.engine import create_engine
    from service.database.schema import SchemaOutdated, require_schema

    try:
        require_schema(create_engine(settings.sqlalchemy_url))
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


home_option = click.option(
    "--home", type=click.Path(path_type=Path), help="Where the embedded default keeps its state."
)
