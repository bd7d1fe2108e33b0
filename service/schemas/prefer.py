"""What a caller prefers, and may not get: the header field `Prefer` of RFC 7240."""

import re
from collections.abc import Sequence
from urllib.request import parse_http_list

_SECONDS = re.compile(r"[0-9]{1,9}")


def preferred_wait(fields: Sequence[str], *, limit: int) -> int | None:
    """Return for how many seconds the answer may be waited for, up to `limit`; None: no such preference, or a bad one.

    `fields`: the values of all Prefer fields of a request. Of a preference that comes twice the first counts, and what
    is not understood is ignored, as the RFC says.
    """
    seconds = _value(fields, "wait")
    return min(int(seconds), limit) if seconds is not None and _SECONDS.fullmatch(seconds) else None


def prefers_representation(fields: Sequence[str]) -> bool:
    """Tell whether the answer should be what the request has led to, `return=representation`, not a word about it."""
    return (_value(fields, "return") or "").lower() == "representation"


def _value(fields: Sequence[str], wanted: str) -> str | None:
    for preference in (one for field in fields for one in parse_http_list(field)):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == wanted:
            return _unquoted(value.strip())
    return None


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] == '"'
    return word[1:-1] if quoted else word
