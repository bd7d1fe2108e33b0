"""Measure the CPU time that metrics, log lines and traces add to a request.

    python benchmarks/speed/request_cost.py [--requests 2000] [--rounds 9]

The API runs in this process without socket or thread, and answers `/health/live`, which does no work. The kinds take
turns and CPU time is counted, so that other programs affect all kinds alike. Prints microseconds.
"""

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, add_record_option, recorder_of
from service.api.app import create_app
from service.settings import Settings
from service.telemetry.http import HttpMetrics, ObservedApp
from service.telemetry.logs import JsonFormatter, TextFormatter
from service.telemetry.tracing import OtlpTracer, Tracer

#: Names of the kinds in the figures' ids.
NAMES = {
    "metrics": "metrics",
    "metrics and text lines": "text",
    "metrics and JSON lines": "json",
    "metrics and traces": "traces",
}
_SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/health/live",
    "raw_path": b"/health/live",
    "query_string": b"",
    "headers": [(b"host", b"api"), (b"accept", b"*/*"), (b"user-agent", b"benchmark")],
    "client": ("127.0.0.1", 1),
    "server": ("127.0.0.1", 80),
}


def main() -> None:
    """Measure and print the times."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--requests", type=int, default=2000, help="requests of each kind in a round")
    arguments.add_argument("--rounds", type=int, default=9)
    add_record_option(arguments)
    options = arguments.parse_args()
    recorder = recorder_of(arguments, options)
    with tempfile.TemporaryDirectory(prefix="backdrop-") as home:
        figures = asyncio.run(measure(Path(home), options.requests, options.rounds))
    table = Table("kind", "µs a request", "more than bare", "of 95 % of the rounds")
    for kind, figure in figures.items():
        table.add_row(kind, *(f"{figure[name]:.1f}" for name in ("median", "added", "added_p95")))
    Console().print(table)
    if recorder:
        measured = (
            Measured(NAMES[kind], f"CPU time that {kind} add to a request", figure["added"], "µs", options.rounds)
            for kind, figure in figures.items()
            if kind in NAMES
        )
        recorder.write("speed", measured)


async def measure(home: Path, requests: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return by kind the CPU time of a request in µs: median, and the difference from a bare request in a round."""
    app = create_app(Settings(home=home, queue_url="redis://127.0.0.1:9/0"))
    kinds: dict[str, tuple[Any, logging.Formatter | None]] = {
        "bare": (app, None),
        "metrics": (ObservedApp(app, HttpMetrics(), Tracer()), None),
        "metrics and text lines": (ObservedApp(app, HttpMetrics(), Tracer()), TextFormatter()),
        "metrics and JSON lines": (ObservedApp(app, HttpMetrics(), Tracer()), JsonFormatter()),
        "metrics and traces": (ObservedApp(app, HttpMetrics(), _tracer()), None),
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for round_ in range(rounds + 1):
        for kind, (observed, formatter) in kinds.items():
            with _logging(formatter):
                seconds = await _drive(observed, requests if round_ else 200)
            if round_:  # the first warms up
                taken[kind].append(1e6 * seconds)
    added = {
        kind: sorted(one - bare for one, bare in zip(each, taken["bare"], strict=True)) for kind, each in taken.items()
    }
    return {
        kind: {
            "median": statistics.median(taken[kind]),
            "added": statistics.median(added[kind]),
            "added_p95": added[kind][int(0.95 * (rounds - 1))],
        }
        for kind in kinds
    }


async def _drive(app: Any, requests: int) -> float:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: object) -> None:
        pass

    started = time.process_time()
    for _ in range(requests):
        await app({**_SCOPE, "state": {}}, receive, send)
    return (time.process_time() - started) / requests


@contextmanager
def _logging(formatter: logging.Formatter | None) -> Iterator[None]:
    """Write request lines in this format to /dev/null, also for probes; None: write no lines."""
    logger = logging.getLogger("service.request")
    logger.propagate = False
    logger.setLevel(logging.CRITICAL if formatter is None else logging.DEBUG)
    with open("/dev/null", "w") as nowhere:  # noqa: PTH123  # no file
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(formatter)
        logger.handlers = [handler]
        yield
    logger.handlers = []


def _tracer() -> Tracer:
    """Return a tracer of all requests, which exports spans in batches and drops them."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return OtlpTracer(provider)


if __name__ == "__main__":
    main()
