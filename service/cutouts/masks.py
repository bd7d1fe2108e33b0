"""The masks that clients mended, as the workers need them: by client and the photo's bytes."""

import sqlalchemy as sa

from pipeline.cutout.given import GivenMask
from service.cutouts.mask_file import MAX_BYTES, decode_mask
from service.database.engine import reader
from service.database.tables import mended_masks
from service.storage.objects import Bucket, ObjectNotFound, ObjectTooLarge, StoreUnavailable

#: How often a mask that another one takes the place of meanwhile is asked for.
_TRIES = 3


class MendedMasks:
    """The mended masks of one database and bucket. Lives as long as the process; safe in threads."""

    def __init__(self, engine: sa.Engine, objects: Bucket) -> None:
        self._reader = reader(engine)
        self._objects = objects

    def of_photo(self, client_id: str, photo_sha256: str) -> GivenMask | None:
        """Return the mask that a client gave a photo of these bytes; None where it gave none.

        Raises StoreUnavailable: the networks' cut-out instead would be what nobody asked for.
        """
        query = sa.select(mended_masks.c.mask_key, mended_masks.c.cut_by).where(
            mended_masks.c.client_id == client_id, mended_masks.c.photo_sha256 == photo_sha256
        )
        for _ in range(_TRIES):
            with self._reader.connect() as connection:
                row = connection.execute(query).first()
            if row is None:
                return None
            try:
                return GivenMask(decode_mask(self._objects.get(row.mask_key, max_bytes=2 * MAX_BYTES)), row.cut_by)
            except (ObjectNotFound, ObjectTooLarge):
                continue  # another one took its place, or none, while this one was asked for
        raise StoreUnavailable(f"The mended mask of {photo_sha256} is not in the store.")
