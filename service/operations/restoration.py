"""What an operator is shown of a restored installation before it is released (`service.database.quarantine`)."""

from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from service.database.encryption import open_cipher
from service.database.engine import reader
from service.database.quarantine import Quarantine
from service.database.reencryption import SecretState, secret_states
from service.database.tables import UNFINISHED, deliveries, jobs, renders, request_logs
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import Bucket, ObjectError, ObjectNotFound

#: Renders whose bytes are looked for, the newest ones: those that a backup of the buckets misses first.
_SAMPLE = 100


@dataclass(frozen=True)
class Restoration:
    """What was found: `facts`, a line each, and what is `wrong` and better mended before the release."""

    facts: tuple[str, ...]
    wrong: tuple[str, ...]


def look_at_restored(engine: sa.Engine, settings: Settings, quarantine: Quarantine) -> Restoration:
    """Look what a release would set going, and whether bytes and secrets are there. Changes nothing, in bounded time.

    `backdrop ledger check --objects` reads every row and every picture. Raises SQLAlchemyError.
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
        quarantine.reason() or "The installation is in no quarantine.",
        f"The newest request is of {last:%Y-%m-%d %H:%M:%S} UTC: what came later is lost." if last else "No requests.",
        f"{going} unfinished jobs go on.",
        f"{waiting} webhook messages go out, to {clients} clients.",
    ]
    wrong = []
    try:
        sources, store = open_buckets(settings)
        sources.check()
        if missing := sum(not _is_there(store, row.key, row.bytes) for row in sample):
            wrong.append(f"{missing} of the newest {len(sample)} renders have no bytes: restore the buckets.")
        else:
            facts.append(f"The bytes of the newest {len(sample)} renders are there.")
    except ObjectError as error:
        wrong.append(f"The store does not answer: {error}")
    states = sum(secret_states(engine, open_cipher(settings)).values(), Counter[SecretState]())
    if unreadable := states[SecretState.UNREADABLE]:
        wrong.append(f"{unreadable} secrets can't be read: set BACKDROP_ENCRYPTION_KEYS to the keys of the backup.")
    return Restoration(tuple(facts), tuple(wrong))


def _is_there(store: Bucket, key: str, size: int) -> bool:
    try:
        return store.size(key) == size
    except ObjectNotFound:
        return False
