"""Pages of a list, newest first, narrowed by filters, with one SQL statement for a page of any size.

A cursor is the id of a page's last item. Ids are ULIDs, ordered by time, so new items don't change a page. The cursor
only marks a place: its item may be deleted or another client's.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from ulid import ULID

Item = TypeVar("Item")
#: A condition of a list: takes a bound parameter for each of its values. A constant, as statements are kept by it.
Condition = Callable[..., sa.ColumnElement[bool]]
#: A condition with its values.
Narrowed = tuple[Condition, tuple[object, ...]]
#: Seconds by which the time in an id may differ from its row's `created_at`: hosts' clocks differ.
_ID_SLACK = 3600.0


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What a list is narrowed by. All given filters must fit; None and empty ones fit everything."""

    #: Any of them.
    status: Sequence[str] = ()
    reference: str | None = None
    output_preset: str | None = None
    scene_type: str | None = None
    #: The caller's own pairs, each of which the job has.
    metadata: Mapping[str, str] | None = None
    #: From this time on, and before this time. Both have a zone.
    created_after: datetime | None = None
    created_before: datetime | None = None

    def created(self, ids: sa.Column[str], created_at: sa.Column[datetime], prefix: str = "") -> Iterator[Narrowed]:
        """Yield the conditions on the time of creation for a table whose ids are `prefix` and a ULID.

        The column decides. The range of ids lets the index of the list's order find the place.
        """
        if self.created_after is not None:
            yield _from(ids, created_at), (prefix + _ulid_at(self.created_after, -_ID_SLACK), self.created_after)
        if self.created_before is not None:
            yield _until(ids, created_at), (prefix + _ulid_at(self.created_before, _ID_SLACK), self.created_before)

    def statuses(self, status: sa.ColumnElement[Any]) -> Iterator[Narrowed]:
        """Yield the condition that this column or expression has one of the statuses."""
        if self.status:
            yield status.in_, (list(self.status),)

    def pairs(self, metadata: str, dialect: str) -> Iterator[Narrowed]:
        """Yield the conditions on the caller's own pairs. `metadata`: SQL of their JSON object, such as a column."""
        for name, value in (self.metadata or {}).items():
            if dialect == "postgresql":
                yield _contains(metadata), (json.dumps({name: value}),)
            else:  # a name has letters, digits and `_.-` alone
                yield _extracts(metadata), (f'$."{name}"', value)


#: No filter.
EVERYTHING = Filters()


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A page of items in order. `next_cursor` is where the next page begins; None on the last page."""

    items: list[Item]
    next_cursor: str | None


def read_page(
    engine: sa.Engine,
    query: sa.Select[Any],
    ids: sa.Column[str],
    read: Callable[[Mapping[str, Any]], Item],
    asked: Mapping[sa.Column[Any], object],
    limit: int,
    cursor: str | None,
    narrowed: Sequence[Narrowed] = (),
) -> Page[Item]:
    """Return a page of the query's rows with the given values (None: any), in descending order of `ids`.

    `read` converts a row to an item. `narrowed`: further conditions, all of which must hold.
    """
    given = {column: value for column, value in asked.items() if value is not None}
    values = {f"value_{number}": value for number, value in enumerate(given.values())}
    for number, (_, some) in enumerate(narrowed):
        values |= {f"condition_{number}_{index}": value for index, value in enumerate(some)}
    conditions = tuple((condition, len(some)) for condition, some in narrowed)
    # One extra row, not shown, reveals whether there is a next page.
    values |= {"rows": limit + 1, "place": cursor}
    with engine.connect() as connection:
        found = connection.execute(
            _page_of(query, ids, *given, conditions=conditions, after=cursor is not None), values
        )
        rows = [dict(zip(found.keys(), row, strict=True)) for row in found]  # several times faster than a RowMapping
    shown = rows[:limit]
    return Page([read(row) for row in shown], shown[-1]["place"] if len(rows) > limit else None)


@cache
def _page_of(
    query: sa.Select[Any],
    ids: sa.Column[str],
    *columns: sa.Column[Any],
    conditions: tuple[tuple[Condition, int], ...],
    after: bool,
) -> sa.Select[Any]:
    """Return the statement of a page. Cached, as SQLAlchemy takes longer to compile a new one than to run it."""
    # First: SQLite checks them in this order, and may read their fields from an index without the row.
    for number, (condition, values) in enumerate(conditions):
        query = query.where(condition(*(sa.bindparam(f"condition_{number}_{index}") for index in range(values))))
    for number, column in enumerate(columns):
        query = query.where(column == sa.bindparam(f"value_{number}"))
    if after:
        query = query.where(ids < sa.bindparam("place"))
    return query.add_columns(ids.label("place")).order_by(ids.desc()).limit(sa.bindparam("rows", type_=sa.Integer))


@cache
def _from(ids: sa.Column[str], created_at: sa.Column[datetime]) -> Condition:
    return lambda place, time: sa.and_(ids >= place, created_at >= time)


@cache
def _until(ids: sa.Column[str], created_at: sa.Column[datetime]) -> Condition:
    return lambda place, time: sa.and_(ids < place, created_at < time)


@cache
def _contains(metadata: str) -> Condition:
    # The parameter's text, not a function of it: PostgreSQL estimates from it how rare the pair is.
    pairs = sa.literal_column(f"CAST({metadata} AS JSONB)", JSONB)
    return lambda pair: pairs.op("@>")(sa.cast(pair, JSONB))


@cache
def _extracts(metadata: str) -> Condition:
    return lambda path, value: sa.func.json_extract(sa.literal_column(metadata), path) == value


def _ulid_at(time: datetime, slack: float) -> str:
    """Return the first ten characters of ULIDs at this time, plus the slack in seconds."""
    return str(ULID.from_timestamp(max(0.0, time.timestamp() + slack)))[:10]
