"""A caller that mends a cut-out: masks, subjects and resets in any order, while others swap the same photo."""

import random
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from testkit.photos import mask

CUTOUTS = "/v1/cutouts"
#: Expected statuses per request: done, not over yet, gone with its photo, refused, asked to wait. 0: no answer.
_RIGHT = {"GET": {200, 404}, "PUT": {200, 404, 409, 422}, "DELETE": {200, 404, 409}}
_AWAY = {0, -1, 429, 503}


class Mender:
    """One round of mending, for one thread. `strangers`: headers of clients that do not own the cut-out."""

    def __init__(
        self,
        choose: random.Random,
        http: httpx.Client,
        addresses: Sequence[str],
        headers: dict[str, str],
        strangers: Sequence[dict[str, str]],
        stopping: threading.Event,
    ) -> None:
        self._choose, self._http, self._addresses = choose, http, addresses
        self._headers, self._strangers, self._stopping = headers, strangers, stopping

    def mend(self, public_id: str) -> list[str]:
        """Mend a cut-out a few times, also as another client, and return the answers that must never be given."""
        violations = []
        for _ in range(self._choose.randrange(3, 8)):
            if self._stopping.wait(self._choose.uniform(0, 0.8)):
                break
            method, what, options = self._choose.choice(list(_requests(self._choose)))
            stranger = self._choose.random() < 0.2
            headers = self._choose.choice(self._strangers) if stranger else self._headers
            status = self._ask(method, f"{CUTOUTS}/{public_id}{what}", headers, **options)
            right = {404} if stranger else _RIGHT[method]
            if status not in right | _AWAY:
                who = "a stranger" if stranger else "its client"
                violations.append(f"{method} {what} of cut-out {public_id} by {who} was answered {status}")
        return violations

    def _ask(self, method: str, path: str, headers: dict[str, str], **options: Any) -> int:
        try:
            url = self._choose.choice(self._addresses) + path
            return self._http.request(method, url, headers=headers, **options).status_code
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return -1
        except httpx.HTTPError:
            return 0


def _requests(choose: random.Random) -> Iterator[tuple[str, str, dict[str, Any]]]:
    yield "GET", "", {}
    yield "PUT", "/mask", {"content": mask(choose.randrange(1000))}
    yield "PUT", "/mask", {"content": mask(choose.randrange(1000))}
    yield "PUT", "/subjects", {"json": {"keep": [choose.choice([1, 2, 9])]}}
    yield "DELETE", "/mask", {}
