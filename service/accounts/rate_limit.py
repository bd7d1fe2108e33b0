"""The limits on submits: their rate, and refused pictures, which miss their order's limits (`accept`) and are free.

The rate is counted on the queue server, for all API processes together. Refused pictures are a leaky bucket: each
picture that was made for a refused order counts for a window's quota-th part, one after the other. A picture that was
delivered under limits, and paid for, takes one back. Pictures of large orders count like others.
"""

import logging
import math
import time
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from service.database.clock import db_now
from service.database.tables import clients

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Quota:
    """A client's quota after a submit was counted: `limit` submits in `window` seconds.

    `window` and `reset` are seconds, 1 or more.
    """

    allowed: bool
    limit: int
    window: int
    remaining: int
    #: Seconds until the whole quota is available again.
    reset: int
    #: What it counts: "submits", "previews" or "refused" pictures.
    policy: str = "submits"

    def fields(self) -> dict[str, str]:
        """Return the header fields of draft-ietf-httpapi-ratelimit-headers-11."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={self.window}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset}',
        }


class RateLimited(Exception):
    """Raised when a client sent more submits than its quota. Nothing was charged."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota


class RateLimit:
    """The limit on submits: `quota` in `window` seconds, or no limit if the quota is 0. Thread-safe.

    The window is fixed and starts with a client's first submit, so it needs only the server's clock and has an exact
    end. Around that end a client can send two quotas; the limit on unfinished jobs still applies.
    """

    def __init__(self, url: str, *, quota: int, window: int, policy: str = "submits") -> None:
        self.quota, self.window, self._policy = quota, window, policy
        # The key contains quota and window, so that changed settings start a new count.
        self._item = RateLimitItemPerSecond(quota, window)
        # One try of one second, because the submit waits for it.
        pool = ConnectionPool.from_url(
            url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), retries=0)
        )
        self._counts = RedisStorage(url, connection_pool=pool, key_prefix="backdrop:rate")

    def count(self, client_id: str) -> Quota | None:
        """Count a submit of a client. Returns None without a limit, or if the queue server is unavailable.

        In that case the submit passes: the API accepts jobs without a queue, too, and the limit on unfinished jobs in
        the database still applies.
        """
        if not self.quota:
            return None
        key = self._item.key_for(client_id, *(() if self._policy == "submits" else (self._policy,)))
        try:
            # As limits' FixedWindowRateLimiter, but with the count in the same answer, so that there is no race.
            counted = self._counts.incr(key, self.window)
            ends_at = self._counts.get_expiry(key)
        except RedisError as error:
            logger.warning("submit of client %s not counted, queue server unavailable: %s", client_id, error)
            return None
        # The server rounds the remaining time to whole seconds; one second more is surely enough.
        left = round(ends_at - time.time()) + 1
        return Quota(
            allowed=counted <= self.quota,
            limit=self.quota,
            window=self.window,
            remaining=max(0, self.quota - counted),
            reset=max(1, min(left, self.window)),
            policy=self._policy,
        )


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
