"""The expiry: deletes photos, renders and cut-outs older than the settings let them be, and what dead attempts left.

A cut-out that a caller asked for, and a mask that one mended, go with their photo.

First the bytes, then the row that says that they are there: a crash between the two is repaired by the next look, and
any number may look at once. Jobs, request logs and the ledger are never touched.
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

#: Objects taken at once, so that no transaction is long.
_BATCH = 100
#: Seconds between an object's mark as expired and its end: a submit that saw it before has ended by then.
DELETE_DELAY = 60.0
_DAY = 86_400.0


@dataclass(frozen=True)
class Expirer:
    """Expires objects, with what that needs. Durations are seconds; None: for ever."""

    registry: ObjectRegistry
    buckets: dict[BucketName, Bucket]
    source_age: float | None
    render_age: float | None
    #: After that long an attempt can't be storing its picture any more.
    attempt_ends: float
    delete_delay: float = DELETE_DELAY
    cutout_age: float | None = None
    #: Of pinned backgrounds.
    scene_age: float | None = None
    #: None: masks are not looked at.
    masks: MaskRegistry | None = None
    preview_age: float | None = None
    #: None: what no row names is left.
    orphans: OrphanSweep | None = None

    def run_once(self) -> None:
        """Look once. Raises SQLAlchemyError; a store that is away only postpones."""
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
            logger.warning("object store unavailable, the rest is deleted later: %s", error)

    def _delete(self) -> None:
        while expired := self.registry.expired(since=self.delete_delay, limit=_BATCH):
            if self.masks is not None:
                self.masks.forget_without_photo()  # while the rows of their photos say that these are gone
            for gone in expired:
                try:
                    with contextlib.suppress(ObjectNotFound):  # no key of ours: nothing can lie under it
                        self.buckets[gone.bucket].delete(gone.key)
                except StoreUnavailable:
                    # The next look must not stumble over the same one first.
                    self.registry.retry_later(gone)
                    raise
                self.registry.delete_row(gone)
            logger.info("%d objects deleted", len(expired))


def _all(mark: Callable[..., int], age: float) -> None:
    while mark(older_than=age, limit=_BATCH):
        pass


def build_expirer(settings: Settings) -> Expirer:
    """Put an expirer together on the settings' database and store."""
    sources, renders = open_buckets(settings)
    # No cut-out outlives the photo; nothing is deleted under an attempt that stores it.
    cutout_days = min(settings.cutout_days, settings.source_days or settings.cutout_days)
    cutout_age, scene_age = (
        max(_DAY * kept, settings.attempt_ends) for kept in (cutout_days, settings.background_days)
    )
    buckets: dict[BucketName, Bucket] = {"sources": sources}
    buckets |= dict.fromkeys(("renders", "cutouts", "scenes", "masks"), renders)
    engine = create_engine(settings.sqlalchemy_url)
    # Photos that are kept for ever stay, too, where nobody has ordered from them.
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
    """Look until told to stop, whatever breaks; not while the installation is in quarantine (`may_act`)."""
    while True:
        try:
            if may_act():
                expirer.run_once()
        except Exception:  # whatever it was: nobody would notice that this thread has ended
            logger.exception("expiry failed; it will look again")
        if stopping.wait(every):
            return
