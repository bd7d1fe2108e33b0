"""Comparison of delivered renders with the options that were ordered."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import sqlalchemy as sa

from service.database.tables import jobs, renders

_SMALL = {"width": "320", "height": "320"}
#: Queries of swaps, in turn. Their number is coprime to the load's eight kinds of orders, so that all pairs occur.
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
#: Index of the option, whether this release's API accepted it, and whether this release's worker ran it.
Pairing = tuple[int, bool, bool]
_PLACED = ("shift_x", "shift_y", "scale", "turn")


def _swaps(engine: sa.Engine, urls: Mapping[str, httpx.URL]) -> Iterator[tuple[sa.RowMapping, httpx.URL]]:
    """Yield each job that made a picture, with its render, and the URL that ordered it."""
    query = sa.select(jobs, *(renders.c[name] for name in ("width", "height", "format", "seed", "report"))).join_from(
        jobs, renders, renders.c.job_id == jobs.c.id
    )
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    yield from ((row, urls[row["id"]]) for row in rows if row["id"] in urls)


def pairings(engine: sa.Engine, urls: Mapping[str, httpx.URL], before: str, upgraded: set[str]) -> set[Pairing]:
    """Return the pairings delivered so far. `before`: the old API's address; `upgraded`: labels of new workers."""
    return {
        (OPTIONS.index(dict(url.params)), not str(url).startswith(before), row["worker"] in upgraded)
        for row, url in _swaps(engine, urls)
    }


def wrong(engine: sa.Engine, urls: Mapping[str, httpx.URL]) -> Iterator[str]:
    """Yield a sentence for each option that differs between order and delivery."""
    for row, url in _swaps(engine, urls):
        asked, made = dict(url.params), _delivered(row)
        for name, value in asked.items():
            if str(made.get(name)) != value:
                job = f"job {row['id']} by {row['worker']}"
                yield f"{job}: {name}={value} was ordered, but {made.get(name)} was delivered"


def _delivered(row: sa.RowMapping) -> dict[str, Any]:
    """Return the options of a render, as a query gives them."""
    report: dict[str, Any] = row["report"]
    placement, cutout = report.get("placement") or {}, report["cutout"]
    made = {name: row[name] for name in ("width", "height", "format", "seed", "reference")}
    made["preview"] = str(row["preview"]).lower()
    made |= {name: f"{placement[name]:g}" for name in _PLACED if name in placement}
    made["subject"] = ",".join(f"{number:g}" for number in cutout.get("subject", ()))
    made["stance"] = placement.get("stance") if cutout.get("stance_from") == "caller" else "a guess"
    made["metadata"] = ",".join(":".join(pair) for pair in (row["spec"].get("metadata") or {}).items())
    # The quality is where the encoder's search starts. Only the file shows the result.
    made["quality"] = (row["spec"].get("output") or {}).get("quality")
    return made
