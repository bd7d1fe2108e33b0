"""What the commands share: the settings, with the command line's say, and errors in a sentence."""

from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from service.settings import Settings, load_settings


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


home_option = click.option(
    "--home", type=click.Path(path_type=Path), help="Where the embedded default keeps its state."
)
