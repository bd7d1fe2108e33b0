"""A process under observation: its port answers probes, and a thread looks at the installation, while its work runs."""

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
    """Open the process's port, with these metrics, while the body runs; nothing is done where no port is set.

    A port that can't be had ends the process, with a line in its log and a status that says not to try again.
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
        stack.callback(thread.join, 2.0)  # no longer: a part that is away holds it for some seconds
        stack.callback(over.set)
        thread.start()
        yield


def _metrics(registry: CollectorRegistry, accept: str) -> Page:
    # In OpenMetrics' format, which has exemplars, for whoever asks for it.
    encode, content_type = choose_encoder(accept)
    return Page(200, content_type, encode(registry))


def _page(well: bool, told: dict[str, Any]) -> Page:
    return Page(200 if well else 503, "application/json", json.dumps(told).encode())
