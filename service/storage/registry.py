"""The registry of objects in the object store, in the database.

A row is written before its object and deleted after it, so that no crash leaves an object without a row. An object is
first marked as expired or deleted (`doomed_at`). After that no new job may use it, and `service.storage.expiry` deletes
it. Times are the database's.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from service.database.clock import ago, db_now
from service.database.engine import insert
from service.database.tables import UNFINISHED, brands, extra_sources, jobs, renders, stored_objects

#: Kinds of objects. The bucket of renders also contains cut-outs, pinned backgrounds ("scenes"), and masks with their
#: previews, each under its own prefix.
BucketName = Literal["sources", "renders", "cutouts", "scenes", "masks"]
#: Kinds that can be made again.
CACHED: tuple[BucketName, ...] = ("cutouts", "scenes")


class SourceNotFound(LookupError):
    """Raised when a source does not exist or belongs to another client. The caller can't tell which."""


class SourceExpired(SourceNotFound):
    """Raised if a photo has expired, even if its bytes are still there."""


class JobOver(LookupError):
    """Raised if a finished job tries to keep something for later jobs. Its client may have deleted the photo."""


@dataclass(frozen=True)
class ExpiredObject:
    """An object that is marked as expired or deleted, and is to be deleted."""

    bucket: BucketName
    key: str


def use_source(connection: sa.Connection, client_id: str, key: str, *, known: bool = True) -> None:
    """Mark a photo as used, in a submit's own transaction. Raises SourceExpired, also if the photo is gone.

    `known`: its row existed before the search for its bytes. A photo without a row came into the bucket another way,
    and gets a row now. The row stays locked until the transaction ends.
    """
    photo = sa.and_(stored_objects.c.bucket == "sources", stored_objects.c.key == key)
    used: Any = stored_objects.update().where(photo, stored_objects.c.doomed_at.is_(None)).values(used_at=db_now())
    if not known:
        row = {"bucket": "sources", "key": key, "client_id": client_id}
        used = _upsert(connection, row, {"used_at": db_now()}, stored_objects.c.doomed_at.is_(None))
    if connection.execute(used.returning(stored_objects.c.key)).first() is None:
        raise SourceExpired(key)


def registered(connection: sa.Connection, keys: Collection[str]) -> dict[str, bool]:
    """Return the sources that have a row, each with whether it may be used: it is neither expired nor deleted."""
    row = stored_objects.c
    query = sa.select(row.key, row.doomed_at.is_(None)).where(row.bucket == "sources", row.key.in_(keys))
    return {key: bool(usable) for key, usable in connection.execute(query)}


