"""The worker process: loads the networks, then runs several jobs at once, each in its own thread.

`backdrop worker` starts `python -m service.worker.main`, watches it, and starts it again if it dies.
"""

import logging
import os
import platform
import resource
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import dramatiq
from prometheus_client import CollectorRegistry
from ulid import ULID

from models.device import usable_cores
from models.lane import DeviceLane
from pipeline.core.networks import Networks
from service.catalogue.catalogue import load_catalogue
from service.cutouts.masks import MendedMasks
from service.database.engine import create_engine
from service.database.quarantine import Quarantine
from service.database.schema import SchemaOutdated, require_schema
from service.health.observed import Process, observed_process
from service.health.parts import StoreBreaker
from service.jobs.queue import QUEUES, build_broker, worker_client
from service.jobs.records import Kind
from service.jobs.transitions import Jobs
from service.jobs.worker_registry import HEARTBEAT_TTL, UNMARKED_TTL, WorkerHeartbeat, WorkerRegistry
from service.marks.c2pa import CredentialsInvalid, Marking, open_marking
from service.marks.stored import stored_chain
from service.operations.roster import Drain, WorkerRoster
from service.settings import Settings, load_settings
from service.storage.buckets import open_buckets
from service.storage.cache import client_caches
from service.storage.mask_registry import MaskRegistry
from service.storage.registry import ObjectRegistry
from service.supervisor.processes import StopRequest, die_with_parent, stop_on_signals
from service.telemetry.logs import configure_logs, explained
from service.telemetry.metrics import DeviceCollector, JobMetrics, RunMetrics
from service.worker.attempt import Isolation, LeaseRenewal, Watchdog
from service.worker.making import Maker
from service.worker.networks import open_for_jobs
from service.worker.observation import RunObserver
from service.worker.picture import Pictures
from service.worker.results import Results
from service.worker.run import JobRunner

logger = logging.getLogger(__name__)

#: Exit status if another start will not help (sysexits.h EX_CONFIG).
CANNOT_START = 78
#: Exit status if only a new process can use the device again (sysexits.h EX_SOFTWARE).
DEVICE_LOST = 70


def boot(
    settings: Settings,
    networks: Networks,
    *,
    lane: DeviceLane,
    in_flight: int,
    stopping: threading.Event,
    breaker: StoreBreaker,
    marking: Marking | None = None,
    observer: RunObserver | None = None,
    metrics: JobMetrics | None = None,
) -> dramatiq.Worker:
    """Return the worker with broker, actor and all parts that a run needs. `in_flight`: jobs at once."""
    observer = observer or RunObserver(worker=worker_label())
    engine = create_engine(settings.sqlalchemy_url)
    jobs = Jobs(
        engine,
        lease=settings.lease,
        max_attempts=settings.max_attempts,
        public_url=settings.public_url,
        metrics=metrics,
        takes=takes(settings),
        refused_seconds=settings.submit_window / settings.preview_rate if settings.preview_rate else 0.0,
    )
    sources, renders = open_buckets(settings)
    registry, catalogue = ObjectRegistry(engine), load_catalogue(settings.catalogue)
    maker = Maker(
        sources=sources,
        results=Results(renders, registry, MaskRegistry(engine), MendedMasks(engine, renders)),
        catalogue=catalogue,
        networks=networks,
        pictures=Pictures(settings.limits, marking or Marking(), catalogue.every_font),
        lane=lane,
        cache_for=client_caches(settings, renders, registry, observer.metrics.looked_up),
    )
    runner = JobRunner(
        jobs=jobs,
        maker=maker,
        time_limit=settings.time_limit,
        leases=LeaseRenewal(jobs, interval=settings.lease / 4),
        stopping=stopping,
        watchdog=Watchdog(),
        isolation=Isolation(),
        breaker=breaker,
        observer=observer,
        may_act=Quarantine(engine, settings).may_act,
        places=threading.Semaphore(max(1, in_flight - 1)),
    )
    broker = build_broker(worker_client(settings.queue_url))
    for kind in takes(settings):
        dramatiq.actor(broker=broker, actor_name=kind, queue_name=QUEUES[kind])(partial(runner.run, kind=kind))
    worker = dramatiq.Worker(broker, worker_threads=in_flight, worker_timeout=250)
    # No more messages than jobs. A message that waits in a busy worker would keep an idle worker from its job.
    worker.queue_prefetch = in_flight
    return worker


def takes(settings: Settings) -> list[Kind]:
    """Return the kinds of work that a worker takes."""
    return [kind for kind, queue in QUEUES.items() if queue in settings.worker_takes.split(",")]


def worker_label() -> str:
    """Return the name of this process for operators: "host:pid"."""
    return f"{platform.node()}:{os.getpid()}"[:255]


def jobs_in_flight(settings: Settings, networks: Networks) -> int:
    """Return how many jobs a worker runs at once: the setting, or the number that keeps cores and device busy.

    On one core: 1. With all networks on a CPU: one more than cores, at most 4, because no job uses its core all the
    time. With a device: two for each core, at most 8, so that the device always finds a job whose input is ready. Each
    job takes memory (`docs/guides/operators/size.md`).
    """
    if settings.jobs_in_flight is not None:
        return settings.jobs_in_flight
    cores = usable_cores()
    if cores == 1:
        return 1
    return min(cores + 1, 4) if _device(networks, "generator") == "cpu" else min(2 * cores, 8)


