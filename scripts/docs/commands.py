"""The page of the command line, from click's commands, arguments and options."""

import inspect
import textwrap
from collections.abc import Iterator

import click

from scripts.docs.markdown import code, fence, page, table, text
from service.cli.main import main

_LEAD = """\
This page lists every command of `backdrop` with its arguments and options. `backdrop COMMAND --help` prints the same.
From a checkout, run `.venv/bin/backdrop`. Settings are environment variables: see [settings](settings.md)."""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield each command with its whole name, `backdrop clients add` say; hidden commands are left out."""
    yield "backdrop", main
    yield from _under("backdrop", main)


def _under(name: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    for word, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            yield from _under(f"{name} {word}", command)


def options_of(command: click.Command) -> list[click.Option]:
    """Return the options of a command that its help shows."""
    return [one for one in command.params if isinstance(one, click.Option) and not one.hidden]


def commands_page() -> str:
    """Return the page as Markdown."""
    return page("Command line", _LEAD, [_section(*one) for one in commands()], "the commands themselves")


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    level = "#" * (2 if name.count(" ") < 2 else 3)
    words = inspect.cleandoc(command.help or "").partition("\f")[0]
    parts = [
        f"{level} {name} {{#{name.replace(' ', '-')}}}",
        *(_paragraph(one) for one in words.split("\n\n") if one.strip()),
        fence("sh", f"{name} {' '.join(command.collect_usage_pieces(context))}"),
        table(("option", "takes", "meaning"), (_row(one, context) for one in options_of(command))),
    ]
    if isinstance(command, click.Group):
        own = [word for word, one in sorted(command.commands.items()) if not one.hidden]
        parts.append("Commands: " + ", ".join(f"[`{word}`](#{name.replace(' ', '-')}-{word})" for word in own) + ".")
    return "\n\n".join(part for part in parts if part)


def _paragraph(words: str) -> str:
    # click keeps the lines of a paragraph after a \b.
    marked = words.lstrip("\n ").startswith("\b")
    return fence("text", textwrap.dedent(words.replace("\b", ""))) if marked else text(words)


def _row(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    names = ", ".join(code(one) for one in [*option.opts, *option.secondary_opts])
    shown = option.get_help_extra(context)
    limits = [str(shown["range"])] if "range" in shown else []
    variables = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    words = text(option.help or "")
    if option.required:
        words += " Required."
    if option.multiple:
        words += " May be given more than once."
    if "default" in shown:
        words += f" Default: {code(shown['default'])}."
    if variables:
        words += f" Variable: {', '.join(map(code, variables))}."
    takes = "" if option.is_flag else " ".join([option.make_metavar(context), *limits])
    return names, code(takes), words.strip()
