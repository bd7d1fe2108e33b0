"""Supervises a worker's process as `backdrop worker` supervises the real one: stopped with it, replaced when it dies.

    python -m benchmarks.storm.watch MODULE [ARGUMENT ...]

Nothing is imported here that the worker needs: that would double what its start takes.
"""

import signal
import sys
import threading

from service.settings import load_settings
from service.supervisor.processes import die_with_parent, supervise
from service.telemetry.logs import configure_logs


def main() -> int:
    """Run the module that the command line names until SIGTERM or SIGINT; returns the exit status."""
    configure_logs(load_settings())
    die_with_parent()
    settings = load_settings()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    command = [sys.executable, "-m", *sys.argv[1:]]
    return supervise(
        "worker", command, environment=settings.environment(), stopping=stopping, grace=settings.stop_grace + 2
    )


if __name__ == "__main__":
    sys.exit(main())
