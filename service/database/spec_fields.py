"""Fields of a job's stored spec in conditions, written as the indexes of `service.database.tables` have them.

An index on an expression serves only queries that repeat its SQL.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from service.database.tables import jobs

#: The jobs with such a spec. A literal, as SQLite's index is partial and serves only queries that repeat its condition.
SWAPS: sa.ColumnElement[bool] = jobs.c.operation == sa.literal_column("'swap'", sa.String)


class spec_text(FunctionElement[str]):  # noqa: N801  # reads like sa.func.now()
    """A text of the spec: its `scene_type` or `output_preset`. NULL for a cut-out."""

    type = sa.Text()
    inherit_cache = True

    def __init__(self, name: str) -> None:
        super().__init__(sa.literal_column(f"'{name}'"))


class has_pair(FunctionElement[bool]):  # noqa: N801  # as above
    """Whether the spec's metadata has a pair: `pair` is an object of JSON with it, `path` the name's in SQLite.

    PostgreSQL reads the text of a parameter, and so estimates how rare the pair is. It can't for a function's result.
    """

    type = sa.Boolean()
    inherit_cache = True

    def __init__(self, pair: Any, path: Any, value: Any) -> None:
        super().__init__(*(sa.type_coerce(one, sa.Text) for one in (pair, path, value)))


@compiles(spec_text, "postgresql")
def _text_postgresql(element: spec_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({compiler.process(jobs.c.spec, **kw)} ->> {compiler.process(element.clauses, **kw)})"


@compiles(spec_text, "sqlite")
def _text_sqlite(element: spec_text, compiler: SQLCompiler, **kw: Any) -> str:
    (name,) = element.clauses
    path = compiler.process(name, **kw).replace("'", "'$.", 1)
    # SQLite reads the value from the index only through the cast: a JSON function's own result has a hidden subtype.
    return f"CAST(json_extract({compiler.process(jobs.c.spec, **kw)}, {path}) AS TEXT)"


@compiles(has_pair, "postgresql")
def _pair_postgresql(element: has_pair, compiler: SQLCompiler, **kw: Any) -> str:
    pair, *_ = element.clauses
    metadata = f"CAST({compiler.process(jobs.c.spec, **kw)} -> 'metadata' AS JSONB)"
    return f"({metadata} @> CAST({compiler.process(pair, **kw)} AS JSONB))"


@compiles(has_pair, "sqlite")
def _pair_sqlite(element: has_pair, compiler: SQLCompiler, **kw: Any) -> str:
    _, path, value = (compiler.process(one, **kw) for one in element.clauses)
    metadata = f"CAST(json_extract({compiler.process(jobs.c.spec, **kw)}, '$.metadata') AS TEXT)"
    return f"(json_extract({metadata}, {path}) = {value})"
