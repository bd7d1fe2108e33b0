"""The expiry: deletes photos, renders and cut-outs after the times in the settings, and leftovers of dead attempts.

A cut-out that a caller requested, and a corrected mask, are deleted with their photo.

The bytes are deleted before their row. If a crash comes between, the next round repairs it. Several rounds may run at
once. Jobs, request logs and the ledger are never touched.
"""

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import sqlalchemy as sa

from service.database.clock import db_now
from service.database.engine import create_engine, insert, reader
from service.database.tables import clients, renders, stored_objects
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.mask_registry import MaskRegistry
from service.storage.objects import Bucket, ObjectNotFound, StoreUnavailable
from service.storage.registry import BucketName, ObjectRegistry

logger = logging.getLogger(__name__)

#: Objects of one transaction, so that it stays short.
_BATCH = 100
#: Seconds between an object's mark as expired and its deletion. A submit that read it before the mark has ended by
#: then.
DELETE_DELAY = 60.0
_DAY = 86_400.0
#: Objects of each bucket that one round lists.
_LOOK = 5000
#: Objects of one transaction.
_PAGE = 500
#: Seconds between the end of a listing and the start of the next.
_ROUND = 3600.0
_KEY = re.compile(r"(uploads|renders|cutouts|scenes|masks)/([0-9A-Z]{26})/(?:([0-9A-Z]{26})-)?.+")


@dataclass
class OrphanSweep:
    """Finds objects without a row, and marks them as expired: a part of each bucket in one round. For one thread.

    A row is written before its object. So an object without a row was stored after a dump that was restored, or came
    into the bucket in another way. It is marked once it is `age` seconds old by the store's clock. Keys that Backdrop
    does not make, and objects of unknown clients, are never marked: they may belong to another installation.
    """

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


@dataclass(frozen=True)
class Expirer:
    """Expires objects, with the parts that this needs. Durations are seconds. None: for ever."""

    registry: ObjectRegistry
    buckets: dict[BucketName, Bucket]
    source_age: float | None
    render_age: float | None
    #: Seconds after which an attempt can't be storing its picture any more.
    attempt_ends: float
    delete_delay: float = DELETE_DELAY
    cutout_age: float | None = None
    #: Seconds for which pinned backgrounds are kept.
    scene_age: float | None = None
    #: None: masks do not expire.
    masks: MaskRegistry | None = None
    preview_age: float | None = None
    #: None: objects without a row are kept.
    orphans: OrphanSweep | None = None
    #: Finishes deletions of clients' data, whose bytes the next round deletes.
    erase: Callable[[], object] = lambda: None

    def run_once(self) -> None:
        """Run one round. Raises SQLAlchemyError. An unavailable store only postpones deletions."""
        registry = self.registry
        if self.source_age is not None:
            _all(registry.mark_expired_sources, self.source_age)
        if self.render_age is not None:
            _all(registry.mark_expired_renders, self.render_age)
        if self.preview_age is not None:
            _all(partial(registry.mark_expired_renders, previews=True), self.preview_age)
        kept: tuple[tuple[BucketName, float | None], ...] = (("cutouts", self.cutout_age), ("scenes", self.scene_age))
        for bucket, age in kept:
            if age is not None:
                _all(partial(registry.mark_expired_cached, bucket), age)
        _all(registry.mark_expired_abandoned, self.attempt_ends)
        if self.masks is not None:
            self.masks.forget_without_photo()
            _all(self.masks.mark_unnamed, self.attempt_ends)
        try:
            if self.orphans is not None:
                self.orphans.run_once()
            self._delete()
            for objects in {id(objects): objects for objects in self.buckets.values()}.values():
                objects.remove_partial_writes()
        except StoreUnavailable as error:
            logger.warning("the object store is unavailable, so the other objects are deleted later: %s", error)
        self.erase()

    def _delete(self) -> None:
        while expired := self.registry.expired(since=self.delete_delay, limit=_BATCH):
            if self.masks is not None:
                self.masks.forget_without_photo()  # before the rows that mark their photos as deleted are gone
            for gone in expired:
                try:
                    with contextlib.suppress(ObjectNotFound):  # an invalid key has no object
                        self.buckets[gone.bucket].delete(gone.key)
                except StoreUnavailable:
                    # Later, so that the next round does not fail on the same object first.
                    self.registry.retry_later(gone)
                    raise
                self.registry.delete_row(gone)
            logger.info("%d objects deleted", len(expired))


def _all(mark: Callable[..., int], age: float) -> None:
    while mark(older_than=age, limit=_BATCH):
        pass


def build_expirer(settings: Settings) -> Expirer:
    """Return an expirer on the settings' database and store."""
    sources, renders = open_buckets(settings)
    # No cut-out outlives its photo. No object is deleted while an attempt may store it.
    cutout_days = min(settings.cutout_days, settings.source_days or settings.cutout_days)
    cutout_age, scene_age = (
        max(_DAY * kept, settings.attempt_ends) for kept in (cutout_days, settings.background_days)
    )
    buckets: dict[BucketName, Bucket] = {"sources": sources}
    buckets |= dict.fromkeys(("renders", "cutouts", "scenes", "masks"), renders)
    engine = create_engine(settings.sqlalchemy_url)
    # With photos kept for ever, photos without any job stay, too.
    swept = (sources, renders) if settings.source_days else (renders,)
    orphan_age = max(_DAY * settings.orphan_days, settings.attempt_ends, float(settings.url_ttl))
    return Expirer(
        ObjectRegistry(engine),
        buckets,
        source_age=settings.photo_age,
        render_age=_DAY * settings.render_days or None,
        attempt_ends=settings.attempt_ends,
        cutout_age=cutout_age,
        scene_age=scene_age,
        masks=MaskRegistry(engine),
        preview_age=3600.0 * settings.preview_hours,
        orphans=OrphanSweep(engine, swept, orphan_age) if settings.orphan_days else None,
    )


def keep_expiring(
    expirer: Expirer, *, every: float, stopping: threading.Event, may_act: Callable[[], bool] = lambda: True
) -> None:
    """Run rounds until `stopping` is set. No error ends it. Skips rounds in quarantine (`may_act`)."""
    while True:
        try:
            if may_act():
                expirer.run_once()
        except Exception:  # of any kind, because an end of this thread would go unnoticed
            logger.exception("expiry failed. The next round tries again")
        if stopping.wait(every):
            return
