"""The page of the error codes: problems, field errors, failed jobs and warnings."""

import re
from collections.abc import Iterable, Iterator

import httpx

from backdrop_client.errors import Refused, refusal
from pipeline.core.errors import PipelineError
from scripts.docs.api import examples_of, operations
from scripts.docs.codes import Code, failures, field_errors, problems
from scripts.docs.markdown import page, table, text
from service.batch.state import HOPELESS
from service.catalogue.effects import WORDS
from service.marks import c2pa

_LEAD = """\
This page lists every error code and every warning code. A code is stable: a program may decide by it. The text beside
a code is for people and may change.

An error is `application/problem+json` (RFC 9457) with `status`, `code`, `detail` and `request_id`. A 422 is
`application/json`: its `detail` lists everything that is wrong, each with `loc`, `msg`, `type` and `code`."""
_PROBLEMS = """\
*Retried* says whether the Python client sends the request again by itself. If an answer has `Retry-After`,
the client waits at least that long."""
_FAILURES = """\
A job that fails has `status` `FAILURE` and an `error` with one of these codes. Backdrop refunds its credits. *The same
request again* says whether the same photo with the same spec may succeed."""
_FIELDS = """\
Each entry of a 422's `detail` has a `code`. This table lists the codes that Backdrop names itself. The others are
pydantic's names of types of errors, `missing` or `string_too_long` for example."""
_VARIES = "The message names the cause."
_WARNINGS = "A warning refuses nothing. A job and its render list the codes of their warnings."
#: What an exception of the pipeline's says of itself, as "Raised when ...".
_RAISED = re.compile(r"^Raised when ")


def all_problems() -> dict[tuple[int, str], str]:
    """Return every problem by status and code, with the text of its `detail`; the API's own examples come first."""
    found: dict[tuple[int, str], str] = {}
    for *_, operation in operations():
        for status, answer in operation["responses"].items():
            for name, detail in examples_of(answer):
                found.setdefault((int(status), name), detail)
    for one in problems():
        known = found.get((one.status, one.code))
        found[one.status, one.code] = known or one.message
    found[405, "method_not_allowed"] = "… is not allowed on this path. Send one of …."
    found[422, "invalid"] = "`detail` is a list: see [field errors](#field-errors)."
    return dict(sorted(found.items()))


def all_failures() -> dict[str, str]:
    """Return the codes with which a job can fail, with what they mean."""
    found = {kind.code: _RAISED.sub("", _first_line(kind)).capitalize() for kind in _kinds(PipelineError)}
    # A subclass without a code of its own inherits one: its parent's words come first.
    for one in failures():
        found[one.code] = found.get(one.code) or one.message
    return {name: words for name, words in sorted(found.items()) if name != PipelineError.code}


def errors_page() -> str:
    """Return the page as Markdown."""
    rows = [_row(status, name, detail) for (status, name), detail in all_problems().items()]
    failed = [
        (_anchored(f"job-{name}", name), text(words), "fails again" if name in HOPELESS else "may succeed")
        for name, words in all_failures().items()
    ]
    fields = [
        (_anchored(f"field-{one.code}", one.code), text(one.message if one.message.strip(" …") else _VARIES))
        for one in _distinct(field_errors())
    ]
    warned = [(_anchored(f"warning-{name}", name), text(words)) for name, words in WORDS.items()]
    parts = [
        "## Problems",
        _PROBLEMS,
        table(("code", "status", "what the answer says", "Python raises", "retried"), rows),
        "## Field errors",
        _FIELDS,
        table(("code", "message"), fields),
        "## Failed jobs",
        _FAILURES,
        table(("code", "meaning", "the same request again"), failed),
        "## Warnings",
        _WARNINGS,
        table(("code", "meaning"), warned),
    ]
    return page("Error codes", _LEAD, parts, "the OpenAPI document and the calls that raise the codes")


def _row(status: int, name: str, detail: str) -> tuple[str, str, str, str, str]:
    raised = _refused(status, name)
    kind = type(raised).__name__
    link = f"[{kind}](client.md#{kind.lower()})"
    shown = detail if "](#" in detail else text(detail)
    return _anchored(name, name), str(status), shown, link, "yes" if raised.again else "no"


def _refused(status: int, name: str) -> Refused:
    """Return what the Python client raises for a problem."""
    return refusal(httpx.Response(status, json={"code": name, "detail": "-"}))


def _anchored(anchor: str, name: str) -> str:
    return f'<a id="{anchor}"></a>`{name}`'


def _distinct(codes: Iterable[Code]) -> list[Code]:
    """Return each code once, by name, with its longest message."""
    best: dict[str, Code] = {}
    for one in codes:
        known = best.setdefault(one.code, one)
        if len(one.message) > len(known.message):
            best[one.code] = one
    return [best[name] for name in sorted(best)]


def _kinds(kind: type[PipelineError]) -> Iterator[type[PipelineError]]:
    assert c2pa.SigningFailed in PipelineError.__subclasses__(), "imported above, so that it is among them"
    for own in kind.__subclasses__():
        if "code" in vars(own):
            yield own
        yield from _kinds(own)


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]
