"""What was ordered, with every option of an order, beside what was delivered."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import sqlalchemy as sa

from service.database.tables import jobs, renders

_SMALL = {"width": "320", "height": "320"}
#: Queries that swaps are ordered with, in turn. With those of a load's eight kinds of orders they have no factor in
#: common, so each comes with each.
OPTIONS: tuple[Mapping[str, str], ...] = (
    {},
    {"width": "300", "height": "420", "format": "png"},
    _SMALL | {"format": "webp", "quality": "40"},
    _SMALL | {"shift_x": "0.1", "shift_y": "-0.05", "scale": "0.8", "turn": "3"},
    _SMALL | {"stance": "lying"},
    _SMALL | {"stance": "hanging", "turn": "-2"},
    _SMALL | {"subject": "0.5,0.5", "seed": "11"},
    _SMALL | {"reference": "order-1042/front", "metadata": "shelf:7"},
    {"preview": "true"},
)
#: Which option, whether this release's API took it, and whether this release's worker did it.
Pairing = tuple[int, bool, bool]
_PLACED = ("shift_x", "shift_y", "scale", "turn")


def _swaps(engine: sa.Engine, urls: Mapping[str, httpx.URL]) -> Iterator[tuple[sa.RowMapping, httpx.URL]]:
    """Yield the swaps of these that made a picture, with it, and the URL of each."""
    query = sa.select(jobs, *(renders.c[name] for name in ("width", "height", "format", "seed", "report"))).join_from(
        jobs, renders, renders.c.job_id == jobs.c.id
    )
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    yield from ((row, urls[row["id"]]) for row in rows if row["id"] in urls)


def pairings(engine: sa.Engine, urls: Mapping[str, httpx.URL], before: str, upgraded: set[str]) -> set[Pairing]:
    """Return what has been delivered so far. `before`: the old API's address; `upgraded`: labels of new workers."""
    return {
        (OPTIONS.index(dict(url.params)), not str(url).startswith(before), row["worker"] in upgraded)
        for row, url in _swaps(engine, urls)
    }


def wrong(engine: sa.Engine, urls: Mapping[str, httpx.URL]) -> Iterator[str]:
    """Yield a sentence for each option that was ordered and is not what was delivered."""
    for row, url in _swaps(engine, urls):
        asked, made = dict(url.params), _delivered(row)
        for name, value in asked.items():
            if str(made.get(name)) != value:
                yield f"job {row['id']} by {row['worker']}: {name}={value} was ordered, and {made.get(name)} delivered"


def _delivered(row: sa.RowMapping) -> dict[str, Any]:
    """Return what a render is, in the words of a query."""
    report: dict[str, Any] = row["report"]
    placement, cutout = report.get("placement") or {}, report["cutout"]
    made = {name: row[name] for name in ("width", "height", "format", "seed", "reference")}
    made["preview"] = str(row["preview"]).lower()
    made |= {name: f"{placement[name]:g}" for name in _PLACED if name in placement}
    made["subject"] = ",".join(f"{number:g}" for number in cutout.get("subject", ()))
    made["stance"] = placement.get("stance") if cutout.get("stance_from") == "caller" else "a guess"
    made["metadata"] = ",".join(":".join(pair) for pair in (row["spec"].get("metadata") or {}).items())
    # A quality is where a search starts: what was found shows in the file alone.
    made["quality"] = (row["spec"].get("output") or {}).get("quality")
    return made
