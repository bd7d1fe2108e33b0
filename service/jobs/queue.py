"""The job queue: it wakes workers, and the database is the truth. One kind of message crosses it: there is work.

Each kind of work has a queue and an actor of its own, so that a worker hears of what it takes alone. A message names
the job that it was sent for, and starts the one whose turn it is. Workers of the release before listen on the queue of
swaps. The API sends by name and imports no actor; the worker (`service.worker.main`) declares them.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis
from redis import Redis
from redis.exceptions import RedisError
from ulid import ULID

from service.jobs.records import Kind

logger = logging.getLogger(__name__)

#: The queue of each kind of work; its actor is named as the kind is.
QUEUES = {kind: f"{kind}s" for kind in Kind}


class QueueUnavailable(Exception):
    """Raised when the queue server does not answer. The job is safe in the database; the sweep sends it later."""


class _Broker(RedisBroker):
    """Dramatiq's broker, which puts aside what is no message of ours before it can stop a consumer or a worker.

    What can't be decoded would make a consumer start anew every three seconds; a message of another queue would end
    the thread that works; and either would be counted as waiting for ever. And a worker that listens on several queues
    fetches no more from all of them than it may from one.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
        self._consumers: dict[str, Any] = {}
        self._fetching = threading.Lock()

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Any:
        """Return a consumer of a queue, and note what it has in hand."""
        consumer = super().consume(queue_name, prefetch, timeout)
        self._consumers[queue_name] = consumer
        return consumer

    def do_fetch(self, queue_name: str, prefetch: int) -> list[bytes]:
        """Fetch messages, all of them ours, and with those of the other queues no more than a worker may have."""
        with self._fetching:
            others = (one for name, one in list(self._consumers.items()) if name != queue_name)
            room = prefetch - sum(one.outstanding_message_count for one in others)
            fetched = self._dispatch("fetch")(queue_name, room) if room > 0 else []  # type: ignore[no-untyped-call]  # dramatiq's own
        ours = [data for data in fetched if _is_ours(queue_name, data)]
        for data in fetched:
            if data is not None and not _is_ours(queue_name, data):
                self._put_aside(queue_name, data)
        return ours

    def _put_aside(self, queue_name: str, data: bytes) -> None:
        logger.error("no message of ours is put aside (dramatiq:%s.XQ): %.200r", queue_name, data)
        for redis_id, stored in self.client.hscan_iter(f"dramatiq:{queue_name}.msgs"):
            if stored == data:
                self._dispatch("nack")(queue_name, redis_id)  # type: ignore[no-untyped-call]  # dramatiq's own


def _is_ours(queue_name: str, data: bytes | None) -> bool:
    """Tell whether the bytes are a message as `JobQueue.enqueue` sends it to that queue."""
    try:
        message: dramatiq.Message[None] = dramatiq.Message.decode(data or b"")
    except dramatiq.DecodeError:
        return False
    if not isinstance(message.options, dict) or len(message.args) != 1:
        return False
    texts = (message.args[0], message.message_id, message.options.get("redis_message_id"))
    named = message.queue_name == queue_name and (message.actor_name, queue_name) in list(QUEUES.items())
    return named and message.kwargs == {} and all(isinstance(text, str) for text in texts)


def build_broker(client: Any) -> RedisBroker:
    """Return a broker on a redis client."""
    return _Broker(
        client=client,
        # A job whose worker died is found again at once, not by chance (the default draws 1 in 1000 polls).
        maintenance_chance=1_000_000,
        # Below a minute, a long C call that holds the GIL looks like a death.
        heartbeat_timeout=60_000,
        # None: attempts are counted in the jobs table, and time limits are checked between steps.
        middleware=[],
    )


def worker_client(url: str) -> Any:
    """Return a redis client for a worker. No socket timeout: an acknowledgement that timed out is lost for good."""
    return Redis.from_url(url)


def sender_client(url: str) -> Any:
    """Return a redis client for everybody else: a server that hangs holds nobody up for more than a few seconds."""
    return Redis.from_url(url, socket_timeout=3, socket_connect_timeout=2)


class JobQueue:
    """The job queue as its senders see it, API and sweep. Never blocks for more than a few seconds."""

    def __init__(self, url: str) -> None:
        self._redis = sender_client(url)
        self._broker = build_broker(self._redis)

    def enqueue(self, job_id: str, kind: Kind) -> None:
        """Enqueue a job: send the workers a message that there is one more of its kind. Raises QueueUnavailable."""
        # Whose message it is shows on the queue, to whoever looks for one.
        redis_id = f"{job_id}:{ULID()}"
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=QUEUES[kind],
            actor_name=kind,
            args=(job_id,),
            kwargs={},
            options={"redis_message_id": redis_id},
            message_timestamp=current_millis(),
        )
        with queue_errors():
            self._broker.do_enqueue(QUEUES[kind], redis_id, message.encode())

    def waiting(self) -> dict[Kind, int]:
        """Count the messages of each kind that no worker has fetched yet. Raises QueueUnavailable."""
        with queue_errors():
            return {kind: int(self._redis.llen(f"dramatiq:{name}")) for kind, name in QUEUES.items()}

    def size(self) -> int:
        """Count the messages that are queued or being worked on. Raises QueueUnavailable."""
        with queue_errors():
            return sum(int(self._redis.hlen(f"dramatiq:{name}.msgs")) for name in QUEUES.values())

    def check(self) -> None:
        """Raise QueueUnavailable unless the server answers."""
        with queue_errors():
            self._redis.ping()


@contextlib.contextmanager
def queue_errors() -> Iterator[None]:
    """Raise QueueUnavailable for whatever the queue server's client raises."""
    try:
        yield
    except RedisError as error:
        raise QueueUnavailable(str(error)) from error
