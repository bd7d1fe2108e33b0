"""The parts of an installation as operators run them: each with a port for probes and scrapes, and ready or not."""

import io
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import httpx
from PIL import Image

from tests.support.storm.fleet import Fleet, Member
from tests.support.storm.servers import free_port

_SAMPLES = Path(str(files("service"))) / "sample"
_WORKER = ("service.cli.main", "worker")
#: The smallest segmenter alone, and the installation's own generator.
_NETWORKS = {"BACKDROP_SEGMENTER": "u2netp", "BACKDROP_SECOND_SEGMENTER": ""}
#: Seconds that a busy machine gives a part to come up.
_PATIENCE = 300.0
#: What Kubernetes gives a part to end by itself (`terminationGracePeriodSeconds`).
_GRACE = 60.0


class Parts:
    """The members of a fleet, by what operators ask of them. For the main thread, as the fleet is."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        #: Where each API answers.
        self.addresses: list[str] = []
        #: What Prometheus scrapes, host and port by member.
        self.targets: dict[str, str] = {}
        self._ready: dict[str, str] = {}

    def start(self, kind: str, *, lean: bool | tuple[str, ...] = False, **environment: str) -> Member:
        """Start an "api", a "worker" or a "sweep".

        `lean`: a worker whose networks cost nothing, and paint nothing; or the modules of one in another release.
        """
        port = free_port()
        environment |= {"BACKDROP_METRICS_PORT": str(port)}
        address = f"http://127.0.0.1:{port}"
        match kind:
            case "api":
                self.addresses.append(address := self.fleet.api(**environment))
            case "worker":
                lean = _WORKER if lean is False else () if lean is True else lean
                self.fleet.worker(*lean, **_NETWORKS, **environment)
            case _:
                self.fleet.sweep(**environment)
        member = self.fleet.members[-1]
        self.targets[member.name] = f"127.0.0.1:{port}"
        self._ready[member.name] = f"{address}/health/ready"
        return member

    def wait_until_ready(self, *members: Member) -> float:
        """Wait until these members, or all, are ready; return the seconds that took. Raises TimeoutError."""
        taken = 0.0
        for member in members or self.fleet.members:
            taken += until(lambda url=self._ready[member.name]: _is_ready(url), _PATIENCE, f"{member.name} is ready")  # type: ignore[misc]  # mypy knows no defaults of lambdas
        return taken

    def stop(self, member: Member) -> float:
        """Send SIGTERM and wait for the end; return the seconds that took. Raises TimeoutError after its grace."""
        member.part.terminate()
        return until(lambda: member.part.exit_status is not None, _GRACE, f"{member.name} stops")


def until(holds: Callable[[], bool], patience: float, what: str) -> float:
    """Wait until it holds, and return the seconds that took. Raises TimeoutError.

    Seconds in which this process did not run, its machine suspended or taken by others, count for no more than two each
    time: whoever is waited for did not run either.
    """
    taken, last = 0.0, time.monotonic()
    while not holds():
        if taken > patience:
            raise TimeoutError(f"not within {patience:.0f} s: {what}")
        time.sleep(0.25)
        now = time.monotonic()
        taken, last = taken + min(2.0, now - last), now
    return taken


def small_photos() -> list[bytes]:
    """Return sample photos as PNGs of 256 pixels on their longer side."""
    return [_small(name) for name in ("bottle.jpg", "mug.webp", "jar.webp")]


def _small(name: str) -> bytes:
    file = io.BytesIO()
    with Image.open(_SAMPLES / name) as picture:
        small = picture.convert("RGB")
        small.thumbnail((256, 256))
        small.save(file, "PNG")
    return file.getvalue()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).status_code == 200
    except httpx.HTTPError:
        return False
