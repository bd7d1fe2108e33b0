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
    for preference in (one for field in fields for one in parse_http_list(field)):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            seconds = _unquoted(value.strip())
            return min(int(seconds), limit) if _SECONDS.fullmatch(seconds) else None
    return None


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] == '"'
    return word[1:-1] if quoted else word
