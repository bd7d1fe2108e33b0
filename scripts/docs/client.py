"""The page of the Python client, from the signatures, docstrings and field comments of its public names."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import backdrop_client
from backdrop_client import AsyncBackdrop, Backdrop, BackdropError
from scripts.docs.field_comments import comments_of
from scripts.docs.markdown import code, fence, page, table, text

_LEAD = """\
This page lists every public name of the package `backdrop_client`. Install it with `pip install ./client`; it does not
need PyTorch. [The Python client](../guides/callers/python-client.md) shows how to use it."""
_ROOM = re.compile(r"\b(?:backdrop_client|collections\.abc|typing|pathlib|datetime|types)(?:\.[a-z_]+)*\.(?=[A-Z_])")
_CLIENTS: tuple[type, ...] = (Backdrop, AsyncBackdrop)


def public() -> dict[str, Any]:
    """Return the public names of the package and what they name."""
    return {name: getattr(backdrop_client, name) for name in backdrop_client.__all__}


def methods_of(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class itself defines, in the source's order."""
    for name, value in vars(kind).items():
        # Fields of a dataclass with a default are no methods.
        if not name.startswith("_") and (callable(value) or isinstance(value, property | classmethod | staticmethod)):
            yield name, value


def client_page() -> str:
    """Return the page as Markdown."""
    names = public()
    errors = {name: one for name, one in names.items() if isinstance(one, type) and issubclass(one, BackdropError)}
    records = {name: one for name, one in names.items() if isinstance(one, type) and name not in errors}
    rest = {name: one for name, one in names.items() if name not in errors and name not in records}
    parts = ["## The clients {#clients}"]
    parts += [_class(one.__name__, one) for one in _CLIENTS]
    parts += ["## Functions and types {#functions-and-types}", *(_other(name, one) for name, one in rest.items())]
    parts += ["## Records {#records}", *(_class(name, one) for name, one in records.items() if one not in _CLIENTS)]
    parts += ["## Errors {#errors}", "A class below raises with those that inherit from it."]
    parts += [_class(name, one) for name, one in errors.items()]
    return page("Python client", _LEAD, parts, "`backdrop_client`, by its signatures and docstrings")


def anchor(name: str) -> str:
    """Return the anchor of a public name: its lower-case form."""
    return name.lower()


def _class(name: str, kind: type) -> str:
    parts = [f"### {name} {{#{anchor(name)}}}"]
    above = [base.__name__ for base in kind.__bases__ if base.__module__.startswith("backdrop_client")]
    if above:
        parts.append(f"Inherits from {', '.join(f'[{base}](#{anchor(base)})' for base in above)}.")
    parts.append(_words(kind))
    if kind in _CLIENTS:
        parts.append(_signature(name, kind))
    parts.append(_fields(kind))
    if kind is AsyncBackdrop:
        listed = ", ".join(f"`{method}`" for method, _ in methods_of(kind))
        parts.append(f"It has the methods of [Backdrop](#backdrop), to be awaited: {listed}.")
    else:
        for method, value in methods_of(kind):
            parts += [f"#### {name}.{method} {{#{anchor(name)}-{method}}}", *_method(method, value)]
    return "\n\n".join(part for part in parts if part)


def _method(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, property):
        assert value.fget is not None
        yield f"A property of type {code(_plain(inspect.signature(value.fget).return_annotation))}."
        yield _words(value)
        return
    yield _signature(name, value.__func__ if isinstance(value, classmethod | staticmethod) else value)
    yield _words(value)


def _other(name: str, value: Any) -> str:
    head = f"### {name} {{#{anchor(name)}}}"
    if inspect.isfunction(value):
        return "\n\n".join((head, _signature(name, value), _words(value)))
    return f"{head}\n\nOne of {', '.join(code(repr(one)) for one in get_args(value))}."


def _fields(kind: type) -> str:
    if not dataclasses.is_dataclass(kind):
        return ""
    words = comments_of(kind)
    rows = [
        (code(one.name), code(_plain(one.type)), _default(one), text(words.get(one.name, "")))
        for one in dataclasses.fields(kind)
    ]
    return table(("field", "type", "default", "meaning"), rows)


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default is not dataclasses.MISSING:
        return code(repr(field.default))
    if field.default_factory is not dataclasses.MISSING:
        return code(f"{getattr(field.default_factory, '__name__', 'made')}()")
    return "required"


def _signature(name: str, called: Callable[..., Any]) -> str:
    """Return the call as a block of code, one parameter a line where it is long; `self` is left out."""
    seen = inspect.signature(called)
    own = [one for one in seen.parameters.values() if one.name not in ("self", "cls")]
    result = "" if seen.return_annotation is seen.empty else f" -> {_plain(seen.return_annotation)}"
    listed, starred = [], False
    for one in own:
        if one.kind is one.KEYWORD_ONLY and not starred:
            listed.append("*")
            starred = True
        listed.append(_parameter(one))
    line = f"{name}({', '.join(listed)}){result}"
    if len(line) > 80:
        line = f"{name}(\n" + "".join(f"    {one},\n" for one in listed) + f"){result}"
    return fence("python", line)


def _parameter(one: inspect.Parameter) -> str:
    star = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
    kind = "" if one.annotation is one.empty else f": {_plain(one.annotation)}"
    default = "" if one.default is one.empty else f" = {one.default!r}"
    return f"{star}{one.name}{kind}{default}"


def _plain(annotation: Any) -> str:
    """Return an annotation as the source writes it, without the modules of its names."""
    words = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    words = re.sub(r"ForwardRef\('([^']+)'\)", r"\1", words)
    return re.sub(r"\bNoneType\b", "None", _ROOM.sub("", words)).strip("'\"")


def _words(documented: Any) -> str:
    words = inspect.getdoc(documented) or ""
    return "\n\n".join(text(paragraph) for paragraph in words.split("\n\n"))
