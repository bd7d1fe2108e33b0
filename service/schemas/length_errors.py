"""Length errors as an answer tells them: what length is allowed, what was sent, and what to do about it."""

import re
from collections.abc import Sized
from typing import Any

_LIMIT = re.compile(r"at (most|least) (\d+) (?:characters?|items?)")
_PARAMETER = re.compile(r"Expected `str` of length ([<>])= (\d+)")


def length_remedy(error: dict[str, Any]) -> str:
    """Return the sentence of one of pydantic's errors; that of a length with its remedy, any other as it is.

    `error` has `type`, `msg` and `input`.
    """
    message, value = str(error["msg"]), error.get("input")
    limit = _LIMIT.search(message)
    if limit is None or not isinstance(value, Sized):
        return message
    bound, sent = int(limit[2]), len(value)
    match error["type"]:
        case "string_too_long":
            return f"{message}; this has {sent}. Shorten it by {sent - bound}"
        case "string_too_short":
            return f"{message}; this has {sent}. Fill it in, or leave the field out where it is optional"
        case "too_long":
            return f"{message}. Leave out {sent - bound}"
        case "too_short":
            return f"{message}. Add {bound - sent}"
    return message


def parameter_length_remedy(message: str) -> str:
    """Return msgspec's sentence on a parameter of the wrong length with its remedy, any other as it is."""
    found = _PARAMETER.search(message)
    if found is None:
        return message
    if found[1] == "<":
        return f"Should have at most {found[2]} characters. Shorten it"
    return f"Should have at least {found[2]} character{'s' * (found[2] != '1')}. Fill it in, or leave it out"
