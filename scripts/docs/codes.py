"""The codes that the sources raise, with their messages: read from the calls, since no object lists them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ROOMS = ("service", "pipeline", "models")
#: Calls that make a problem of (status, code, detail).
_PROBLEMS = {"problem", "Answer", "_refuse"}
#: Calls that end a job, by where their code is; the message comes next.
_FAILURES = {"Failure": 0, "_fail": 2}
#: Calls that name what is wrong with a field, by where code and message are.
_FIELDS = {
    "PydanticCustomError": (0, 1),
    "MaskInvalid": (0, 1),
    "FetchFailed": (0, 1),
    "OptionFault": (1, 2),
}
#: A value in a message that is filled in later; `{job_id}` in a path is part of the text.
_VALUE = re.compile(r"(?<![/{])\{[\w.:,]+\}")


@dataclass(frozen=True)
class Code:
    """A code as a call names it."""

    code: str
    #: The message; "…" stands for a value. '' where the call does not show it.
    message: str
    #: HTTP status of a problem; 0: it is a job's or a field's.
    status: int = 0


@cache
def problems() -> tuple[Code, ...]:
    """Return the problems that the API answers, in the sources' order; a code may come more than once."""
    return tuple(
        Code(code, _said(call.args[2], scope), call.args[0].value)
        for name, call, scope in _calls()
        if name in _PROBLEMS and len(call.args) > 2
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, int)
        if (code := _word(call.args[1]))
    )


@cache
def failures() -> tuple[Code, ...]:
    """Return the codes with which the service ends a job; those of `PipelineError` come on top."""
    return tuple(
        Code(code, _said(call.args[at + 1], scope))
        for name, call, scope in _calls(but="batch")  # a batch has codes of its own, for its pages alone
        if (at := _FAILURES.get(name)) is not None and len(call.args) > at + 1
        if (code := _word(call.args[at]))
    )


@cache
def field_errors() -> tuple[Code, ...]:
    """Return the codes of what is wrong with a field of a request, of those that Backdrop itself names."""
    found = []
    for name, call, scope in _calls():
        code_at, message_at = _FIELDS.get(name, (-1, -1))
        if 0 <= code_at < len(call.args) and (code := _word(call.args[code_at])):
            found.append(Code(code, _said(call.args[message_at], scope)))
    for node, scope in _nodes():
        if isinstance(node, ast.Dict):
            entries = {_word(key): value for key, value in zip(node.keys, node.values, strict=True) if key}
            if {"loc", "msg", "type"} <= set(entries) and (code := _word(entries.get("code", entries["type"]))):
                found.append(Code(code, _said(entries["msg"], scope)))
    return tuple(found)


def _calls(but: str = "") -> Iterator[tuple[str, ast.Call, ast.AST]]:
    for node, scope in _nodes(but):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            yield name, node, scope


@cache
def _nodes(but: str = "") -> tuple[tuple[ast.AST, ast.AST], ...]:
    """Return every expression of the shipping sources, but for one room, with the function or module that it is in."""
    found = []
    for path in sorted(path for room in _ROOMS for path in (ROOT / room).rglob("*.py")):
        if path.parent.name == but:
            continue
        text = path.read_text("utf-8")
        if any(word in text for word in (*_PROBLEMS, *_FAILURES, *_FIELDS, '"msg"')):
            module = ast.parse(text)
            found += list(_within(module, module))
    return tuple(found)


def _within(node: ast.AST, scope: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        inner = child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else scope
        yield child, inner
        yield from _within(child, inner)


def _is_word(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _word(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _said(node: ast.expr, scope: ast.AST) -> str:
    """Return the text of an expression; "…" stands for what only a run knows, '' for a text of which nothing is."""
    match node:
        case ast.Constant(value=str(words)):
            return _VALUE.sub("…", words.replace("{{", "{").replace("}}", "}"))
        case ast.JoinedStr(values=values):
            return "".join(_said(value, scope) if _is_word(value) else "…" for value in values)
        case ast.Name(id=name):
            return _assigned(name, node.lineno, scope)
        case ast.Call(func=ast.Name("with_received"), args=[message, *_]):
            return _said(message, scope)
    return ""


def _assigned(name: str, line: int, scope: ast.AST) -> str:
    """Return the text that a name was last given above a line of its function."""
    given = [
        node
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and node.lineno < line
        if any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    return _said(max(given, key=lambda node: node.lineno).value, scope) if given else ""
