"""Immediate deletion of a photo or render at its client's request, with all data made from it for later use.

First a mark in the database ensures that nothing new can use the object, then its bytes are deleted. If the store is
unavailable or the process crashes, expiry deletes the rest (`service.storage.expiry`), and the sweep ends jobs of the
photo. Jobs, request logs and the ledger stay.
"""

import hashlib
import logging
from dataclasses import dataclass

from service.jobs.records import may_be_id
from service.jobs.transitions import ENDED_AT_ONCE, Jobs
from service.storage.mask_registry import MaskRegistry
from service.storage.objects import Bucket, ObjectNotFound, ObjectTooLarge, StoreUnavailable, may_be_key
from service.storage.registry import ObjectRegistry, registered

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deletion:
    """The use cases of deletion. Thread-safe; one instance serves the whole process. Durations are seconds."""

    registry: ObjectRegistry
    masks: MaskRegistry
    jobs: Jobs
    sources: Bucket
    renders: Bucket
    max_photo_bytes: int
    #: How long an upload's URL works: until then the photo's bytes could be sent again.
    upload_ends: float
    #: After this time, no attempt can still be storing a cut-out.
    attempt_ends: float

    def render(self, public_id: str, *, client_id: str) -> bool:
        """Delete a client's render; its job keeps the time of deletion. Return False if the client has no such render.

        Repeating it is safe.
        """
        if not may_be_id(public_id):
            return False
        key = self.registry.mark_deleted_render(public_id, client_id=client_id)
        if key is not None:
            self._remove(self.renders, key)
        return key is not None

    def photo(self, key: str, *, client_id: str) -> bool:
        """Delete one of a client's photos, with the cut-outs and masks of its bytes.

        Its unfinished jobs fail and are refunded; its renders stay. `key` must be the client's own. Returns False for
        an unknown key. Repeating it is safe. Raises StoreUnavailable, and deletes nothing then.
        """
        digests: set[str] = set()
        try:
            digests.add(hashlib.sha256(self.sources.get(key, max_bytes=self.max_photo_bytes)).hexdigest())
        except ObjectNotFound:
            if not may_be_key(key):
                return False
            with self.registry.begin() as connection:
                if key not in registered(connection, [key]):
                    return False
        except ObjectTooLarge:
            pass  # no job has accepted it, so it has no cut-out
        with self.registry.begin() as connection:
            # The row's digest, too: an earlier deletion may have been interrupted after the bytes were gone.
            read = self.registry.mark_deleted_photo(connection, key, client_id=client_id, writable=self.upload_ends)
            digests |= {read} if read is not None else set()
            ended = self.jobs.end_without_photo(connection, key)
            # After the jobs have ended, so that they can't store new cut-outs.
            cutouts = self.registry.mark_deleted_cutouts(connection, client_id, digests, writable=self.attempt_ends)
            self.masks.forget_photo(connection, client_id, key, digests)
        rest = ended
        while len(rest) == ENDED_AT_ONCE:  # after a crash, the sweep ends the others
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
            pass  # an invalid key, so there is no object
        except StoreUnavailable as error:
            logger.warning("%s: object store unavailable, will be deleted later: %s", key, error)
