"""The audit: searches the database for violations of `service.diagnostics.audit_rules`. Changes nothing."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.database.engine import reader
from service.diagnostics.audit_rules import Bounds, Rules, counts


@dataclass(frozen=True)
class Finding:
    """One violation of a rule."""

    #: Name of the rule.
    rule: str
    #: The ids of the rows, and the wrong values.
    found: dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """The findings and counts of one audit."""

    findings: list[Finding]
    counts: dict[str, int]


def audit(engine: sa.Engine, bounds: Bounds) -> Audit:
    """Audit the whole database in one snapshot, while the service writes to it.

    Raises SQLAlchemyError.
    """
    engine = reader(engine)
    if engine.dialect.name == "postgresql":
        # A transaction of SQLite reads one snapshot. By default, PostgreSQL uses one for each query.
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as connection:
        rules = Rules(connection, bounds)
        findings = [
            Finding(rule, {name: value for name, value in row.items() if value is not None})
            for rule in rules.broken()
            for row in rules.violations(rule)
        ]
        return Audit(findings, dict(connection.execute(counts()).mappings().one()))
