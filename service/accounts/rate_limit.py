"""The rate limit on submits, counted on the queue server and so by all API processes together."""

import logging
import time
from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

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
    #: After so many seconds the whole quota is there again.
    reset: int
    #: What is counted: "submits" or "previews".
    policy: str = "submits"

    def fields(self) -> dict[str, str]:
        """Return the header fields of draft-ietf-httpapi-ratelimit-headers-11."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={self.window}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset}',
        }


class RateLimit:
    """The limit on submits: `quota` in `window` seconds; a quota of 0 is no limit. Safe in threads.

    A fixed window that starts with a client's first submit: it runs by the server's clock alone, and says exactly when
    it ends. Around that moment a client can send two quotas; the limit on unfinished jobs holds there too.
    """

    def __init__(self, url: str, *, quota: int, window: int, policy: str = "submits") -> None:
        self._quota, self._window, self._policy = quota, window, policy
        # Its key names quota and window: changed settings start counting anew.
        self._item = RateLimitItemPerSecond(quota, window)
        # One try, for a second: whoever submits waits for it.
        pool = ConnectionPool.from_url(
            url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), retries=0)
        )
        self._counts = RedisStorage(url, connection_pool=pool, key_prefix="backdrop:rate")

    def count(self, client_id: str) -> Quota | None:
        """Count one submit of a client. None: there is no limit, or the server that counts is away.

        Then the submit is let through: without a queue, too, a job is accepted and waits for the sweep, and the
        limit on unfinished jobs, which is the database's, still guards.
        """
        if not self._quota:
            return None
        key = self._item.key_for(client_id, *(() if self._policy == "submits" else (self._policy,)))
        try:
            # What limits' FixedWindowRateLimiter does, but the count comes back with it: no second look, no race.
            counted = self._counts.incr(key, self._window)
            ends_at = self._counts.get_expiry(key)
        except RedisError as error:
            logger.warning("submit of client %s not counted, queue server unavailable: %s", client_id, error)
            return None
        # The server rounds what is left of a window to whole seconds: one more, and it is surely over.
        left = round(ends_at - time.time()) + 1
        return Quota(
            allowed=counted <= self._quota,
            limit=self._quota,
            window=self._window,
            remaining=max(0, self._quota - counted),
            reset=max(1, min(left, self._window)),
            policy=self._policy,
        )
