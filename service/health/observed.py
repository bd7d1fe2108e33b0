"""A process under observation: its port answers probes, and a thread looks at the installation, while its work runs."""

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

from service.health.installation import open_installation
from service.health.process import ProcessHealth, keep_looking
from service.settings import Settings
from service.telemetry.port import Page, PortTaken, open_port

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def observed(settings: Settings, health: ProcessHealth) -> Iterator[None]:
    """Open the process's port while the body runs; nothing is done where no port is set.

    A port that can't be had ends the process, with a line in its log and a status that says not to try again.
    """
    if settings.metrics_port is None:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(
        target=keep_looking, args=(open_installation(settings), health.saw, over), name="look", daemon=True
    )
    routes = {
        "/health/live": lambda accept: _page(*health.live()),
        "/health/ready": lambda accept: _page(*health.ready()),
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


def _page(well: bool, told: dict[str, Any]) -> Page:
    return Page(200 if well else 503, "application/json", json.dumps(told).encode())
