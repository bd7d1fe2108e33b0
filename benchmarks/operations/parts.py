"""The parts of an installation as operators run them, each with a port for probes and scrapes."""

import io
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import httpx
from PIL import Image

from testkit.fleet import Fleet, Member
from testkit.servers import free_port

_SAMPLES = Path(str(files("service"))) / "sample"
_WORKER = ("service.cli.main", "worker")
#: The smallest segmenter without a second one, and the installation's generator.
_NETWORKS = {"BACKDROP_SEGMENTER": "u2netp", "BACKDROP_SECOND_SEGMENTER": ""}
#: Most seconds until a part is ready, on a busy machine.
_PATIENCE = 300.0
#: Seconds that Kubernetes gives a part to end (`terminationGracePeriodSeconds`).
_GRACE = 60.0


class Parts:
    """The members of a fleet, started and stopped as operators do. For the main thread only, as the fleet is."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        #: URL of each API.
        self.addresses: list[str] = []
        #: Host and port for Prometheus, by member.
        self.targets: dict[str, str] = {}
        self._ready: dict[str, str] = {}

    def start(self, kind: str, *, lean: bool | tuple[str, ...] = False, **environment: str) -> Member:
        """Start an "api", a "worker" or a "sweep".

        `lean`: a worker with trivial networks that paint nothing; or the modules of such a worker in another release.
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
        """Wait until these members, or all, are ready, and return the seconds. Raises TimeoutError."""
        taken = 0.0
        for member in members or self.fleet.members:
            taken += until(lambda url=self._ready[member.name]: _is_ready(url), _PATIENCE, f"{member.name} is ready")  # type: ignore[misc]  # mypy knows no defaults of lambdas
        return taken

    def stop(self, member: Member) -> float:
        """Send SIGTERM, wait for the end, and return the seconds. Raises TimeoutError after the grace period."""
        member.part.terminate()
        return until(lambda: member.part.exit_status is not None, _GRACE, f"{member.name} stops")


def until(holds: Callable[[], bool], patience: float, what: str) -> float:
    """Wait until `holds` returns true, and return the seconds. Raises TimeoutError.

    A pause of this process, on a suspended or busy machine, counts as at most two seconds: the parts paused as well.
    """
    taken, last = 0.0, time.monotonic()
    while not holds():
        if taken > patience:
            raise TimeoutError(f"Waited {patience:.0f} s in vain until {what}. See the logs of the parts.")
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
