"""The masks that clients drew or chose, by client and the photo's bytes."""

from typing import Any

import sqlalchemy as sa
from ulid import ULID

from pipeline.cutout.given import GivenMask
from service.cutouts.mask_file import MAX_BYTES, decode_mask
from service.cutouts.records import CutBy
from service.database.clock import db_now
from service.database.engine import insert, reader
from service.database.tables import mended_masks
from service.jobs.records import KeptFacts
from service.storage.mask_registry import MaskRegistry
from service.storage.objects import Bucket, ObjectNotFound, ObjectTooLarge, StoreUnavailable
from service.storage.registry import SourceExpired

#: How many times to read a mask that another mask replaces meanwhile.
_TRIES = 3


class MendedMasks:
    """The mended masks in the database and bucket. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine, objects: Bucket) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._registry = MaskRegistry(engine)
        self._objects = objects

    def of_photo(self, client_id: str, photo_sha256: str, *, whole: bool = False) -> GivenMask | None:
        """Return the mask that a client gave for a photo of these bytes; None if it gave none.

        `whole`: the mask with all its subjects, None if it came from the networks. Raises StoreUnavailable, because
        falling back to the networks' cut-out would ignore the client's choice.
        """
        names = ("base_key", "base_by") if whole else ("mask_key", "cut_by")
        query = sa.select(*(mended_masks.c[name] for name in names)).where(
            mended_masks.c.client_id == client_id, mended_masks.c.photo_sha256 == photo_sha256
        )
        for _ in range(_TRIES):
            with self._reader.connect() as connection:
                row = connection.execute(query).first()
            if row is None or row[1] == "network":
                return None
            try:
                return GivenMask(decode_mask(self._objects.get(row[0], max_bytes=2 * MAX_BYTES)), row[1])
            except (ObjectNotFound, ObjectTooLarge):
                continue  # the mask was replaced or deleted in between
        raise StoreUnavailable(f"The mended mask of {photo_sha256} is not in the store.")

    def keep(
        self,
        client_id: str,
        source_key: str,
        photo_sha256: str,
        *,
        mask: bytes,
        base: bytes,
        preview: bytes,
        facts: KeptFacts,
        cut_by: CutBy,
        base_by: CutBy,
    ) -> bool:
        """Make a mask the photo's mask, and return whether the photo still exists.

        `mask`, `base` (the mask to choose subjects from) and `preview` are PNGs. Raises StoreUnavailable.
        """
        # The base has its own object even if its bytes exist elsewhere: deleting the other must not delete it.
        pictures = {"mask_key": mask, "base_key": base, "preview_key": preview}
        keys = {name: f"masks/{client_id}/{ULID()}.png" for name in pictures}
        self._registry.register(list(keys.values()), client_id=client_id)
        for name, picture in pictures.items():
            self._objects.put(keys[name], picture, "image/png")
        row: dict[str, Any] = {"cut_by": cut_by, "base_by": base_by, "facts": facts, "mended_at": db_now(), **keys}
        key = {"client_id": client_id, "photo_sha256": photo_sha256}
        with self._engine.begin() as connection:
            try:
                self._registry.use_photo(connection, client_id, source_key, photo_sha256)
            except SourceExpired:
                return False
            upsert = insert(connection, mended_masks).values(**key, **row)
            connection.execute(upsert.on_conflict_do_update(index_elements=list(key), set_=row))
        return True
