"""Access to a server from the command line: its address, its key, and its errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.core.order import all_options
from service.cli.options import option_name
from service.settings import load_remote

if TYPE_CHECKING:  # importing it takes a moment, for which `--help` must not wait
    from backdrop_client import Backdrop

#: The options for the fields of a request.
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
    """Add the options --url and --key to a command."""
    key = click.option("--key", help="Your API key. Default: BACKDROP_KEY.")
    url = click.option("--url", help="The server's base URL. Default: BACKDROP_URL.")
    return url(key(command))


def at_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --url and --key to a command, and pass the open server `backdrop` in their place."""

    @wraps(command)
    def run(url: str | None, key: str | None, **given: Any) -> Any:
        with remote(url, key) as backdrop:
            return command(backdrop=backdrop, **given)

    return remote_options(run)


@contextmanager
def remote(url: str | None, key: str | None) -> Iterator["Backdrop"]:
    """Open a server. Its errors become click's, each a sentence with the remedy."""
    from backdrop_client import Backdrop, BackdropError, Invalid

    found = load_remote(url=url, key=key)
    if not found.url:
        raise click.UsageError("The server is missing. Give --url https://… or set BACKDROP_URL.")
    if not found.key:
        raise click.UsageError("The key is missing. Give --key bd_… or set BACKDROP_KEY.")
    try:
        backdrop = Backdrop(found.url, found.key)
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
    """Return the option for a request's field, or the field if it has no option."""
    name, bracket, index = field.partition("[")
    return _OPTIONS.get(name, name) + bracket + index


def format_of(output: Path, asked: str | None = None, option: str = "-o") -> Any:
    """Return the format of an output file: by its suffix, or `asked`. Raises click.BadParameter."""
    from backdrop_client import SuffixInvalid
    from backdrop_client.photo import format_for

    try:
        return format_for(output, asked)
    except SuffixInvalid as error:
        raise click.BadParameter(str(error), param_hint=option) from error