def open_lane(
    settings: Settings,
    networks: Networks,
    *,
    on_lost: Callable[[], None],
    on_painted: Callable[[int], None] = lambda pictures: None,
    registry: CollectorRegistry | None = None,
) -> DeviceLane:
    """Return the lane for these networks, with the options of the settings. `on_lost` is called if the device is lost.

    `on_painted` gets the number of pictures of each call. `registry` gets the metrics of device and lane.
    """
    device = _device(networks, "generator")
    cuda = device == "cuda"
    lane = DeviceLane(
        batch_size=settings.batch_size or (4 if cuda else 1),
        batch_wait=settings.batch_wait,
        segmenting=_device(networks, "segmenter") != "cpu",
        on_lost=on_lost,
        on_painted=on_painted,
    )
    if registry is not None:
        registry.register(DeviceCollector(device, lambda: lane.busy, _peak_of_device if cuda else _peak_of_process))
    return lane


def _peak_of_device() -> int:
    import torch

    return int(torch.cuda.max_memory_allocated())


def _peak_of_process() -> int:
    # Linux counts kilobytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _device(networks: Networks, which: str) -> str:
    return networks.versions.get(f"{which}_device", "cpu").split()[0]


def serve(settings: Settings, load: Callable[[Settings], Networks] = open_for_jobs) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status. `load` returns the networks."""
    stopping = stop_on_signals()
    try:
        require_schema(settings.sqlalchemy_url)
    except SchemaOutdated as error:
        logger.error("%s", error)
        return CANNOT_START
    with observed_process(settings, "worker") as process:
        return _serve(settings, load, stopping, process)


def _serve(settings: Settings, load: Callable[[Settings], Networks], stopping: StopRequest, process: Process) -> int:
    health, registry = process.health, process.registry
    try:
        marking = open_marking(settings, stored_chain)
    except CredentialsInvalid as error:
        logger.error("The worker can't mark pictures: %s", error)
        host = platform.node()
        failed = WorkerRegistry(settings.queue_url, kind="unmarked", ttl=UNMARKED_TTL)
        WorkerHeartbeat(failed, host, {"host": host, "why": str(error)}).beat()
        return CANNOT_START
    observer = RunObserver(RunMetrics(registry), process.tracer, worker_label())
    started = time.perf_counter()
    try:
        load_catalogue(settings.catalogue)
        networks = load(settings)
    except Exception as error:
        # The traceback is only useful if no setting explains the error.
        said = explained(error)
        logger.error("The worker can't start: %s", said or error, exc_info=said is None)
        return CANNOT_START
    observer.metrics.load_seconds.set(time.perf_counter() - started)
    logger.info("networks loaded in %.1f s: %s", time.perf_counter() - started, dict(networks.versions))
    lost = threading.Event()

    def on_lost() -> None:
        # Every running job hands itself back, as after a stop signal.
        lost.set()
        stopping.reason = "the device is lost"
        stopping.set()

    lane = open_lane(settings, networks, on_lost=on_lost, on_painted=observer.metrics.batch, registry=registry)
    in_flight, breaker = jobs_in_flight(settings, networks), StoreBreaker(open_buckets(settings)[1])
    observer.metrics.slots.set(in_flight)
    worker = boot(
        settings,
        networks,
        lane=lane,
        in_flight=in_flight,
        stopping=stopping,
        breaker=breaker,
        marking=marking,
        observer=observer,
        metrics=JobMetrics(registry),
    )
    # The id for heartbeats. "host:pid" may repeat, and in a container always does.
    name = str(ULID())
    about = {"name": name, "host": platform.node(), "pid": os.getpid(), "in_flight": in_flight, **networks.versions}
    about["takes"] = takes(settings)
    heartbeat = WorkerHeartbeat(WorkerRegistry(settings.queue_url), name, about)
    roster = WorkerRoster(create_engine(settings.sqlalchemy_url))
    drain = Drain(roster, worker, name, observer.worker, about)
    worker.start()
    heartbeat.beat()
    drain.beat()
    logger.info("ready for %s, %d at once", settings.worker_takes, in_flight)
    health.is_ready()
    while not stopping.wait(HEARTBEAT_TTL / 3):
        health.beat()
        drain.beat()
        why = "drained" if drain.draining else "waiting for the store" if breaker.is_open else ""
        heartbeat.beat(takes_no_jobs=why)
    logger.info("stopping: %s. Running jobs are handed back", stopping.reason)
    health.is_not_ready("It stops.")

    status = DEVICE_LOST if lost.is_set() else 0
    if not _wound_down(worker, heartbeat, drain, settings.stop_grace):
        logger.warning("the queue did not answer within the grace time")
        # End at once. The interpreter's own end takes seconds on a busy host, and the supervisor kills after two.
        logging.shutdown()
        os._exit(status)
    return status


def _wound_down(worker: dramatiq.Worker, heartbeat: WorkerHeartbeat, drain: Drain, grace: float) -> bool:
    """Take no more jobs, and wait for running jobs to hand themselves back. Return False after `grace` seconds."""

    def wind_down() -> None:
        # Running jobs check `stopping` before their next steps.
        worker.stop(timeout=int(grace * 1000))
        heartbeat.stop()
        drain.leave()

    # In a thread, because a hanging queue server would block this one for ever.
    last = threading.Thread(target=wind_down, daemon=True)
    last.start()
    last.join(grace)
    return not last.is_alive()


if __name__ == "__main__":
    die_with_parent()
    chosen = load_settings()
    configure_logs(chosen)
    status = serve(chosen)
    # Everything is closed, so end at once. The interpreter's own end takes seconds on a busy host.
    logging.shutdown()
    os._exit(status)
