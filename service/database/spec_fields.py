"""Fields of a job's stored spec in conditions, written as the indexes of `service.database.tables` have them.

An index on an expression serves only queries that repeat its SQL.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from service.database.tables import jobs


class spec_text(FunctionElement[str]):  # noqa: N801  # reads like sa.func.now()
    """A text of the spec: its `scene_type` or `output_preset`. NULL for a cut-out."""

    type = sa.Text()
    inherit_cache = True

    def __init__(self, name: str) -> None:
        super().__init__(sa.literal_column(f"'{name}'"))


class has_pair(FunctionElement[bool]):  # noqa: N801  # as above
    """Whether the spec's metadata has this name with this value. A name has letters, digits and `_.-` alone."""

    type = sa.Boolean()
    inherit_cache = True

    def __init__(self, name: Any, value: Any) -> None:
        super().__init__(sa.type_coerce(name, sa.Text), sa.type_coerce(value, sa.Text))


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
    name, value = (f"CAST({compiler.process(one, **kw)} AS TEXT)" for one in element.clauses)
    metadata = f"CAST({compiler.process(jobs.c.spec, **kw)} -> 'metadata' AS JSONB)"
    return f"({metadata} @> jsonb_build_object({name}, {value}))"


@compiles(has_pair, "sqlite")
def _pair_sqlite(element: has_pair, compiler: SQLCompiler, **kw: Any) -> str:
    name, value = (compiler.process(one, **kw) for one in element.clauses)
    metadata = f"CAST(json_extract({compiler.process(jobs.c.spec, **kw)}, '$.metadata') AS TEXT)"
    return f"(json_extract({metadata}, '$.\"' || {name} || '\"') = {value})"
