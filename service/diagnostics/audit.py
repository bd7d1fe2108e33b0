"""The audit: looks for what breaks the rules of `service.diagnostics.audit_rules`. Reads, and changes nothing."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.database.engine import reader
from service.diagnostics.audit_rules import Bounds, counts, rules


@dataclass(frozen=True)
class Finding:
    """One place where a rule is broken."""

    #: Name of the rule.
    rule: str
    #: What was found: the ids of the rows, and the values that don't fit.
    found: dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """What a look at the whole database gave."""

    findings: list[Finding]
    counts: dict[str, int]


def audit(engine: sa.Engine, bounds: Bounds) -> Audit:
    """Look through the whole database at one moment, however many parts write to it meanwhile.

    Raises SQLAlchemyError.
    """
    engine = reader(engine)
    if engine.dialect.name == "postgresql":
        # SQLite's transactions see one moment by themselves; PostgreSQL's default shows each query another one.
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as connection:
        findings = [
            Finding(rule, {name: value for name, value in row.items() if value is not None})
            for rule, query in rules(bounds)
            for row in connection.execute(query).mappings()
        ]
        return Audit(findings, {name: connection.execute(query).scalar_one() for name, query in counts()})
