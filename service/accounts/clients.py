"""Clients, their keys and their credits. Only a job's own debit and refund are elsewhere, in the ledger."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from ulid import ULID

from service.accounts.keys import hash_of, new_key
from service.accounts.ledger import grant
from service.database.clock import db_now
from service.database.commit import CommitUnanswered, in_transaction, was_written
from service.database.encryption import SecretCipher
from service.database.engine import reader
from service.database.paging import EVERYTHING, Filters
from service.database.tables import UNFINISHED, api_keys, clients, jobs, ledger

#: Built once: each request runs it, and SQLAlchemy would take longer to compile it again than to run it.
_BY_KEY = (
    sa.select(clients)
    .join(api_keys, api_keys.c.client_id == clients.c.id)
    .where(
        api_keys.c.sha256 == sa.bindparam("sha256"),
        clients.c.disabled_at.is_(None),
        sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > db_now()),
    )
)


_NO_CREDITS = "Client {!r} is a sandbox, which pays nothing (received {} credits). Give credits to a live client."


class UnknownClient(LookupError):
    """Raised when no client has the given name."""


class UnknownEntry(LookupError):
    """Raised when the client has no ledger entry with the given id."""


class ClientExists(ValueError):
    """Raised when a client with this name exists already."""


@dataclass(frozen=True)
class Client:
    """A client of the API."""

    id: str
    name: str
    balance: int
    #: The stored secrets that verify signatures (`Accounts.shopify_secrets`); during a rotation there are two.
    stored_secrets: tuple[str, ...]
    #: Whether the client must sign requests that change something.
    signature_required: bool
    created_at: datetime
    disabled_at: datetime | None
    #: Its share of the workers, relative to a client of weight 1.
    weight: int
    #: Folder of its own catalogue; None: the shared one (`service.catalogue.catalogue`).
    catalogue: str | None
    #: Whether it is for tests: nothing is charged, and its pictures have a visible watermark. Never changes.
    sandbox: bool = False
    #: Limits for its orders that give none (`pipeline.delivery.acceptance`); None: no limits.
    accept: str | None = None


@dataclass(frozen=True)
class Entry:
    """An entry of the ledger; `amount` is signed."""

    id: str
    kind: str
    amount: int
    job_id: str | None
    created_at: datetime


def _client(row: sa.RowMapping) -> Client:
    live = (row["shopify_secret"], row["shopify_secret_previous"])
    return Client(
        id=row["id"],
        name=row["name"],
        balance=row["balance"],
        stored_secrets=tuple(secret for secret in live if secret),
        signature_required=row["signature_required"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        weight=row["weight"],
        catalogue=row["catalogue"],
        sandbox=row["sandbox"],
        accept=row["accept"],
    )


class Accounts:
    """The clients in the database. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine, cipher: SecretCipher | None = None) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._cipher = cipher or SecretCipher()

    def add(self, name: str, *, credits: int, sandbox: bool = False) -> tuple[Client, str]:
        """Register a client and return it with its key, which is only stored as a hash and can't be shown again.

        Raises ClientExists, and ValueError for an empty name, negative credits, or credits of a sandbox.
        """
        if not name.strip() or len(name) > 120:
            raise ValueError(f"A client's name has 1 to 120 characters (received {len(name)}). Choose another name.")
        if credits < 0:
            raise ValueError(f"Credits must be 0 or more (received {credits}).")
        if sandbox and credits:
            raise ValueError(_NO_CREDITS.format(name, credits))
        client_id, key = str(ULID()), new_key(sandbox=sandbox)
        try:
            with self._engine.begin() as connection:
                connection.execute(clients.insert().values(id=client_id, name=name, balance=0, sandbox=sandbox))
                connection.execute(api_keys.insert().values(sha256=hash_of(key), client_id=client_id))
                if credits:
                    grant(connection, client_id, credits)
        except sa.exc.IntegrityError as error:
            raise ClientExists(f"A client named {name!r} exists already. Choose another name.") from error
        return self.named(name), key

    def grant(self, name: str, credits: int, operation_id: str | None = None) -> Client:
        """Add credits to a client, once for each `operation_id`.

        Raises UnknownClient; ValueError unless credits > 0, for a sandbox, or if the id was used for other credits;
        OutcomeUnknown if the credits may have been granted. Then repeat it with the same id.
        """
        if credits <= 0:
            raise ValueError(f"A grant must be 1 credit or more (received {credits}).")
        client = self.named(name)
        if client.sandbox:
            raise ValueError(_NO_CREDITS.format(name, credits))
        operation_id = operation_id or str(ULID())
        own = sa.and_(ledger.c.client_id == client.id, ledger.c.operation_id == operation_id)
        try:
            with in_transaction(self._engine) as connection:
                before = connection.execute(sa.select(ledger.c.amount).where(own)).scalar()
                if before is None:
                    grant(connection, client.id, credits, operation_id)
        except CommitUnanswered as unanswered:
            entry = ledger.insert().values(id=str(ULID()), client_id=client.id, kind="grant", amount=credits)
            if not was_written(self._engine, entry.values(operation_id=operation_id)):
                raise unanswered.__cause__ or unanswered from None
        except sa.exc.IntegrityError:  # the same grant came twice at once
            return self.grant(name, credits, operation_id)
        if before not in (None, credits):
            raise ValueError(
                f"{operation_id!r} granted {before} credits before (received {credits}). Choose another operation id."
            )
        return self.named(name)

    def named(self, name: str) -> Client:
        """Return the client with this name. Raises UnknownClient."""
        with self._reader.connect() as connection:
            row = connection.execute(sa.select(clients).where(clients.c.name == name)).mappings().first()
        if row is None:
            raise UnknownClient(f"There is no client named {name!r}. `backdrop clients list` shows all clients.")
        return _client(row)

    def all(self) -> list[Client]:
        """Return all clients, sorted by name."""
        with self._reader.connect() as connection:
            rows = connection.execute(sa.select(clients).order_by(clients.c.name)).mappings()
            return [_client(row) for row in rows]

    def unfinished_jobs(self) -> dict[str, int]:
        """Return the number of unfinished jobs by client id, without clients that have none."""
        counted = sa.select(jobs.c.client_id, sa.func.count().label("unfinished"))
        query = counted.where(UNFINISHED).group_by(jobs.c.client_id)
        with self._reader.connect() as connection:
            return {row.client_id: row.unfinished for row in connection.execute(query)}

    def rotate_key(self, name: str, *, keep_old: float = 0.0) -> tuple[Client, str]:
        """Give a client a new key and return it, only this once. Older keys expire within `keep_old` seconds.

        Raises UnknownClient.
        """
        with self._engine.begin() as connection:
            # Locks the client's row: of two rotations at once, the second one's key lasts.
            found = connection.execute(
                sa.select(clients.c.id, clients.c.sandbox).where(clients.c.name == name).with_for_update(key_share=True)
            ).first()
            if found is None:
                raise UnknownClient(f"There is no client named {name!r}. `backdrop clients list` shows all clients.")
            client_id, key = found.id, new_key(sandbox=found.sandbox)
            ends = db_now(keep_old)
            lasts_longer = sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > ends)
            connection.execute(
                api_keys.update().where(api_keys.c.client_id == client_id, lasts_longer).values(expires_at=ends)
            )
            connection.execute(api_keys.insert().values(sha256=hash_of(key), client_id=client_id))
        return self.named(name), key

    def disable(self, name: str) -> Client:
        """Refuse the client's keys until `enable`. Raises UnknownClient."""
        return self._change(name, disabled_at=db_now())

    def enable(self, name: str) -> Client:
        """Accept the client's keys again. Raises UnknownClient."""
        return self._change(name, disabled_at=None)

    def set_shopify_secret(self, name: str, secret: str) -> Client:
        """Set the client's secret. The previous secret stays valid until the next rotation.

        Raises UnknownClient, and ValueError for a secret of the wrong length.
        """
        if not 1 <= len(secret) <= 255:
            raise ValueError(f"A Shopify secret has 1 to 255 characters (received {len(secret)}).")
        stored = self._cipher.encrypt(secret)
        return self._change(name, shopify_secret_previous=clients.c.shopify_secret, shopify_secret=stored)

    def require_signature(self, name: str, required: bool) -> Client:
        """Require or stop requiring signatures of the client's changes.

        Raises UnknownClient, and ValueError if the client has no secret.
        """
        if required and not self.named(name).stored_secrets:
            raise ValueError(f"{name!r} has no secret to sign with. Set one first.")
        return self._change(name, signature_required=required)

    def set_catalogue(self, name: str, folder: str | None) -> Client:
        """Give the client the catalogue of this folder; None: the shared one. Raises UnknownClient."""
        return self._change(name, catalogue=folder)

    def set_accept(self, name: str, accept: str | None) -> Client:
        """Set the limits for the client's orders that give none; None: no limits. Raises UnknownClient."""
        return self._change(name, accept=accept)

    def shopify_secrets(self, client: Client) -> tuple[str, ...]:
        """Return the decrypted secrets that verify the client's signatures. Raises SecretUnreadable."""
        return tuple(self._cipher.decrypt(stored) for stored in client.stored_secrets)

    def _change(self, name: str, **values: object) -> Client:
        self.named(name)
        with self._engine.begin() as connection:
            connection.execute(clients.update().where(clients.c.name == name).values(**values))
        return self.named(name)

    def authenticate(self, key: str) -> Client | None:
        """Return the client of a key; None for an unknown or expired key, or a disabled client."""
        with self._reader.connect() as connection:
            row = connection.execute(_BY_KEY, {"sha256": hash_of(key)}).mappings().first()
        return None if row is None else _client(row)

    def credits(
        self, client_id: str, *, limit: int, cursor: str | None = None, filters: Filters = EVERYTHING
    ) -> tuple[int, list[Entry], str | None]:
        """Return the balance, a page of ledger entries, newest first, and the cursor of the next page.

        A cursor is the id of a page's last entry; None means the first page, or no more pages. Entries are never
        deleted and new ones come first, so a page never changes. The filters' times apply. Raises UnknownEntry for a
        cursor that is unknown or outside of these times.
        """
        times = filters.created(ledger.c.id, ledger.c.created_at)
        own = sa.and_(ledger.c.client_id == client_id, *(condition(*values) for condition, values in times))
        query = sa.select(ledger).where(own).order_by(ledger.c.created_at.desc(), ledger.c.id.desc()).limit(limit + 1)
        with self._reader.connect() as connection:
            if cursor is not None:
                place = connection.execute(sa.select(ledger.c.created_at).where(own, ledger.c.id == cursor)).scalar()
                if place is None:
                    raise UnknownEntry(cursor)
                same = sa.and_(ledger.c.created_at == place, ledger.c.id < cursor)
                query = query.where(sa.or_(ledger.c.created_at < place, same))
            balance = connection.execute(sa.select(clients.c.balance).where(clients.c.id == client_id)).scalar_one()
            rows = connection.execute(query).mappings().all()
        entries = [Entry(*(row[name] for name in Entry.__dataclass_fields__)) for row in rows[:limit]]
        return balance, entries, entries[-1].id if len(rows) > limit else None
