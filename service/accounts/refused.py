"""The limit on refused pictures, which miss their order's limits (`accept`) and which nobody pays for.

A leaky bucket: each picture that was made for a refused order counts for a window's quota-th part, one after the other.
A picture that was delivered under limits, and paid for, takes one back. Pictures of large orders count like others.
"""

import math
from datetime import timedelta

import sqlalchemy as sa

from service.accounts.rate_limit import Quota, RateLimited
from service.database.clock import db_now
from service.database.tables import clients


def count_refused(connection: sa.Connection, client_id: str, seconds: float) -> None:
    """Add seconds for a client's refused pictures, or take some back, in the transaction that ends their job."""
    own = clients.c.id == client_id
    until, now = connection.execute(
        sa.select(clients.c.refused_until, db_now()).where(own).with_for_update(key_share=True)
    ).one()
    if seconds > 0 or (until and until > now):
        until = max(until or now, now) + timedelta(seconds=seconds)
        connection.execute(clients.update().where(own).values(refused_until=until))


def check_refused(engine: sa.Engine, client_id: str, *, quota: int, window: int) -> None:
    """Raise RateLimited if a client's refused pictures fill its `quota` in `window` seconds; 0: no limit."""
    with engine.connect() as connection:
        query = sa.select(clients.c.refused_until, db_now()).where(clients.c.id == client_id)
        until, now = connection.execute(query).one()
    if quota and until and (over := (until - now).total_seconds() + window / quota - window) > 0:
        raise RateLimited(Quota(False, quota, window, remaining=0, reset=math.ceil(over), policy="refused"))
