"""A whole installation that is reached over HTTP, as a caller's programs reach it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from service.accounts.clients import Accounts
from tests.support.installation import Installation, running_installation
from tests.support.polling import until


@dataclass(frozen=True)
class Served:
    """An installation and the address of its API."""

    installation: Installation
    url: str

    def register(self, name: str, credits: int = 100) -> str:
        """Return the key of a new client."""
        return Accounts(self.installation.engine).add(name, credits=credits)[1]


@contextmanager
def serve(home: Path, **settings: Any) -> Iterator[Served]:
    """Run API, worker and sweep on the embedded default, each a process of its own."""
    # Nothing here is about limits: a busy machine must not run into them.
    patient = {"lease": 20.0, "time_limit": 120.0, "max_attempts": 5, "sweep_every": 1.0, "webhook_allow_private": True}
    with running_installation("embedded", home, **patient | settings) as installation:
        url = installation.fleet.api()
        with httpx.Client(timeout=20) as http:
            until(lambda: _ready(http, url), timeout=300)
        installation.all_ready()
        yield Served(installation, url)


def _ready(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(f"{url}/health/ready").status_code == 200
    except httpx.HTTPError:
        return False
