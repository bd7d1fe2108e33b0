"""The quarantine: a restored copy of an installation does nothing until an operator releases it.

At its first start, the sweep stores the installation's fingerprint in the database. A dump contains it. A process
compares it with the fingerprint that it finds. If they differ, the database is a copy. Then the process runs no job,
sends no webhook, deletes nothing and accepts no change. `backdrop ops release` makes the copy an installation of its
own.

The fingerprint has only parts that differ in a copy and survive a change of address. docs/guides/operators/back-up.md
lists what changes them, the false alarms, and the copies that only `hold` protects.

Parts that only one side has are not compared, because a command may have no bucket settings.
"""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import sqlalchemy as sa

from service.database.clock import db_now
from service.database.engine import insert, reader
from service.database.tables import installation
from service.settings import Settings

logger = logging.getLogger(__name__)

#: Seconds for which a check stays valid. A running process can only meet a copy after it lost its database.
_FRESH = 2.0
_OID = sa.text("SELECT oid FROM pg_database WHERE datname = current_database()")
_MAY_ASK = sa.text("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')")
_SYSTEM = sa.text("SELECT system_identifier FROM pg_control_system()")


class Quarantine:
    """Whether an installation may act. Lives as long as the process. Thread-safe.

    `marks`: whether it stores the fingerprint in a database without any, as the sweep does.
    """

    def __init__(self, engine: sa.Engine, settings: Settings, *, marks: bool = False) -> None:
        self._engine, self._reader = engine, reader(engine)
        s3 = settings.store == "s3"
        self._buckets = {"sources": settings.s3_source_bucket, "renders": settings.s3_render_bucket} if s3 else {}
        self._marks = marks
        self._lock = threading.Lock()
        self._looked_at = -_FRESH
        self._reason: str | None = None
        self._said: str | None = None

    @property
    def fresh(self) -> bool:
        """Whether `reason` answers without a query."""
        return time.monotonic() - self._looked_at < _FRESH

    def reason(self) -> str | None:
        """Return why the installation must not act, as a sentence, or None if it may. Raises SQLAlchemyError."""
        with self._lock:
            if not self.fresh:
                self._reason = self._look()
                self._looked_at = time.monotonic()
            return self._reason

    def may_act(self) -> bool:
        """Return whether the installation may act, and log each change once. Raises SQLAlchemyError."""
        reason = self.reason()
        with self._lock:
            changed, self._said = reason != self._said, reason
        if changed and reason:
            logger.error("%s", reason)
        elif changed:
            logger.info("the installation was released from quarantine")
        return reason is None

    def release(self) -> None:
        """Store the database's fingerprint as this installation's own. Raises SQLAlchemyError."""
        self._write({"fingerprint": self._fingerprint(), "held_at": None, "marked_at": db_now()})

    def hold(self) -> None:
        """Put the installation into quarantine until `release`. Raises SQLAlchemyError."""
        self._write({"fingerprint": self._fingerprint(), "held_at": db_now()}, again=("held_at",))

    def _look(self) -> str | None:
        seen = self._fingerprint()
        with self._reader.connect() as connection:
            mark = connection.execute(sa.select(installation.c.fingerprint, installation.c.held_at)).first()
        if mark is None:
            if self._marks:
                self._write({"fingerprint": seen}, again=("one",))
            return None
        if mark.held_at is not None:
            why = f"an operator put it there at {mark.held_at:%Y-%m-%d %H:%M} UTC"
        elif differs := _differences(mark.fingerprint, seen):
            why = f"its database is a copy, because {' and '.join(differs)} changed"
        else:
            if self._marks and seen.keys() - mark.fingerprint.keys():
                self._write({"fingerprint": {**seen, **mark.fingerprint}})
            return None
        return (
            f"The installation is in quarantine: {why}. It runs no job, sends no webhook, deletes nothing and accepts"
            " no change. Run `backdrop ops restore-check`, then `backdrop ops release`."
        )

    def _fingerprint(self) -> dict[str, str]:
        with self._reader.connect() as connection:
            if connection.dialect.name == "postgresql":
                found = {"database": str(connection.execute(_OID).scalar_one())}
                if connection.execute(_MAY_ASK).scalar_one():
                    found["server"] = str(connection.execute(_SYSTEM).scalar_one())
            else:
                path = Path(self._engine.url.database or "")
                found = {"file": str(path.stat().st_ino)} if path.is_file() else {}
        return found | self._buckets

    def _write(self, values: dict[str, object], *, again: Collection[str] | None = None) -> None:
        """Write the fingerprint's row. `again`: the columns to update in an existing row. Default: all of them."""
        row = {"one": 1, **values}
        with self._engine.begin() as connection:
            anew = {name: row[name] for name in again or row}
            new = insert(connection, installation).values(row)
            connection.execute(new.on_conflict_do_update(index_elements=["one"], set_=anew))


def _differences(marked: Mapping[str, str], seen: Mapping[str, str]) -> list[str]:
    """Return the names of the parts that both fingerprints have and that differ."""
    return sorted(name for name in marked.keys() & seen.keys() if marked[name] != seen[name])
