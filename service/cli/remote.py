"""Talking to a server from the command line: how it is named, and how its errors are told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.core.order import all_options
from service.cli.options import option_name
from service.settings import load_remote

if TYPE_CHECKING:  # it takes a moment, which `--help` must not
    from backdrop_client import Backdrop

#: The options that stand for fields of a request.
_OPTIONS = {
    "scene_type": "--scene",
    "mood": "--mood",
    "dominant_colors": "--color",
    "palette": "--color",
    "style_words": "--word",
    "output_preset": "--preset",
    "default_preset": "--preset",
    "pilot_brand": "--brand",
    "seed": "--seed",
    **{name: option_name(name) for name, *_ in all_options()},
    "format": "--format, or the suffix of -o",
    "keep": "--subject",
}


def remote_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --url and --key."""
    key = click.option("--key", help="A client's key; default: BACKDROP_KEY.")
    url = click.option("--url", help="The server's base URL; default: BACKDROP_URL.")
    return url(key(command))


def at_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --url and --key, and in their place the open server, `backdrop`."""

    @wraps(command)
    def run(url: str | None, key: str | None, **given: Any) -> Any:
        with remote(url, key) as backdrop:
            return command(backdrop=backdrop, **given)

    return remote_options(run)


@contextmanager
def remote(url: str | None, key: str | None) -> Iterator["Backdrop"]:
    """Open a server; its errors come out as click's, in a sentence with the remedy."""
    from backdrop_client import Backdrop, BackdropError, Invalid

    found = load_remote(url=url, key=key)
    if not found.url:
        raise click.UsageError("Name the server: --url https://… or BACKDROP_URL.")
    if not found.key:
        raise click.UsageError("Give the key that `backdrop clients add` printed: --key bd_… or BACKDROP_KEY.")
    try:
        backdrop = Backdrop(found.url, found.key, signing_secret=found.signing_secret)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with backdrop:
        try:
            yield backdrop
        except Invalid as error:
            wrong = [f"{option_of(one.field)}: {one.msg}" for one in error.fields] or [error.detail]
            raise click.UsageError("\n".join(wrong)) from error
        except BackdropError as error:
            raise click.ClickException(str(error)) from error


def option_of(field: str) -> str:
    """Return the option that stands for a request's field; the field itself where there is none."""
    name, bracket, index = field.partition("[")
    return _OPTIONS.get(name, name) + bracket + index


def format_of(output: Path, asked: str | None = None, option: str = "-o") -> Any:
    """Return the format that an output file is written in: by its suffix, or `asked`. Raises click.BadParameter."""
    from backdrop_client import SuffixInvalid
    from backdrop_client.photo import format_for

    try:
        return format_for(output, asked)
    except SuffixInvalid as error:
        raise click.BadParameter(str(error), param_hint=option) from error
