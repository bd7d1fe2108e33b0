"""The registry of what lies in the object store, by the database's account.

A row is written before its object can exist and goes after it, so no crash leaves an object that nobody knows of. An
object is marked as expired or deleted first (`doomed_at`): from then on nothing new may need it, and
`service.storage.expiry` deletes it. Times are the database's.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from service.database.clock import ago, db_now
from service.database.engine import insert
from service.database.tables import UNFINISHED, jobs, renders, stored_objects

#: What is counted apart. Cut-outs, pinned backgrounds ("scenes"), and masks with their previews lie in the bucket of
#: renders, by their own names.
BucketName = Literal["sources", "renders", "cutouts", "scenes", "masks"]
#: Those that can be made again.
CACHED: tuple[BucketName, ...] = ("cutouts", "scenes")


class SourceExpired(LookupError):
    """Raised when a photo has expired, though its bytes may still be there."""


class JobOver(LookupError):
    """Raised when a job keeps something for later ones and is over: its client may have deleted the photo."""


@dataclass(frozen=True)
class ExpiredObject:
    """An object that is marked as expired or deleted, and must go."""

    bucket: BucketName
    key: str


def use_source(connection: sa.Connection, client_id: str, key: str, *, known: bool = True) -> None:
    """Note in a submit's own transaction that a photo is needed. Raises SourceExpired, where it is gone, too.

    `known`: its row was there before its bytes were looked for. One that was not came into the bucket another way, and
    is registered now. Its row is held until the transaction ends.
    """
    photo = sa.and_(stored_objects.c.bucket == "sources", stored_objects.c.key == key)
    used: Any = stored_objects.update().where(photo, stored_objects.c.doomed_at.is_(None)).values(used_at=db_now())
    if not known:
        row = {"bucket": "sources", "key": key, "client_id": client_id}
        used = _upsert(connection, row, {"used_at": db_now()}, stored_objects.c.doomed_at.is_(None))
    if connection.execute(used.returning(stored_objects.c.key)).first() is None:
        raise SourceExpired(key)


def check_source(connection: sa.Connection, key: str) -> None:
    """Look whether a photo may be needed, as `use_source` would, and note nothing. Raises SourceExpired."""
    expired = sa.select(stored_objects.c.key).where(
        stored_objects.c.bucket == "sources", stored_objects.c.key == key, stored_objects.c.doomed_at.is_not(None)
    )
    if connection.execute(expired).first() is not None:
        raise SourceExpired(key)


def knows_photo(connection: sa.Connection, key: str) -> bool:
    """Tell whether there is a row of that photo, be it marked as expired or deleted."""
    row = sa.select(stored_objects.c.key).where(stored_objects.c.bucket == "sources", stored_objects.c.key == key)
    return connection.execute(row).first() is not None


class ObjectRegistry:
    """The registry in one database. Lives as long as the process; safe in threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def register(self, bucket: BucketName, key: str, *, client_id: str, job_id: str | None = None) -> None:
        """Register an object that is about to be stored, for the first time or again."""
        row = {"bucket": bucket, "key": key, "client_id": client_id, "job_id": job_id}
        with self._engine.begin() as connection:
            connection.execute(_upsert(connection, row, {"used_at": db_now(), "doomed_at": None}))

    def register_cached(self, bucket: BucketName, key: str, *, client_id: str, job_id: str) -> None:
        """Register what a job is about to keep for later ones. Raises JobOver."""
        photo = sa.select(stored_objects.c.key).join(jobs, jobs.c.source_key == stored_objects.c.key)
        kept = photo.where(stored_objects.c.bucket == "sources", stored_objects.c.doomed_at.is_(None))
        unfinished = sa.select(jobs.c.id).where(jobs.c.id == job_id, UNFINISHED)
        row = {"bucket": bucket, "key": key, "client_id": client_id}
        with self._engine.begin() as connection:
            # Held until the row is written: whoever deletes the photo or ends the job sees it then, and deletes what is
            # to be deleted.
            for needed in (
                kept.where(jobs.c.id == job_id).with_for_update(read=True, of=stored_objects),
                unfinished.with_for_update(read=True),
            ):
                if connection.execute(needed).first() is None:
                    raise JobOver(job_id)
            connection.execute(_upsert(connection, row, {"used_at": db_now(), "doomed_at": None}))

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction: a photo is deleted in one."""
        return self._engine.begin()

    @staticmethod
    def mark_deleted_photo(connection: sa.Connection, key: str, *, client_id: str, writable: float) -> str | None:
        """Mark a photo as deleted and return the digest of its bytes, where a worker has read them.

        `writable`: seconds for which its upload's URL may be good still.
        """
        row = {"bucket": "sources", "key": key, "client_id": client_id, "doomed_at": db_now(writable)}
        marked = _upsert(connection, row, {"doomed_at": db_now(writable)}).returning(stored_objects.c.photo_sha256)
        digest: str | None = connection.execute(marked).scalar_one()
        return digest

    @staticmethod
    def mark_deleted_cutouts(
        connection: sa.Connection, client_id: str, photos: Collection[str], *, writable: float
    ) -> list[str]:
        """Mark as deleted what a client's swaps kept of some photos, and return the keys.

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
        """Mark a client's render as deleted, empty its row, and return its picture's key; again, the same.

        None when the client has no render of that id.
        """
        own = sa.and_(renders.c.public_id == public_id, renders.c.client_id == client_id)
        with self._engine.begin() as connection:
            found = sa.select(renders.c.key, renders.c.deleted_at).where(own)
            row = connection.execute(found.with_for_update()).first()
            if row is None:
                return None
            if row.deleted_at is None:
                emptied = renders.update().where(own, renders.c.deleted_at.is_(None))
                connection.execute(emptied.values(deleted_at=db_now(), report={}, warnings=[]))
                registered = {"bucket": "renders", "key": row.key, "client_id": client_id, "doomed_at": db_now()}
                connection.execute(_upsert(connection, registered, {"doomed_at": db_now()}))
            return str(row.key)

    def mark_expired_sources(self, *, older_than: float, limit: int) -> int:
        """Mark as expired the photos that no job has asked for in that many seconds and no unfinished job needs."""
        needed = sa.exists().where(jobs.c.source_key == stored_objects.c.key, UNFINISHED)
        with self._engine.begin() as connection:
            return mark_expired(connection, "sources", unused(older_than), ~needed, limit=limit)

    def mark_expired_cached(self, bucket: BucketName, *, older_than: float, limit: int) -> int:
        """Mark as expired what can be made again and no job has used in that many seconds."""
        with self._engine.begin() as connection:
            return mark_expired(connection, bucket, unused(older_than), limit=limit)

    def mark_expired_renders(self, *, older_than: float, limit: int, previews: bool = False) -> int:
        """Mark as expired the renders of that many seconds, and delete their rows; their jobs stay, with no render.

        `previews`: those alone.
        """
        columns = (renders.c.public_id, renders.c.key, renders.c.client_id, renders.c.deleted_at)
        query = sa.select(*columns).order_by(renders.c.created_at)
        if previews:
            query = query.where(renders.c.preview)
        query = query.where(renders.c.created_at <= ago(older_than)).limit(limit).with_for_update(skip_locked=True)
        with self._engine.begin() as connection:
            old = connection.execute(query).all()
            for row in sorted((one for one in old if one.deleted_at is None), key=lambda one: str(one.key)):
                registered = {"bucket": "renders", "key": row.key, "client_id": row.client_id, "doomed_at": db_now()}
                connection.execute(_upsert(connection, registered, {"doomed_at": db_now()}))
            connection.execute(renders.delete().where(renders.c.public_id.in_([row.public_id for row in old])))
            return len(old)

    def mark_expired_abandoned(self, *, older_than: float, limit: int) -> int:
        """Mark as expired the pictures of attempts that died between storing and finishing, once their job is over.

        `older_than`: seconds after which an attempt can't be storing any more. Returns how many pictures of finished
        jobs it looked at: those that a render names are not looked at again.
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
        """Return objects that were marked as expired that many seconds ago, the longest expired first."""
        query = (
            sa.select(stored_objects.c.bucket, stored_objects.c.key)
            .where(stored_objects.c.doomed_at <= ago(since))
            .order_by(stored_objects.c.doomed_at)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [ExpiredObject(row.bucket, row.key) for row in connection.execute(query)]

    def delete_row(self, gone: ExpiredObject) -> None:
        """Delete the row of an object that is deleted; what was registered again since may be there again."""
        with self._engine.begin() as connection:
            connection.execute(stored_objects.delete().where(_is(gone), stored_objects.c.doomed_at.is_not(None)))

    def retry_later(self, kept: ExpiredObject) -> None:
        """Put an object that could not be deleted behind all others."""
        with self._engine.begin() as connection:
            still = stored_objects.c.doomed_at.is_not(None)
            connection.execute(stored_objects.update().where(_is(kept), still).values(doomed_at=db_now()))


def mark_expired(connection: sa.Connection, bucket: BucketName, *which: sa.ColumnElement[bool], limit: int) -> int:
    """Mark as expired at most `limit` of a bucket's objects that fit; return how many.

    An object that another transaction holds is left to the next look: a sweep waits for no lock. One that a submit has
    used meanwhile is read again, and one that comes later waits for the caller's transaction.
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


def unused(older_than: float) -> sa.ColumnElement[bool]:
    """Return the condition that an object was registered, and last submitted, so many seconds ago or earlier."""
    return stored_objects.c.used_at <= ago(older_than)


def photo_prefix(kind: str, client_id: str, photo: str) -> str:
    """Return what the keys of all begin with that was made of one photo for one client.

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
    """Return the statement that inserts a row, or sets `again` on the one that is there, where it fits `where`."""
    new = insert(connection, stored_objects).values(**row)
    return new.on_conflict_do_update(index_elements=["bucket", "key"], set_=dict(again), where=where)
