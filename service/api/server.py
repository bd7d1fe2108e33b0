"""The server: uvicorn, which tells those who wait for news that it stops before it waits for them."""

import socket

import uvicorn

from service.api.app import create_app
from service.jobs.notifier import JobNotifier
from service.settings import Settings


class Server(uvicorn.Server):
    """Serves the API of these settings, until SIGINT or SIGTERM."""

    def __init__(self, settings: Settings) -> None:
        app = create_app(settings)
        self._notifier: JobNotifier = app.state.notifier
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=10,
                server_header=False,
                proxy_headers=False,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let streams and waiting submits end at once, then all else in its own time."""
        self._notifier.close()
        await super().shutdown(sockets)