class ObjectRegistry:
    """The registry in one database. Lives as long as the process. Thread-safe."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def register(self, bucket: BucketName, key: str, *, client_id: str, job_id: str | None = None) -> None:
        """Register an object before it is stored, for the first time or again."""
        row = {"bucket": bucket, "key": key, "client_id": client_id, "job_id": job_id}
        # Again with the job, so that the database refuses a job that was deleted meanwhile.
        again = {"used_at": db_now(), "doomed_at": None, "job_id": job_id}
        with self._engine.begin() as connection:
            connection.execute(_upsert(connection, row, again))

    def register_cached(self, bucket: BucketName, key: str, *, client_id: str, job_id: str) -> None:
        """Register an object that a job keeps for later jobs, before it is stored. Raises JobOver."""
        photo = sa.select(stored_objects.c.key).join(jobs, jobs.c.source_key == stored_objects.c.key)
        kept = photo.where(stored_objects.c.bucket == "sources", stored_objects.c.doomed_at.is_(None))
        unfinished = sa.select(jobs.c.id).where(jobs.c.id == job_id, UNFINISHED)
        row = {"bucket": bucket, "key": key, "client_id": client_id}
        with self._engine.begin() as connection:
            # Locked until the row is written. A deletion of the photo or an end of the job then finds the row and
            # deletes the object.
            for needed in (
                kept.where(jobs.c.id == job_id).with_for_update(read=True, of=stored_objects),
                unfinished.with_for_update(read=True),
            ):
                if connection.execute(needed).first() is None:
                    raise JobOver(job_id)
            connection.execute(_upsert(connection, row, {"used_at": db_now(), "doomed_at": None}))

    def sized(self, key: str, size: int) -> None:
        """Note the size in bytes of a photo that was stored. It counts for its client's quota."""
        photo = sa.and_(stored_objects.c.bucket == "sources", stored_objects.c.key == key)
        with self._engine.begin() as connection:
            connection.execute(stored_objects.update().where(photo).values(bytes=size))

    def stored_bytes(self, client_id: str | None = None) -> dict[str, int]:
        """Return the bytes of photos, by the id of their client: of one client, or of all."""
        row = stored_objects.c
        photos = sa.and_(row.bucket == sa.literal_column("'sources'"), row.doomed_at.is_(None))  # as its index has it
        own = sa.true() if client_id is None else row.client_id == client_id
        total = sa.select(row.client_id, sa.func.sum(row.bytes)).where(photos, own).group_by(row.client_id)
        with self._engine.connect() as connection:
            return {client_id: int(size or 0) for client_id, size in connection.execute(total)}

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction, for the deletion of a photo."""
        return self._engine.begin()

    @staticmethod
    def mark_deleted_photo(connection: sa.Connection, key: str, *, client_id: str, writable: float) -> str | None:
        """Mark a photo as deleted and return the digest of its bytes, if a worker has read them.

        `writable`: seconds for which its upload URL may still work.
        """
        row = {"bucket": "sources", "key": key, "client_id": client_id, "doomed_at": db_now(writable)}
        marked = _upsert(connection, row, {"doomed_at": db_now(writable)}).returning(stored_objects.c.photo_sha256)
        digest: str | None = connection.execute(marked).scalar_one()
        return digest

    @staticmethod
    def mark_deleted_cutouts(
        connection: sa.Connection, client_id: str, photos: Collection[str], *, writable: float
    ) -> list[str]:
        """Mark the kept objects of a client's photos as deleted, and return their keys.

        `photos`: SHA-256 of their files, in hexadecimal digits. `writable`: seconds for which an attempt may store.
        """
        of_photo = (
            stored_objects.c.key.startswith(photo_prefix("cutouts", client_id, photo), autoescape=True)
            for photo in photos
        )
        query = sa.select(stored_objects.c.key).where(
            stored_objects.c.bucket == "cutouts", sa.or_(sa.false(), *of_photo)
        )
        keys = list(connection.execute(query.order_by(stored_objects.c.key).with_for_update()).scalars())
        these = sa.and_(stored_objects.c.bucket == "cutouts", stored_objects.c.key.in_(keys))
        connection.execute(stored_objects.update().where(these).values(doomed_at=db_now(writable)))
        return keys

    def mark_deleted_render(self, public_id: str, *, client_id: str) -> str | None:
        """Mark a client's render as deleted, empty its row, and return its picture's key. A repeat returns the same.

        None if the client has no render with that id.
        """
        own = sa.and_(renders.c.public_id == public_id, renders.c.client_id == client_id)
        with self._engine.begin() as connection:
            found = sa.select(renders.c.key, renders.c.deleted_at).where(own)
            row = connection.execute(found.with_for_update()).first()
            if row is None:
                return None
            if row.deleted_at is None:
                emptied = renders.update().where(own, renders.c.deleted_at.is_(None))
                connection.execute(emptied.values(deleted_at=db_now(), report={}, warnings=[], looks_right=None))
                registered = {"bucket": "renders", "key": row.key, "client_id": client_id, "doomed_at": db_now()}
                connection.execute(_upsert(connection, registered, {"doomed_at": db_now()}))
            return str(row.key)

    def mark_expired_sources(self, *, older_than: float, limit: int) -> int:
        """Mark photos as expired that no job used for `older_than` seconds and no unfinished job or brand needs."""
        key = stored_objects.c.key
        # Two conditions, not `needs`: for their disjunction SQLite would read all unfinished jobs for each photo.
        photo = sa.exists().where(UNFINISHED, jobs.c.source_key == key)
        further = sa.exists().where(UNFINISHED, jobs.c.id == extra_sources.c.job_id, extra_sources.c.key == key)
        # a template of layers names its logos
        named = sa.cast(brands.c.options, sa.Text).contains(key, autoescape=False)
        kept = sa.exists().where(brands.c.client_id == stored_objects.c.client_id, named)
        with self._engine.begin() as connection:
            return mark_expired(connection, "sources", unused(older_than), ~photo, ~further, ~kept, limit=limit)

    def mark_expired_cached(self, bucket: BucketName, *, older_than: float, limit: int) -> int:
        """Mark objects as expired that can be made again and that no job used for `older_than` seconds."""
        with self._engine.begin() as connection:
            return mark_expired(connection, bucket, unused(older_than), limit=limit)

    def mark_expired_renders(self, *, older_than: float, limit: int, previews: bool = False) -> int:
        """Mark renders older than `older_than` seconds as expired, and delete their rows. Their jobs stay.

        `previews`: only those of jobs for previews. That of a refused picture lives as long as a picture.
        """
        columns = (renders.c.public_id, renders.c.key, renders.c.client_id, renders.c.deleted_at)
        query = sa.select(*columns).order_by(renders.c.created_at)
        if previews:
            query = query.where(renders.c.preview, sa.exists().where(jobs.c.id == renders.c.job_id, jobs.c.preview))
        query = query.where(renders.c.created_at <= ago(older_than)).limit(limit).with_for_update(skip_locked=True)
        with self._engine.begin() as connection:
            old = connection.execute(query).all()
            for row in sorted((one for one in old if one.deleted_at is None), key=lambda one: str(one.key)):
                registered = {"bucket": "renders", "key": row.key, "client_id": row.client_id, "doomed_at": db_now()}
                connection.execute(_upsert(connection, registered, {"doomed_at": db_now()}))
            connection.execute(renders.delete().where(renders.c.public_id.in_([row.public_id for row in old])))
            return len(old)

    def mark_expired_abandoned(self, *, older_than: float, limit: int) -> int:
        """Mark pictures as expired whose attempts died before they finished, once their job has ended.

        `older_than`: seconds after which an attempt can't be storing any more. Returns the number of pictures of
        finished jobs that it checked. It checks pictures of renders only once.
        """
        finished = (
            sa.select(stored_objects.c.key, renders.c.public_id)
            .join(jobs, jobs.c.id == stored_objects.c.job_id)
            .join(
                renders,
                sa.and_(renders.c.job_id == stored_objects.c.job_id, renders.c.key == stored_objects.c.key),
                isouter=True,
            )
            .where(unused(older_than), ~UNFINISHED)
            .limit(limit)
            .with_for_update(of=stored_objects, skip_locked=True)
        )
        with self._engine.begin() as connection:
            found = connection.execute(finished).all()
            kept = [row.key for row in found if row.public_id is not None]
            left = [row.key for row in found if row.public_id is None]
            for keys, values in ((kept, {"job_id": None}), (left, {"job_id": None, "doomed_at": db_now()})):
                pictures = stored_objects.update().where(stored_objects.c.bucket == "renders")
                connection.execute(pictures.where(stored_objects.c.key.in_(keys)).values(**values))
            return len(found)

    def expired(self, *, since: float, limit: int) -> list[ExpiredObject]:
        """Return objects that were marked as expired at least `since` seconds ago, oldest mark first."""
        query = (
            sa.select(stored_objects.c.bucket, stored_objects.c.key)
            .where(stored_objects.c.doomed_at <= ago(since))
            .order_by(stored_objects.c.doomed_at)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [ExpiredObject(row.bucket, row.key) for row in connection.execute(query)]

    def delete_row(self, gone: ExpiredObject) -> None:
        """Delete the row of a deleted object. Keep the row if the object was registered again."""
        with self._engine.begin() as connection:
            connection.execute(stored_objects.delete().where(_is(gone), stored_objects.c.doomed_at.is_not(None)))

    def retry_later(self, kept: ExpiredObject) -> None:
        """Move an object that could not be deleted behind all others."""
        with self._engine.begin() as connection:
            still = stored_objects.c.doomed_at.is_not(None)
            connection.execute(stored_objects.update().where(_is(kept), still).values(doomed_at=db_now()))


def mark_expired(connection: sa.Connection, bucket: BucketName, *which: sa.ColumnElement[bool], limit: int) -> int:
    """Mark at most `limit` matching objects of a bucket as expired, and return their number.

    Skips objects that another transaction has locked, because a sweep never waits. An object that a submit used
    meanwhile is checked again. A submit that comes later waits for the caller's transaction.
    """
    fits = sa.select(stored_objects.c.key).where(
        stored_objects.c.bucket == bucket, stored_objects.c.doomed_at.is_(None), *which
    )
    locked = fits.limit(limit).with_for_update(of=stored_objects, skip_locked=True)
    keys = list(connection.execute(locked).scalars())
    if keys:
        these = sa.and_(stored_objects.c.bucket == bucket, stored_objects.c.key.in_(keys))
        connection.execute(stored_objects.update().where(these).values(doomed_at=db_now()))
    return len(keys)


def needs(key: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a job is unfinished and needs the source `key`: its photo, or a file of its order."""
    further = sa.select(extra_sources.c.job_id).where(extra_sources.c.key == key)
    return sa.and_(UNFINISHED, sa.or_(jobs.c.source_key == key, jobs.c.id.in_(further)))


def unused(older_than: float) -> sa.ColumnElement[bool]:
    """Return the condition that an object was registered, and last submitted, at least `older_than` seconds ago."""
    return stored_objects.c.used_at <= ago(older_than)


def photo_prefix(kind: str, client_id: str, photo: str) -> str:
    """Return the prefix of the keys of all objects that were made from one photo for one client.

    `photo`: SHA-256 of its file, in hexadecimal digits.
    """
    return f"{kind}/{client_id}/{photo}/"


def _is(stored: ExpiredObject) -> sa.ColumnElement[bool]:
    return sa.and_(stored_objects.c.bucket == stored.bucket, stored_objects.c.key == stored.key)


def _upsert(
    connection: sa.Connection,
    row: Mapping[str, Any],
    again: Mapping[str, Any],
    where: sa.ColumnElement[bool] | None = None,
) -> Any:
    """Return a statement that inserts a row, or sets `again` on an existing row that fits `where`."""
    new = insert(connection, stored_objects).values(**row)
    return new.on_conflict_do_update(index_elements=["bucket", "key"], set_=dict(again), where=where)
