"""The expiry: deletes photos, renders and cut-outs after the times in the settings, and leftovers of dead attempts.

A cut-out that a caller requested, and a corrected mask, are deleted with their photo.

The bytes are deleted before their row. If a crash comes between, the next round repairs it. Several rounds may run at
once. Jobs, request logs and the ledger are never touched.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from service.database.engine import create_engine
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.mask_registry import MaskRegistry
from service.storage.objects import Bucket, ObjectNotFound, StoreUnavailable
from service.storage.orphans import OrphanSweep
from service.storage.registry import BucketName, ObjectRegistry

logger = logging.getLogger(__name__)

#: Objects of one transaction, so that it stays short.
_BATCH = 100
#: Seconds between an object's mark as expired and its deletion. A submit that read it before the mark has ended by
#: then.
DELETE_DELAY = 60.0
_DAY = 86_400.0


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
