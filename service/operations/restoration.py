"""Checks of a restored installation before its release (`service.database.quarantine`)."""

from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from service.database.encryption import SecretState, open_cipher, secret_states
from service.database.engine import reader
from service.database.quarantine import Quarantine
from service.database.tables import UNFINISHED, deliveries, jobs, renders, request_logs
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import Bucket, ObjectError, ObjectNotFound

#: Number of the newest renders to look up. A backup of the buckets misses the newest first.
_SAMPLE = 100


@dataclass(frozen=True)
class Restoration:
    """The result: `facts`, a line each, and problems in `wrong` that are better fixed before the release."""

    facts: tuple[str, ...]
    wrong: tuple[str, ...]


def look_at_restored(engine: sa.Engine, settings: Settings, quarantine: Quarantine) -> Restoration:
    """Find the work that a release would start, and check bytes and secrets. Changes nothing, in limited time.

    `backdrop ledger check --objects` checks every row and every picture. Raises SQLAlchemyError.
    """
    unfinished = sa.select(sa.func.count()).select_from(jobs).where(UNFINISHED)
    messages = sa.select(sa.func.count(), sa.func.count(deliveries.c.client_id.distinct()))
    newest = sa.select(renders.c.key, renders.c.bytes).where(renders.c.deleted_at.is_(None))
    with reader(engine).connect() as connection:
        # Ids sort by time.
        logged = sa.select(request_logs.c.created_at).order_by(request_logs.c.request_id.desc()).limit(1)
        last = connection.execute(logged).scalar()
        going = connection.execute(unfinished).scalar_one()
        waiting, clients = connection.execute(messages.where(sa.text("state = 'waiting'"))).one()
        sample = connection.execute(newest.order_by(renders.c.public_id.desc()).limit(_SAMPLE)).all()
    facts = [
        quarantine.reason() or "The installation is not in quarantine.",
        f"The newest request is from {last:%Y-%m-%d %H:%M:%S} UTC. Later requests are lost."
        if last
        else "No requests.",
        f"{going} unfinished jobs will continue.",
        f"{waiting} webhook messages will go out, to {clients} clients.",
    ]
    wrong = []
    try:
        sources, store = open_buckets(settings)
        sources.check()
        if missing := sum(not _is_there(store, row.key, row.bytes) for row in sample):
            wrong.append(f"{missing} of the newest {len(sample)} renders have no bytes. Restore the buckets.")
        else:
            facts.append(f"The newest {len(sample)} renders have their bytes.")
    except ObjectError as error:
        wrong.append(f"The store does not answer: {error}")
    states = sum(secret_states(engine, open_cipher(settings)).values(), Counter[SecretState]())
    if unreadable := states[SecretState.UNREADABLE]:
        wrong.append(f"{unreadable} secrets can't be read. Set BACKDROP_ENCRYPTION_KEYS to the keys of the backup.")
    return Restoration(tuple(facts), tuple(wrong))


def _is_there(store: Bucket, key: str, size: int) -> bool:
    try:
        return store.size(key) == size
    except ObjectNotFound:
        return False
