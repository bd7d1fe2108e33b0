"""Versions of the stored spec, which let several releases run at the same time.

An API stores an order with the lowest version that supports it, so older workers can run orders without new fields. A
worker claims no job above its own version. A reader ignores unknown fields: at its version or below, they have the
value that it uses anyway. It refuses newer versions by name.

How to add a field to the stored spec:

1. Raise SPEC_VERSION, once a release: all fields of one release share a version.
2. Add to SINCE its path, the version, and the value that older workers assume. For a new word in a closed list (a
   scene's kind, a finish, a prop) the path is "records.scene.kind=WORD", and no value is harmless.
3. Never change the meaning of an existing field: add a new field. A new operation needs no version, because a worker
   claims only operations that it knows.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pipeline.core.order import RECORDS, options_of
from pipeline.core.spec import Far

#: The newest version that this release writes and reads.
SPEC_VERSION = 4
#: The version that added a record of options with all of its fields.
_RECORDS_SINCE = {"dressing": 2, "ground": 3, "shadow": 3, "frame": 3, "lettering": 3, "acceptance": 4}
#: By path: the version that added a field, and the value that an older worker assumes.
SINCE: Mapping[str, tuple[int, Any]] = {
    "placement.stance": (2, "auto"),
    "subject": (2, None),
    "earlier": (3, None),
    "sandbox": (4, False),
    "simulate": (4, None),
    "records.scene.kind=room": (4, None),
    **{f"records.scene.far={place}": (4, None) for place in get_args(Far) if place not in ("lights", "foliage")},
    **{f"records.mood.props={family}": (4, None) for family in ("candles", "fruit", "cup", "basket")},
    **{
        f"{name}.{option}": (version, default)
        for name, version in _RECORDS_SINCE.items()
        for option, _, default, _ in options_of(RECORDS[name])
    },
}


class SpecTooNew(ValueError):
    """Raised when a stored spec is newer than this release."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"The job's spec has version {version}, but this release reads versions up to {SPEC_VERSION}."
            " Run a worker of the release that stored the job."
        )


def require_readable(version: int) -> None:
    """Raise SpecTooNew for a version above SPEC_VERSION."""
    if version > SPEC_VERSION:
        raise SpecTooNew(version)


def version_of(spec: Mapping[str, Any], since: Mapping[str, tuple[int, Any]] = SINCE) -> int:
    """Return the lowest version that supports a stored spec."""
    return max([1, *(version for path, (version, harmless) in since.items() if _asks(spec, path, harmless))])


def _asks(spec: Mapping[str, Any], path: str, harmless: Any) -> bool:
    name, _, word = path.partition("=")
    found = list(_values(spec, name.split(".")))
    if word:
        return any(value == word or (isinstance(value, list) and word in value) for value in found)
    return any(value is not None and value != harmless for value in found)


def _values(node: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        yield node
    elif isinstance(node, list):
        for one in node:
            yield from _values(one, path)
    elif isinstance(node, Mapping) and path[0] in node:
        yield from _values(node[path[0]], path[1:])
