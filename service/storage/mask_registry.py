"""The registry of masks and previews in the database. A photo's mask lives as long as the photo.

As in `service.storage.registry`, a row is written before its object. A mask that no cut-out and no corrected mask names
any more is marked as expired, and `service.storage.expiry` deletes it. Its photo is gone, or another mask replaced it.
"""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from service.database.clock import db_now
from service.database.engine import insert, reader
from service.database.tables import cutouts, jobs, mended_masks, stored_objects
from service.storage.registry import mark_expired, unused, use_source

_PHOTO = sa.and_(stored_objects.c.bucket == "sources", stored_objects.c.doomed_at.is_(None))
#: Columns that name a mask's object.
NAMED: tuple[sa.Column[str], ...] = (
    *(cutouts.c[name] for name in ("mask_key", "preview_key", "photo_key", "pieces_key", "sheet_key")),
    *(mended_masks.c[name] for name in ("mask_key", "base_key", "preview_key")),
)
#: The most unnamed masks of one query.
_FOUND_AT_ONCE = 5000


class MaskRegistry:
    """The registry of masks in one database. Lives as long as the process. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def register(self, keys: Sequence[str], *, client_id: str) -> None:
        """Register objects before they are stored, for the first time or again."""
        with self._engine.begin() as connection:
            for key in keys:
                row = insert(connection, stored_objects).values(bucket="masks", key=key, client_id=client_id)
                anew = {"used_at": db_now(), "doomed_at": None}
                connection.execute(row.on_conflict_do_update(index_elements=["bucket", "key"], set_=anew))

    def identify_photo(self, key: str, photo_sha256: str, size: int) -> None:
        """Store the digest and the number of a photo's bytes. A photo without a row stays without."""
        known = sa.select(stored_objects.c.photo_sha256).where(_is_source(key))
        with self._reader.connect() as connection:
            if connection.execute(known).scalar() == photo_sha256:
                return  # the usual case, which does not wait for SQLite's only writer
        with self._engine.begin() as connection:
            found = stored_objects.update().where(_is_source(key)).values(photo_sha256=photo_sha256, bytes=size)
            connection.execute(found)

    @staticmethod
    def use_photo(connection: sa.Connection, client_id: str, key: str, photo_sha256: str) -> None:
        """Mark a mask's photo as used, with its digest, in the mask's own transaction. Raises SourceExpired."""
        use_source(connection, client_id, key)
        connection.execute(stored_objects.update().where(_is_source(key)).values(photo_sha256=photo_sha256))

    def forget_without_photo(self) -> None:
        """Delete the rows of cut-outs and corrected masks whose photo is gone.

        A photo counts as gone while its row is marked. `service.storage.expiry` calls this before it deletes such a
        row. The cost grows with the number of marked photos, not with that of cut-outs.
        """
        with self._engine.begin() as connection:
            _forget(connection, sa.true(), sa.true())

    @staticmethod
    def forget_photo(connection: sa.Connection, client_id: str, key: str, photos: Collection[str]) -> None:
        """Delete the rows of a photo that the transaction has marked as deleted, and of masks for these bytes."""
        mended = sa.and_(mended_masks.c.client_id == client_id, mended_masks.c.photo_sha256.in_(photos))
        _forget(connection, stored_objects.c.key == key, mended)

    def mark_unnamed(self, *, older_than: float, limit: int) -> int:
        """Mark unnamed masks as expired that were registered at least `older_than` seconds ago. Return their number.

        `older_than`: seconds after which an attempt has either stored the name of its mask or died. `limit`: masks of
        one transaction.
        """
        names = sa.union_all(*(sa.select(one.label("name")).where(one.is_not(None)) for one in NAMED)).subquery()
        # Values, not parameters: a partial index serves a query only if the query repeats the index's condition.
        unnamed = sa.select(stored_objects.c.key).where(
            stored_objects.c.bucket == sa.literal("masks", literal_execute=True),
            stored_objects.c.doomed_at.is_(None),
            unused(older_than),
            ~sa.exists().where(names.c.name == stored_objects.c.key),
        )
        with self._reader.connect() as connection:
            # This query reads every named mask, so it runs once for thousands and not once for each transaction.
            keys = list(connection.execute(unnamed.limit(_FOUND_AT_ONCE)).scalars())
        marked = 0
        for start in range(0, len(keys), limit):
            these = stored_objects.c.key.in_(keys[start : start + limit])
            with self._engine.begin() as connection:
                marked += mark_expired(connection, "masks", unused(older_than), these, limit=limit)
        return marked


def _forget(connection: sa.Connection, photos: sa.ColumnElement[bool], masks: sa.ColumnElement[bool]) -> None:
    """Delete the rows of cut-outs of these photos, and of these masks, if their photo is gone. Skips locked rows."""
    cut = (
        sa.select(cutouts.c.job_id)
        .join(jobs, jobs.c.id == cutouts.c.job_id)
        .join(stored_objects, stored_objects.c.key == jobs.c.source_key)
        .where(stored_objects.c.bucket == "sources", stored_objects.c.doomed_at.is_not(None), photos)
    )
    ids = connection.execute(cut.with_for_update(of=cutouts, skip_locked=True)).scalars().all()
    connection.execute(cutouts.delete().where(cutouts.c.job_id.in_(ids)))
    same_bytes = sa.select(stored_objects.c.key).where(
        _PHOTO,
        stored_objects.c.client_id == mended_masks.c.client_id,
        stored_objects.c.photo_sha256 == mended_masks.c.photo_sha256,
    )
    pair = (mended_masks.c.client_id, mended_masks.c.photo_sha256)
    without = sa.select(*pair).where(masks, ~same_bytes.correlate(mended_masks).exists())
    for client_id, photo in connection.execute(without.with_for_update(skip_locked=True)).all():
        connection.execute(mended_masks.delete().where(pair[0] == client_id, pair[1] == photo))


def _is_source(key: str) -> sa.ColumnElement[bool]:
    return sa.and_(stored_objects.c.bucket == "sources", stored_objects.c.key == key)
