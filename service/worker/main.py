"""The worker process: loads the networks, then takes one job at a time.

`python -m service.worker.main` is what `backdrop worker` starts, watches and replaces when it dies.
"""

import faulthandler
import logging
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable

import dramatiq
from ulid import ULID

from pipeline.core.networks import Networks
from pipeline.core.provenance import Credentials
from service.catalogue.catalogue import load_catalogue
from service.database.engine import create_engine
from service.jobs.queue import ACTOR, QUEUE, build_broker, worker_client
from service.jobs.transitions import Jobs
from service.jobs.worker_registry import HEARTBEAT_TTL, WorkerHeartbeat, WorkerRegistry
from service.settings import Settings, load_settings
from service.storage.buckets import open_buckets
from service.storage.cache import client_caches
from service.storage.registry import ObjectRegistry
from service.supervisor.logs import configure_logs
from service.supervisor.processes import die_with_parent
from service.worker.c2pa import CredentialsInvalid, open_credentials
from service.worker.networks import open_for_jobs
from service.worker.run import JobRunner

logger = logging.getLogger(__name__)

#: Exit status that says: starting again will not help (sysexits.h EX_CONFIG).
CANNOT_START = 78


def boot(
    settings: Settings, networks: Networks, *, stopping: threading.Event, credentials: Credentials | None = None
) -> dramatiq.Worker:
    """Put the worker together: broker, actor, and everything that a run needs."""
    engine = create_engine(settings.sqlalchemy_url)
    sources, renders = open_buckets(settings)
    registry = ObjectRegistry(engine)
    runner = JobRunner(
        jobs=Jobs(engine, lease=settings.lease, max_attempts=settings.max_attempts),
        sources=sources,
        renders=renders,
        registry=registry,
        catalogue=load_catalogue(),
        networks=networks,
        limits=settings.limits,
        time_limit=settings.time_limit,
        lease_renewal_interval=settings.lease / 4,
        stopping=stopping,
        arm_watchdog=_arm_watchdog,
        credentials=credentials,
        cache_for=client_caches(settings, renders, registry),
    )
    broker = build_broker(worker_client(settings.queue_url))
    dramatiq.actor(broker=broker, actor_name=ACTOR, queue_name=QUEUE)(runner.run)
    # One thread: a diffusers pipeline is not thread-safe, and one GPU serves one picture at a time.
    return dramatiq.Worker(broker, queues={QUEUE}, worker_threads=1, worker_timeout=100)


def _arm_watchdog(seconds: float | None) -> None:
    """Arm the watchdog: it ends the process, stacks written to standard error, unless None disarms it before.

    The interpreter's own watchdog needs none of its lock: a C call that hangs may hold it.
    """
    if seconds is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        faulthandler.dump_traceback_later(seconds, exit=True)


def serve(settings: Settings, load: Callable[[Settings], Networks] = open_for_jobs) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status. `load` gives the networks."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        credentials = open_credentials(settings)
    except CredentialsInvalid as error:
        logger.error("%s", error)
        return CANNOT_START
    started = time.perf_counter()
    try:
        networks = load(settings)
    except Exception:
        logger.exception("the networks can't be loaded")
        return CANNOT_START
    logger.info("networks loaded in %.1f s: %s", time.perf_counter() - started, dict(networks.versions))
    worker = boot(settings, networks, stopping=stopping, credentials=credentials)
    name = str(ULID())
    about = {"name": name, "host": platform.node(), "pid": os.getpid(), **networks.versions}
    heartbeat = WorkerHeartbeat(WorkerRegistry(settings.queue_url), name, about)
    worker.start()
    heartbeat.beat()
    logger.info("ready for jobs")
    while not stopping.wait(HEARTBEAT_TTL / 3):
        heartbeat.beat()

    def wind_down() -> None:
        # The running job sees `stopping` before its next step and hands itself back.
        worker.stop(timeout=int(settings.stop_grace * 1000))
        heartbeat.stop()

    # In a thread: a queue server that hangs would keep this one for ever.
    last = threading.Thread(target=wind_down, daemon=True)
    last.start()
    last.join(settings.stop_grace)
    return 0


if __name__ == "__main__":
    die_with_parent()
    configure_logs()
    sys.exit(serve(load_settings()))
