"""The registry of masks and previews, by the database's account; a photo's mask lives as long as its bytes do.

As `service.storage.registry`: a row before its object. What no cut-out and no mended mask names any more, since its
photo is gone or another mask has its place, is marked as expired, and `service.storage.expiry` deletes it.
"""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from service.database.clock import db_now
from service.database.engine import insert, reader
from service.database.tables import cutouts, jobs, mended_masks, stored_objects
from service.storage.registry import mark_expired, unused, use_source

_PHOTO = sa.and_(stored_objects.c.bucket == "sources", stored_objects.c.doomed_at.is_(None))
#: What names an object of masks.
NAMED: tuple[sa.Column[str], ...] = (
    *(cutouts.c[name] for name in ("mask_key", "preview_key", "photo_key")),
    *(mended_masks.c[name] for name in ("mask_key", "base_key", "preview_key")),
)
#: How many unnamed masks one look finds.
_FOUND_AT_ONCE = 5000


class MaskRegistry:
    """The registry of masks in one database. Lives as long as the process; safe in threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def register(self, keys: Sequence[str], *, client_id: str) -> None:
        """Register objects that are about to be stored, for the first time or again."""
        with self._engine.begin() as connection:
            for key in keys:
                row = insert(connection, stored_objects).values(bucket="masks", key=key, client_id=client_id)
                anew = {"used_at": db_now(), "doomed_at": None}
                connection.execute(row.on_conflict_do_update(index_elements=["bucket", "key"], set_=anew))

    def identify_photo(self, key: str, photo_sha256: str) -> None:
        """Note which bytes a photo has; one that is not registered stays so."""
        known = sa.select(stored_objects.c.photo_sha256).where(_is_source(key))
        with self._reader.connect() as connection:
            if connection.execute(known).scalar() == photo_sha256:
                return  # almost always: SQLite's one writer is not waited for
        with self._engine.begin() as connection:
            connection.execute(stored_objects.update().where(_is_source(key)).values(photo_sha256=photo_sha256))

    @staticmethod
    def use_photo(connection: sa.Connection, client_id: str, key: str, photo_sha256: str) -> None:
        """Note in a mask's own transaction that its photo is needed, and which bytes it has. Raises SourceExpired."""
        use_source(connection, client_id, key)
        connection.execute(stored_objects.update().where(_is_source(key)).values(photo_sha256=photo_sha256))

    def forget_without_photo(self) -> None:
        """Delete the rows of cut-outs and mended masks whose photo is gone.

        A cut-out's photo counts as gone while its row is marked: `service.storage.expiry` calls this before it deletes
        such a row. The cost follows the number of marked photos, not that of cut-outs.
        """
        with self._engine.begin() as connection:
            _forget(connection, sa.true(), sa.true())

    @staticmethod
    def forget_photo(connection: sa.Connection, client_id: str, key: str, photos: Collection[str]) -> None:
        """Delete the rows of a photo that the transaction has marked as deleted, and of masks of these bytes."""
        mended = sa.and_(mended_masks.c.client_id == client_id, mended_masks.c.photo_sha256.in_(photos))
        _forget(connection, stored_objects.c.key == key, mended)

    def mark_unnamed(self, *, older_than: float, limit: int) -> int:
        """Mark as expired the masks that nothing names, registered so many seconds ago or earlier; return how many.

        `older_than`: seconds after which whoever stores one has written what names it, or died. `limit`: how many one
        transaction marks.
        """
        names = sa.union_all(*(sa.select(column.label("name")) for column in NAMED)).subquery()
        # Values, not parameters: an index of some rows serves a query only where that repeats the index's condition.
        unnamed = sa.select(stored_objects.c.key).where(
            stored_objects.c.bucket == sa.literal("masks", literal_execute=True),
            stored_objects.c.doomed_at.is_(None),
            unused(older_than),
            ~sa.exists().where(names.c.name == stored_objects.c.key),
        )
        with self._reader.connect() as connection:
            # Every named mask is read to find those: once for thousands, not once for each transaction.
            keys = list(connection.execute(unnamed.limit(_FOUND_AT_ONCE)).scalars())
        marked = 0
        for start in range(0, len(keys), limit):
            these = stored_objects.c.key.in_(keys[start : start + limit])
            with self._engine.begin() as connection:
                marked += mark_expired(connection, "masks", unused(older_than), these, limit=limit)
        return marked


def _forget(connection: sa.Connection, photos: sa.ColumnElement[bool], masks: sa.ColumnElement[bool]) -> None:
    """Delete rows whose photo is gone: cut-outs of these photos, and these masks. Rows that others hold stay theirs."""
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
