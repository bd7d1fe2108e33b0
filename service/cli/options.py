"""Parts that commands share: settings with command-line overrides, common options, and errors as sentences."""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic import ValidationError

from pipeline.core.order import SEED_LIMIT, PhotoPlace, SwapOrder, all_options, photo_place
from service.settings import Settings, load_settings

logger = logging.getLogger(__name__)


def settings_from(**overrides: Any) -> Settings:
    """Read the settings. Raises click.ClickException with a line for each wrong setting."""
    try:
        return load_settings(**overrides)
    except ValidationError as error:
        raise click.ClickException("Wrong settings:\n" + "\n".join(map(_wrong, error.errors()))) from error


def _wrong(one: Any) -> str:
    name = str(one["loc"][0])
    variable = name if name.isupper() else f"BACKDROP_{name.upper()}"
    # A text may be a password or a key, so it is never printed. Numbers and choices are safe.
    received = "" if one["type"] == "value_error" else f" It is {one['input']!r}."
    return f"{variable}: {one['msg'].removeprefix('Value error, ')}.{received}"


def queue_needed(settings: Settings) -> Settings:
    """Return the settings. Raises click.ClickException if they name no queue server."""
    if not settings.queue_url:
        raise click.ClickException("Set BACKDROP_QUEUE_URL to a Valkey or Redis URL, or use `backdrop up`.")
    return settings


def migrated_engine(settings: Settings) -> Any:
    """Return an engine on the settings' database, for this command. Raises SchemaOutdated and SQLAlchemyError."""
    from service.database.schema import open_database

    engine = open_database(settings.sqlalchemy_url)
    click.get_current_context().call_on_close(engine.dispose)
    return engine


def schema_needed(settings: Settings) -> None:
    """Exit if the schema is old, with an error in the log and a status that means "don't restart"."""
    from service.database.schema import SchemaOutdated, require_schema

    try:
        require_schema(settings.sqlalchemy_url)
    except SchemaOutdated as error:
        logger.error("%s", error)
        sys.exit(os.EX_CONFIG)


def catalogue_needed(settings: Settings) -> None:
    """Exit as `schema_needed` does if the catalogue is faulty, with all its faults in the log."""
    from service.catalogue.catalogue import load_catalogue
    from service.catalogue.toml_records import CatalogueInvalid

    try:
        load_catalogue(settings.catalogue)
    except CatalogueInvalid as error:
        logger.error("The catalogue has faults:\n%s", error)
        sys.exit(os.EX_CONFIG)


def _keep_private(context: click.Context, _: click.Parameter, home: Path | None) -> Path | None:
    """Make all files of the command readable only by their owner, because a home has photos, keys and clients in it.

    Commands that write a file for their caller have no home, and keep the caller's umask.
    """
    context.call_on_close(partial(os.umask, os.umask(0o077)))
    return home


def place_in_photo(context: click.Context, parameter: click.Parameter, text: str | None) -> PhotoPlace | None:
    """Return an option's place in a photo, "x,y" or "left,top,right,bottom"."""
    if text is None:
        return None
    try:
        return photo_place([float(one) for one in text.split(",")])
    except ValueError as error:
        reason = str(error)
        if reason.startswith("could not convert"):
            reason = f"{text!r} is not a place. Give x,y or left,top,right,bottom as shares from 0 to 1"
        raise click.BadParameter(f"{reason}.", context, parameter) from error


def order_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of an order to a command, which receives them as one record, `order`."""

    @wraps(command)
    def run(**given: Any) -> Any:
        asked = {name: given.pop(name) for name in _ORDER}
        asked["preset"] = asked["preset"] or ""
        asked["sent"] = frozenset(name for name in ("seed",) if asked[name] is not None)
        return command(**given, order=SwapOrder("", "", "").having(asked))

    for option in reversed(_ORDER.values()):
        run = option(run)
    return run


def record_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of an order's records to a command, which receives those that were given as `options`."""
    made = _options_of_records()

    @wraps(command)
    def run(**given: Any) -> Any:
        asked = SwapOrder("", "", "").having({name: given.pop(name) for name in made})
        return command(**given, options=asked.given)

    for option in reversed(made.values()):
        run = option(run)
    return run


def _options_of_records() -> dict[str, Callable[..., Any]]:
    made = {}
    for name, kind, default, option in all_options():
        if get_origin(kind) in (Union, UnionType):
            kind, _ = get_args(kind)  # the other is None
        if get_origin(kind) is Literal:
            kind = click.Choice(get_args(kind))
        elif option.bounds is not None:
            span: Any = click.IntRange if kind is int else click.FloatRange
            kind = span(*option.bounds)
        about = option.help or option.description.partition(". ")[0].removesuffix(".") + "."
        made[name] = click.option(option_name(name), type=kind, default=default, help=about)
    return made


def option_name(field: str) -> str:
    """Return the option's name for a field of an order's records."""
    return "--" + field.replace("_", "-")


_ORDER: dict[str, Callable[..., Any]] = {
    "scene": click.option("--scene", required=True, help="A scene from `backdrop catalog`, or your own words."),
    "mood": click.option("--mood", required=True, help="A mood from `backdrop catalog`, or your own words."),
    "colors": click.option(
        "--color", "colors", multiple=True, help="Up to six colours, largest area first: #rrggbb, a CSS name, rgb()."
    ),
    "preset": click.option("--preset", help="An output preset from `backdrop catalog`. Default: the brand's."),
    "seed": click.option(
        "--seed", type=click.IntRange(0, SEED_LIMIT - 1), help="The same seed and spec repeat the same background."
    ),
    "brand": click.option("--brand", help="Name of a brand at the server."),
    "reference": click.option(
        "--reference", help="Your own id at a server, such as a SKU. You can find the job and render by it."
    ),
    **_options_of_records(),
    "subject": click.option(
        "--subject",
        callback=place_in_photo,
        help="Which product: a point x,y on it, or a box left,top,right,bottom around it, in shares of the photo.",
    ),
    "preview": click.option("--preview", is_flag=True, help="Make a small picture with a watermark, free at a server."),
}
home_option = click.option(
    "--home",
    type=click.Path(path_type=Path),
    callback=_keep_private,
    help="Folder of the embedded database, objects, queue and secrets.",
)


@dataclass(frozen=True)
class Opened:
    """An installation: its settings, and an engine on their database."""

    settings: Settings
    engine: Any


def on_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --home to a command, and pass `opened` in its place."""

    @wraps(command)
    def run(home: Path | None, **given: Any) -> Any:
        settings = settings_from(home=home)
        return command(opened=Opened(settings, migrated_engine(settings)), **given)

    return home_option(run)
