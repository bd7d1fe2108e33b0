"""Deletion: a photo or a render goes because its client says so, at once, and with it what was made of it for later.

First the mark in the database, after which nothing new can need the object, then the bytes. What a store that is away
or a crash leaves is deleted by expiry (`service.storage.expiry`), and jobs of a deleted photo are ended by the sweep.
Jobs, request logs and the ledger are never touched.
"""

import hashlib
import logging
from dataclasses import dataclass

from service.jobs.records import may_be_id
from service.jobs.transitions import ENDED_AT_ONCE, Jobs
from service.storage.mask_registry import MaskRegistry
from service.storage.objects import Bucket, ObjectNotFound, ObjectTooLarge, StoreUnavailable, may_be_key
from service.storage.registry import ObjectRegistry, knows_photo

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deletion:
    """The use case, with what it needs. Lives as long as the process; safe in threads. Durations are seconds."""

    registry: ObjectRegistry
    masks: MaskRegistry
    jobs: Jobs
    sources: Bucket
    renders: Bucket
    max_photo_bytes: int
    #: How long an upload's URL is good: until then the photo's bytes can come once more.
    upload_ends: float
    #: After that long an attempt can't be storing a cut-out any more.
    attempt_ends: float

    def render(self, public_id: str, *, client_id: str) -> bool:
        """Delete a client's render; its job keeps the day. False when the client has none of that id.

        Doing it twice is doing it once.
        """
        if not may_be_id(public_id):
            return False
        key = self.registry.mark_deleted_render(public_id, client_id=client_id)
        if key is not None:
            self._remove(self.renders, key)
        return key is not None

    def photo(self, key: str, *, client_id: str) -> bool:
        """Delete one of a client's photos, with the cut-outs and masks of its bytes.

        Its unfinished jobs fail and are refunded; renders of it stay. `key` is the client's own; False when nothing is
        known of it. Doing it twice is doing it once. Raises StoreUnavailable, after which nothing is deleted.
        """
        digests: set[str] = set()
        try:
            digests.add(hashlib.sha256(self.sources.get(key, max_bytes=self.max_photo_bytes)).hexdigest())
        except ObjectNotFound:
            if not may_be_key(key):
                return False
            with self.registry.begin() as connection:
                if not knows_photo(connection, key):
                    return False
        except ObjectTooLarge:
            pass  # no job has taken it
        with self.registry.begin() as connection:
            # Its row's digest as well: a deletion before this one may have been cut off after its bytes were gone.
            read = self.registry.mark_deleted_photo(connection, key, client_id=client_id, writable=self.upload_ends)
            digests |= {read} if read is not None else set()
            ended = self.jobs.end_without_photo(connection, key)
            # After the jobs' end: they keep no cut-out from now on.
            cutouts = self.registry.mark_deleted_cutouts(connection, client_id, digests, writable=self.attempt_ends)
            self.masks.forget_photo(connection, client_id, key, digests)
        rest = ended
        while len(rest) == ENDED_AT_ONCE:  # what a crash leaves of them the sweep ends
            with self.registry.begin() as connection:
                rest = self.jobs.end_without_photo(connection, key)
            ended += rest
        for job_id in ended:
            logger.info("job %s: FAILURE, refunded, its photo was deleted", job_id)
        for cutout in cutouts:
            self._remove(self.renders, cutout)
        self._remove(self.sources, key)
        return True

    @staticmethod
    def _remove(bucket: Bucket, key: str) -> None:
        try:
            bucket.delete(key)
        except ObjectNotFound:
            pass  # no key of ours: nothing can lie under it
        except StoreUnavailable as error:
            logger.warning("%s: object store unavailable, deleted later: %s", key, error)
