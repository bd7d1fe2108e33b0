"""The orphan sweep: finds objects without a row, as after restoring a dump, and marks them as expired.

A row is written before its object. So an object without a row was stored after the restored dump, or came into the
bucket in another way. Once it is `age` old by the store's clock, it gets a row that marks it as expired, and
`service.storage.expiry` deletes it. The sweep never marks younger objects, keys that Backdrop does not make, and
objects of unknown clients, which may belong to another installation.
"""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import sqlalchemy as sa

from service.database.clock import db_now
from service.database.engine import insert, reader
from service.database.tables import clients, renders, stored_objects
from service.storage.objects import Bucket

logger = logging.getLogger(__name__)

#: Objects of each bucket that one round lists.
_LOOK = 5000
#: Objects of one transaction.
_PAGE = 500
#: Seconds between the end of a listing and the start of the next.
_ROUND = 3600.0
_KEY = re.compile(r"(uploads|renders|cutouts|scenes|masks)/([0-9A-Z]{26})/(?:([0-9A-Z]{26})-)?.+")


@dataclass
class OrphanSweep:
    """Sweeps the buckets, a part of each in one round. For one thread. `age` in seconds."""

    engine: sa.Engine
    buckets: Sequence[Bucket]
    age: float
    _listings: dict[int, Iterator[tuple[str, float]]] = field(default_factory=dict, init=False)
    _resume_at: dict[int, float] = field(default_factory=dict, init=False)

    def run_once(self) -> int:
        """Check the next objects of each bucket and return how many were marked. Raises StoreUnavailable."""
        return sum(self._look(number, bucket) for number, bucket in enumerate(self.buckets))

    def _look(self, number: int, bucket: Bucket) -> int:
        if time.monotonic() < self._resume_at.get(number, 0.0):
            return 0
        # After an error the listing starts again from its beginning.
        listing = self._listings.pop(number, None) or bucket.entries()
        found = list(islice(listing, _LOOK))
        if len(found) == _LOOK:
            self._listings[number] = listing
        else:
            self._resume_at[number] = time.monotonic() + _ROUND
        old = sorted(key for key, modified in found if modified <= time.time() - self.age)
        return sum(self._mark(old[start : start + _PAGE]) for start in range(0, len(old), _PAGE))

    def _mark(self, keys: list[str]) -> int:
        ours = {key: match for key in keys if (match := _KEY.fullmatch(key))}
        with reader(self.engine).connect() as connection:
            named = sa.select(stored_objects.c.key).where(stored_objects.c.key.in_(ours))
            named = named.where(stored_objects.c.bucket.in_({_bucket(match[1]) for match in ours.values()}))
            made = sa.select(renders.c.key).where(renders.c.job_id.in_({match[3] for match in ours.values()}))
            known = set(connection.execute(named).scalars()) | set(connection.execute(made).scalars())
            left = {key: match for key, match in ours.items() if key not in known}
            here = sa.select(clients.c.id).where(clients.c.id.in_({match[2] for match in left.values()}))
            here_ids = set(connection.execute(here).scalars()) if left else set()
        if strangers := sorted({match[2] for match in left.values()} - here_ids):
            logger.warning("objects of unknown clients have no row and are kept: %s", ", ".join(strangers))
        rows = [
            {"bucket": _bucket(match[1]), "key": key, "client_id": match[2]}
            for key, match in left.items()
            if match[2] in here_ids
        ]
        if not rows:
            return 0
        with self.engine.begin() as connection:
            marked = insert(connection, stored_objects).values([row | {"doomed_at": db_now()} for row in rows])
            # Skip objects that got a row meanwhile, because they are needed.
            marked = marked.on_conflict_do_nothing().returning(stored_objects.c.key)
            gone = list(connection.execute(marked).scalars())
        logger.info(
            "%d objects without a row for %.0f days are marked as expired: %s",
            len(gone),
            self.age / 86_400,
            ", ".join(gone),
        )
        return len(gone)


def _bucket(kind: str) -> str:
    return "sources" if kind == "uploads" else kind
