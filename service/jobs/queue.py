"""The job queue, which only wakes workers: the database decides what they run. Every message means "there is work".

Each kind of work has its own queue and actor, so that a worker only gets messages of the kinds that it takes. A message
names the job that it was sent for, but starts the job whose turn it is. Workers of the previous release listen on the
queue of swaps. The API sends messages by name and imports no actor; `service.worker.main` declares them.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis
from redis import Redis
from redis.exceptions import RedisError
from ulid import ULID

from service.jobs.records import Kind
from service.jobs.transitions import Jobs

logger = logging.getLogger(__name__)

#: Seconds that an idle worker waits in the queue server for a message before it shows that it lives.
WAIT = 0.5
#: The queue of each kind of work. The actor has the kind's name.
QUEUES = {kind: f"{kind}s" for kind in Kind}


class QueueUnavailable(Exception):
    """Raised when the queue server does not answer. The job is safe in the database; the sweep sends it later."""


class _Broker(RedisBroker):
    """Dramatiq's broker, which waits in the server for messages, and moves unrecognised ones to the dead-letter queue.

    Otherwise an undecodable message would restart a consumer every three seconds, and a message of another queue would
    end the worker's thread. Both would count as waiting for ever. The broker also limits prefetching over all queues of
    a worker together. Dramatiq itself asks again and again, ten times a second if a job may wait a tenth.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
        self._consumers: dict[str, Any] = {}
        self._fetching = threading.Lock()

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Any:
        """Return a consumer of a queue, and remember it to count its messages."""
        # Milliseconds that it sleeps after an empty fetch: the server has waited already, or there is no room.
        consumer = super().consume(queue_name, prefetch, timeout=20)
        self._consumers[queue_name] = consumer
        return consumer

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue without dramatiq's queue of delayed messages beside it, which nobody fills."""
        if queue_name not in self.queues:
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def do_fetch(self, queue_name: str, prefetch: int) -> list[bytes]:
        """Fetch recognised messages; all queues together have at most `prefetch` in progress."""
        waiting = f"{self.namespace}:{queue_name}"
        if self._room(queue_name, prefetch) > 0:
            # Moves the first message to its own place, which changes nothing, as soon as there is one.
            self.client.execute_command("BLMOVE", waiting, waiting, "LEFT", "LEFT", WAIT)
        with self._fetching:
            room = self._room(queue_name, prefetch)
            fetched = self._dispatch("fetch")(queue_name, room) if room > 0 else []  # type: ignore[no-untyped-call]  # dramatiq's own
        known = [data for data in fetched if _is_known(queue_name, data)]
        for data in fetched:
            if data is not None and not _is_known(queue_name, data):
                self._reject(queue_name, data)
        return known

    def _room(self, queue_name: str, prefetch: int) -> int:
        others = (one for name, one in list(self._consumers.items()) if name != queue_name)
        return prefetch - sum(int(one.outstanding_message_count) for one in others)

    def _reject(self, queue_name: str, data: bytes) -> None:
        logger.error("moved an unrecognised message to the dead-letter queue dramatiq:%s.XQ: %.200r", queue_name, data)
        for redis_id, stored in self.client.hscan_iter(f"dramatiq:{queue_name}.msgs"):
            if stored == data:
                self._dispatch("nack")(queue_name, redis_id)  # type: ignore[no-untyped-call]  # dramatiq's own


def _is_known(queue_name: str, data: bytes | None) -> bool:
    """Return whether the bytes are a message that `JobQueue.enqueue` sends to this queue."""
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
        # Finds a dead worker's messages at once. The default checks in 1 of 1000 polls.
        maintenance_chance=1_000_000,
        # A shorter timeout would mistake a long C call that holds the GIL for a death.
        heartbeat_timeout=60_000,
        # None: the jobs table counts attempts, and workers check time limits between steps.
        middleware=[],
    )


def worker_client(url: str) -> Any:
    """Return a redis client for a worker, without a socket timeout: an acknowledgement that timed out is lost."""
    return Redis.from_url(url)


def sender_client(url: str) -> Any:
    """Return a redis client for senders, with timeouts of a few seconds for a server that hangs."""
    return Redis.from_url(url, socket_timeout=3, socket_connect_timeout=2)


class JobQueue:
    """The job queue for its senders, API and sweep. No call blocks for more than a few seconds."""

    def __init__(self, url: str) -> None:
        self._redis = sender_client(url)
        self._broker = build_broker(self._redis)

    def enqueue(self, job_id: str, kind: Kind) -> None:
        """Send the workers a message that there is one more job of this kind. Raises QueueUnavailable."""
        # The id shows operators the job of each message on the queue.
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
        """Return the number of unfetched messages of each kind. Raises QueueUnavailable."""
        with queue_errors():
            return {kind: int(self._redis.llen(f"dramatiq:{name}")) for kind, name in QUEUES.items()}

    def size(self) -> int:
        """Return the number of messages that are queued or in progress. Raises QueueUnavailable."""
        with queue_errors():
            return sum(int(self._redis.hlen(f"dramatiq:{name}.msgs")) for name in QUEUES.values())

    def check(self) -> None:
        """Raise QueueUnavailable unless the server answers."""
        with queue_errors():
            self._redis.ping()


@contextlib.contextmanager
def queue_errors() -> Iterator[None]:
    """Convert the redis client's exceptions to QueueUnavailable."""
    try:
        yield
    except RedisError as error:
        raise QueueUnavailable(str(error)) from error


@dataclass(frozen=True)
class Dispatcher:
    """Sends jobs to the workers. Thread-safe; one instance serves the whole process."""

    jobs: Jobs
    queue: JobQueue

    def send(self, job_ids: Sequence[str], kind: Kind) -> list[str]:
        """Enqueue these jobs of a kind, in order, and return the ids of the enqueued jobs.

        If the queue server is unavailable, mark the others as unsent. Raises SQLAlchemyError; the sweep then sends
        unmarked jobs once it misses their messages.
        """
        sent: list[str] = []
        for job_id in job_ids:
            try:
                self.queue.enqueue(job_id, kind)
            except QueueUnavailable as error:
                left = len(job_ids) - len(sent)
                logger.warning("queue unavailable, %d jobs from %s on wait for the sweep: %s", left, job_id, error)
                break
            sent.append(job_id)
        # Without another try, which could take seconds each time.
        for job_id in job_ids[len(sent) :]:
            self.jobs.mark_unsent(job_id)
        return sent
