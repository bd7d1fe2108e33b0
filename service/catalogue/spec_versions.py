"""Versions of the spec that a job's row keeps, so that releases may run beside each other.

| version | what came with it |
|---|---|
| 1 | all that was stored before specs had a version |
| 2 | `placement.stance`, `subject`, `dressing.props`, `dressing.colors_on` |

An API stores an order with the lowest version that can do it: an order that uses nothing new stays open to older
workers. A claim passes over jobs above the worker's own version. A reader ignores fields that it does not know, because
at its version or below they hold what it does anyway, and it refuses newer versions by name.

How to add a field to the stored spec:

1. Raise SPEC_VERSION, once a release: all fields of one release share a version.
2. Name the field in the table above and in SINCE: its path, the version, and the value with which a worker of an older
   version makes the same picture. For a new word in a closed list (a scene's kind, a finish, a prop) the path is
   "records.scene.kind=WORD", and no value is harmless.
3. Never give a field that exists another meaning: that is a new field. A new operation needs no version, because a
   worker claims only operations that it knows.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: The newest version that this release writes, and reads.
SPEC_VERSION = 2
#: By path: the version that a field came with, and the value that an older worker acts by.
SINCE: Mapping[str, tuple[int, Any]] = {
    "placement.stance": (2, "auto"),
    "subject": (2, None),
    "dressing.props": (2, "scene"),
    "dressing.colors_on": (2, ""),
}


class SpecTooNew(ValueError):
    """Raised when a stored spec has a version that this release does not know."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"The job's spec has version {version}, and this release reads version {SPEC_VERSION} and below."
            " Run a worker of the release that stored it."
        )


def require_readable(version: int) -> None:
    """Raise SpecTooNew for a version above this release's own."""
    if version > SPEC_VERSION:
        raise SpecTooNew(version)


def version_of(spec: Mapping[str, Any], since: Mapping[str, tuple[int, Any]] = SINCE) -> int:
    """Return the lowest version whose workers can do a spec as it is stored."""
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
