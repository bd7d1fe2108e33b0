"""Supervise a worker's process as `backdrop worker` does: stopped with it, replaced when it dies.

python -m testkit.watch MODULE [ARGUMENT ...]

This module imports nothing that the worker needs: that would double the time of its start.
"""

import sys

from service.settings import load_settings
from service.supervisor.processes import die_with_parent, stop_on_signals, supervise
from service.telemetry.logs import configure_logs


def main() -> int:
    """Run the module named on the command line until SIGTERM or SIGINT; return the exit status."""
    configure_logs(load_settings())
    die_with_parent()
    settings = load_settings()
    command, stopping = [sys.executable, "-m", *sys.argv[1:]], stop_on_signals()
    return supervise(
        "worker", command, environment=settings.environment(), stopping=stopping, grace=settings.stop_grace + 2
    )


if __name__ == "__main__":
    sys.exit(main())
