"""The server: uvicorn, which tells those who wait for news that it stops before it waits for them."""

import logging
import signal
import socket
import time
from types import FrameType

import uvicorn
from prometheus_client import CollectorRegistry

from service.api.app import create_app
from service.health.process import ProcessHealth
from service.jobs.notifier import JobNotifier
from service.settings import Settings
from service.supervisor.stopping import StopRequest
from service.telemetry.http import HttpMetrics, ObservedApp
from service.telemetry.metrics import JobMetrics
from service.telemetry.tracing import Tracer

logger = logging.getLogger(__name__)

#: Seconds for which an idle connection is kept: longer than load balancers keep theirs (AWS, nginx: 60), which would
#: send a request into a connection that closes, and answer 502.
KEEP_ALIVE = 75


class Server(uvicorn.Server):
    """Serves the API of these settings, until SIGINT or SIGTERM."""

    def __init__(
        self,
        settings: Settings,
        health: ProcessHealth,
        registry: CollectorRegistry | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._health = health
        registry = registry or CollectorRegistry()
        #: The app itself, within what observes it.
        self.app = create_app(settings, JobMetrics(registry))
        self._notifier: JobNotifier = self.app.state.notifier
        self._stopping = StopRequest()
        self._delay = settings.shutdown_delay
        #: When it stops that was told to (monotonic seconds); None: it was not, or stops at once.
        self._stops_at: float | None = None
        super().__init__(
            uvicorn.Config(
                # Around the whole app: what has no route is a request, too.
                ObservedApp(self.app, HttpMetrics(registry), tracer or Tracer()),
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=10,
                timeout_keep_alive=KEEP_ALIVE,
                server_header=False,
                proxy_headers=False,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal, be ready no more, and stop: of a first SIGTERM after the delay that the settings name."""
        first = not self._stopping.is_set()
        self._stopping.on_signal(sig)
        self.app.state.stopping = True
        self._health.is_not_ready("It stops.")
        if first and sig == signal.SIGTERM and self._delay:
            self._stops_at = time.monotonic() + self._delay
        else:
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and be ready."""
        await super().startup(sockets)
        self._health.is_ready()

    async def on_tick(self, counter: int) -> bool:
        """Note that the event loop comes round."""
        self._health.beat()
        if self._stops_at is not None and time.monotonic() >= self._stops_at:
            self._stops_at = None
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say why, let streams and waiting submits end at once, then all else in its own time."""
        logger.info("stopping: %s", self._stopping.reason)
        self._notifier.close()
        await super().shutdown(sockets)
