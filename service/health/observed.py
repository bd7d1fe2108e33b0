"""A process under observation: a port answers probes and scrapes, and a thread checks the installation."""

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from service.health.installation import State, open_installation
from service.health.metrics import InstallationMetrics
from service.health.process import ProcessHealth, keep_looking
from service.settings import Settings
from service.telemetry.port import Page, PortTaken, Route, open_port

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def observed(settings: Settings, health: ProcessHealth, registry: CollectorRegistry) -> Iterator[None]:
    """Open the process's port with these metrics while the body runs. Does nothing without a metrics port.

    If the port is taken, the process exits with an error in the log and a status that means "don't restart".
    """
    if settings.metrics_port is None:
        yield
        return
    over, metrics = threading.Event(), InstallationMetrics(registry)

    def saw(state: State) -> None:
        health.saw(state)
        metrics.saw(state)

    thread = threading.Thread(
        target=keep_looking,
        args=(open_installation(settings), saw, over),
        kwargs={"reconciles": health.kind == "sweep"},
        name="look",
        daemon=True,
    )
    routes: dict[str, Route] = {
        "/health/live": lambda accept: _page(*health.live()),
        "/health/ready": lambda accept: _page(*health.ready()),
        "/metrics": partial(_metrics, registry),
    }
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(open_port(settings.metrics_host, settings.metrics_port, routes))
        except PortTaken as error:
            logger.error("%s", error)
            raise SystemExit(os.EX_CONFIG) from error
        stack.callback(thread.join, 2.0)  # no longer, because a part that is away delays the thread by some seconds
        stack.callback(over.set)
        thread.start()
        yield


def _metrics(registry: CollectorRegistry, accept: str) -> Page:
    # In the OpenMetrics format, which has exemplars, if the scraper accepts it.
    encode, content_type = choose_encoder(accept)
    return Page(200, content_type, encode(registry))


def _page(well: bool, report: dict[str, Any]) -> Page:
    return Page(200 if well else 503, "application/json", json.dumps(report).encode())
