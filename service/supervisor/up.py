"""`backdrop up`: the whole service on one machine, started together and stopped together."""

import contextlib
import fcntl
import logging
import secrets
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from service.database.encryption import open_cipher, reencrypt
from service.database.engine import create_engine
from service.database.quarantine import Quarantine
from service.database.schema import migrate
from service.jobs.queue import QueueUnavailable
from service.jobs.worker_registry import WorkerRegistry
from service.settings import Settings
from service.supervisor.processes import ChildProcess, stop_on_signals
from service.supervisor.valkey import NoQueueServer, start_valkey

logger = logging.getLogger(__name__)


class CannotStart(RuntimeError):
    """Raised if a child process does not start. The message names it and the reason."""


def run_all(settings: Settings, *, on_ready: Callable[[str], None], start_timeout: float = 180.0) -> int:
    """Start and supervise Valkey, API, worker and sweep. Stop all on SIGINT or SIGTERM, or if one of them dies.

    `on_ready` is called once with the address, when the API takes requests and a worker is ready.
    Returns the exit status: 0 after a signal, 1 if a child process died. Raises CannotStart.
    """
    stopping = stop_on_signals()
    _open_home(settings.home)
    with (settings.home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotStart(
                f"Another `backdrop up` already uses {settings.home}. Stop it, or use another --home."
            ) from error
        children: list[ChildProcess] = []
        try:
            return _run(settings, children, stopping, on_ready, start_timeout)
        finally:
            logger.info("stopping all: %s", stopping.reason)
            # In reverse order, so that the worker can hand its job back while the queue still runs.
            for child in reversed(children):
                child.stop(settings.stop_grace + 5)


def _open_home(home: Path) -> None:
    """Make the home folder, or restrict an existing one to its owner."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = home.stat().st_mode
    if not mode & 0o077:
        return
    try:
        if mode & stat.S_ISVTX:  # for example /tmp, which other programs need unchanged
            raise PermissionError
        home.chmod(0o700)
    except PermissionError:
        logger.warning("%s is open to other users. Give Backdrop a folder of its own with --home.", home)


def _run(
    settings: Settings,
    children: list[ChildProcess],
    stopping: threading.Event,
    on_ready: Callable[[str], None],
    start_timeout: float,
) -> int:
    logs = settings.home / "logs"
    if not settings.queue_url:
        try:
            valkey = start_valkey(settings.home / "valkey", password=secrets.token_hex(16))
        except NoQueueServer as error:
            raise CannotStart(str(error)) from error
        children.append(valkey.process)
        settings = settings.model_copy(update={"queue_url": valkey.url})
    engine = create_engine(settings.sqlalchemy_url)
    migrate(engine)
    Quarantine(engine, settings).may_act()  # logs the reason if it may not
    if (cipher := open_cipher(settings)).encrypts:
        # Secrets of an earlier release, or of an earlier key.
        reencrypt(engine, cipher)
    with _listen(settings.host, settings.port) as listener:
        address = f"http://{settings.host}:{listener.getsockname()[1]}"
        environment = settings.environment()
        before = len(children)
        program = [sys.executable, "-m", "service.cli.main"]
        for name, arguments in {
            "api": ["api", "--fd", str(listener.fileno())],
            "worker": ["worker", "--die-with-parent"],
            "sweep": ["sweep", "--die-with-parent"],
        }.items():
            if settings.metrics_port:
                port = settings.metrics_port + len(children) - before
                environment |= {"BACKDROP_METRICS_PORT": str(port)}
            fds = [listener.fileno()] if name == "api" else []
            log = logs / f"{name}.log"
            children.append(ChildProcess(name, program + arguments, environment=environment, log=log, pass_fds=fds))
    _wait_until_ready(settings, address, children, stopping, start_timeout)
    if not stopping.is_set():
        on_ready(address)
    while not stopping.wait(0.2):
        if died := next((child for child in children if child.exit_status is not None), None):
            logger.error(
                "%s died (status %s), so all parts stop. The end of its log:\n%s",
                died.name,
                died.exit_status,
                died.log_tail(),
            )
            return 1
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """Bind the API's address in this process, so that no other process takes the port before the API starts."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotStart(f"Can't listen on {host}:{port}: {error.strerror}. Choose another --port.") from error
    return listener


def _wait_until_ready(
    settings: Settings, address: str, children: list[ChildProcess], stopping: threading.Event, timeout: float
) -> None:
    """Return once the API takes requests and a worker has loaded its networks. Raises CannotStart."""
    import httpx

    registry = WorkerRegistry(settings.queue_url)
    end = time.monotonic() + timeout
    known = {worker["name"] for worker in registry.workers()}  # left over from a killed run
    # One client for all checks, because making a client takes longer than four checks.
    with httpx.Client(timeout=5) as client:
        while not stopping.wait(0.1):
            for child in children:
                if child.exit_status is not None:
                    status, tail = child.exit_status, child.log_tail()
                    raise CannotStart(f"The {child.name} did not start (status {status}). The end of its log:\n{tail}")
            with contextlib.suppress(httpx.HTTPError, QueueUnavailable):
                ready = client.get(f"{address}/health/ready").status_code == 200
                if ready and any(worker["name"] not in known for worker in registry.workers()):
                    return
            if time.monotonic() > end:
                raise CannotStart(f"Not ready after {timeout:.0f} s. Read the logs in {settings.home / 'logs'}.")
