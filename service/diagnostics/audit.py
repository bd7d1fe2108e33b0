"""The audit: looks for what breaks the rules of `service.diagnostics.audit_rules`. Reads, and changes nothing."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.database.engine import reader
from service.diagnostics.audit_rules import Bounds, broken, counts, rules


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
        # One query for all rules, as almost always none is broken; what breaks one takes a query more.
        found = set(connection.execute(broken(bounds)).scalars())
        findings = [
            Finding(rule, {name: value for name, value in row.items() if value is not None})
            for rule, query in rules(bounds)
            if rule in found
            for row in connection.execute(query).mappings()
        ]
        return Audit(findings, dict(connection.execute(counts()).mappings().one()))
