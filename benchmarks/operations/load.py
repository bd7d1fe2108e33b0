"""A steady, small load of one client: swaps, previews, cut-outs and bad photos."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from benchmarks.robustness.callers import upload

_SWAP, _CUTOUT = "/v1/background-swap-with-spec", "/v1/cutouts"
_TRANSPARENT = {"scene_type": "white", "mood": "calm", "output_preset": "transparent_cutout"}
_WHITE = _TRANSPARENT | {"output_preset": "google_merchant"}
_SCENE = {"scene_type": "podium", "mood": "calm", "dominant_colors": [], "output_preset": "instagram_square"}
#: Kinds of requests in the counts, without ids.
_KINDS = ("a new job", "a job")
#: Failed polls in a row after which an API gets no more requests.
FALL = 3


class Balancer:
    """A load balancer: requests go in turn to the APIs that are ready by /health/ready.

    It polls each API every `every` seconds. As in Kubernetes and HAProxy, an API is ready after a 200, and no longer
    after `FALL` other results in a row. A refused connection is retried at the next API, because nothing was sent.
    Later failures reach the caller.
    """

    def __init__(self, addresses: Sequence[str] = (), *, every: float = 0.5) -> None:
        self._every = every
        #: Failed polls that each API has left; 0: it is not ready.
        self._left: dict[str, int] = {}
        self._turn = count()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        for address in addresses:
            self.add(address)

    def add(self, address: str, *, path: str = "/health/ready") -> None:
        """Poll an API at `path`, and send it requests when it is ready."""
        self._left[address] = 0
        self._threads.append(threading.Thread(target=self._look, args=(address, path), daemon=True))
        self._threads[-1].start()

    def leave_out(self, address: str) -> None:
        """Send an API no more requests, as Kubernetes does before it ends a pod."""
        del self._left[address]

    def _look(self, address: str, path: str) -> None:
        while True:
            try:
                well = httpx.get(f"{address}{path}", timeout=10).status_code == 200
            except httpx.HTTPError:
                well = False
            if address not in self._left:
                return
            self._left[address] = FALL if well else max(0, self._left[address] - 1)
            if self._over.wait(self._every):
                return

    @property
    def ready(self) -> list[str]:
        """Addresses of the APIs that are ready."""
        return [address for address, left in list(self._left.items()) if left]

    def request(self, http: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response | None:
        """Return the answer to a request; None if no API accepted a connection. Raises HTTPError if it broke later."""
        ready = self.ready
        turn = next(self._turn)
        for place in range(len(ready)):
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return http.request(method, ready[(turn + place) % len(ready)] + path, **options)
        return None

    def close(self) -> None:
        """Stop polling."""
        self._over.set()
        for thread in self._threads:
            thread.join()


@dataclass
class Answers:
    """Answers to the callers."""

    #: Counts by status and code: "202", "503 store_unavailable", "no API is ready", "broke: …".
    counts: Counter[str] = field(default_factory=Counter)
    #: Ids of the jobs in the answers.
    job_ids: list[str] = field(default_factory=list)
    #: By job id: the URL that ordered it, with the API and every option.
    urls: dict[str, httpx.URL] = field(default_factory=dict)

    @property
    def bad(self) -> dict[str, int]:
        """Counts of answers that restarts must not cause: 5xx, and broken requests."""
        return {name: number for name, number in self.counts.items() if not name[:1].isdigit() or name[0] == "5"}


class SteadyLoad:
    """Threads that send `rate` orders a second until `stop`. `photos` and `broken`: keys of uploads.

    Of eight orders one is a preview in a scene, which the generator paints, one a cut-out, and one has a broken file.
    `scenes` False: transparent swaps instead of previews, for workers without a generator. `options`: queries of good
    swaps, in turn. `kept`: seconds for which callers keep an idle connection, as balancers do.
    """

    def __init__(
        self,
        balancer: Balancer,
        bearer: str,
        photos: Sequence[str],
        broken: str,
        *,
        rate: float,
        scenes: bool = True,
        options: Sequence[Mapping[str, str]] = ({},),
        threads: int = 3,
        kept: float = 60.0,
    ) -> None:
        self._balancer, self._photos, self._broken, self._scenes = balancer, photos, broken, scenes
        self._options = options
        self._limits = httpx.Limits(keepalive_expiry=kept)
        self._headers = {"Authorization": f"Bearer {bearer}"}
        self._pace = 1 / rate
        self._numbers = count()
        self._over = threading.Event()
        self.answers = Answers()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def start(self) -> None:
        """Start the threads."""
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop ordering, and wait for outstanding answers."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        with httpx.Client(timeout=120, headers=self._headers, limits=self._limits) as http:
            while not self._over.is_set():
                number = next(self._numbers)
                if self._over.wait(max(0.0, self._started + number * self._pace - time.monotonic())):
                    return
                path, body, query = self._order(number)
                # One in eight waits for its job's end, at an API that may stop meanwhile.
                waits = {"Prefer": "wait=4"} if number % 8 == 1 else {}
                answer = self._ask(http, "POST", path, json=body, params=query, headers=waits)
                if answer is not None and answer.status_code == 202:
                    job_id = answer.json().get("job_id") or answer.json()["public_id"]
                    with self._lock:
                        self.answers.job_ids.append(job_id)
                        self.answers.urls[job_id] = answer.request.url
                    # Only after every second order: otherwise one of two APIs in turn would get no order.
                    if number % 2:
                        self._ask(http, "GET", f"/v1/jobs/{job_id}")

    def _order(self, number: int) -> tuple[str, dict[str, Any], Mapping[str, str]]:
        photo = {"source_image_s3_key": self._photos[number // 2 % len(self._photos)]}
        match number % 8:
            case 2 if self._scenes:
                return _SWAP, _SCENE | photo, {"preview": "true"}
            case 4:
                return _CUTOUT, photo, {}
            case 6:
                return _SWAP, _TRANSPARENT | {"source_image_s3_key": self._broken}, {}
        options = self._options[number % len(self._options)]
        return _SWAP, _WHITE | {"source_image_s3_key": self._photos[0]} if options else _TRANSPARENT | photo, options

    def _ask(self, http: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response | None:
        try:
            answer = self._balancer.request(http, method, path, **options)
            outcome = "no API is ready" if answer is None else _outcome(answer)
        except httpx.HTTPError as error:
            print(f"{time.strftime('%H:%M:%S')} {error!r}: {error.request.url}", file=sys.stderr)
            answer, outcome = None, f"broke: {type(error).__name__} at {method} {_KINDS[path.startswith('/v1/jobs')]}"
        with self._lock:
            self.answers.counts[outcome] += 1
        return answer


def _outcome(answer: httpx.Response) -> str:
    if answer.status_code < 400:
        return str(answer.status_code)
    problem = answer.json() if answer.headers.get("content-type", "").endswith("json") else {}
    return f"{answer.status_code} {problem.get('code', '')}".strip()


def upload_photos(address: str, bearer: str, photos: Sequence[bytes]) -> list[str]:
    """Upload PNGs, and return their keys. Raises HTTPError."""
    with httpx.Client(timeout=60) as http:
        return [upload(http, address, {"Authorization": f"Bearer {bearer}"}, photo) for photo in photos]
