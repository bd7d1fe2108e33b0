"""`backdrop up` on this machine, with a client that has no limits."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from service.settings import Settings

_BACKDROP = str(Path(sys.executable).with_name("backdrop"))
#: A benchmark submits far more than the default limits allow.
UNLIMITED = {"submit_rate": 0, "upload_rate": 0, "unfinished_limit": 0, "queue_limit": 0}


@contextmanager
def backdrop_up(settings: Settings) -> Iterator[httpx.Client]:
    """Run the whole service with these settings, in their `home`; yield a client with a key and many credits."""
    environment = settings.model_copy(update=UNLIMITED).environment()
    service = subprocess.Popen([_BACKDROP, "up", "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert service.stdout is not None
        address = service.stdout.readline().split()[1]
        add = [_BACKDROP, "clients", "add", "bench", "--credits", str(10**6), "--json"]
        key = json.loads(subprocess.run(add, capture_output=True, check=True, env=environment).stdout)["key"]
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60) as api:
            yield api
    finally:
        service.send_signal(signal.SIGINT)
        service.wait(60)


def upload(api: httpx.Client, photo: bytes) -> str:
    """Upload a JPEG photo, and return its key."""
    place = api.post("/v1/uploads", json={"content_type": "image/jpeg"}).raise_for_status().json()
    httpx.put(place["url"], headers=place["headers"], content=photo).raise_for_status()
    return str(place["key"])
