"""The callers of a storm: their orders, their retries, and every answer, for the verdict."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx
from ulid import ULID

from benchmarks.robustness.mender import CUTOUTS, Mender
from testkit.photos import Deed, bad, good, with_deed

_SWAP, _ORDERS = "/v1/background-swap-with-spec", "/v1/orders"


class Kind(StrEnum):
    """Kinds of orders. The API accepts the upper ones where credits suffice, and never the lower ones."""

    GOOD = "good photo"
    SLOW = "slow photo"
    DUPLICATED = "good photo, sent three times at once with one key"
    BAD = "bad photo"
    HUNGRY = "photo that takes too much memory"
    KILLED = "photo that kills its worker"
    HUNG = "photo that hangs its worker"
    CANCELLED = "slow photo, cancelled by its client"
    MANY = "order of several photos, one of them bad, perhaps cancelled"
    CUT_OUT = "good photo, cut out, mended, and mended again"
    KEEPS = "good photo in a scene, with limits that it keeps"
    MISSES = "good photo in a scene, with limits that no picture keeps"
    CONFLICTING = "another body with a used key"
    MISSING = "key of no photo"
    FOREIGN = "another client's photo"
    MALFORMED = "preset that does not exist"
    STRANGER = "unknown bearer"


#: How often each is ordered.
SHARES = {
    Kind.GOOD: 28,
    Kind.SLOW: 12,
    Kind.DUPLICATED: 14,
    Kind.BAD: 8,
    Kind.HUNGRY: 2,
    Kind.KILLED: 2,
    Kind.HUNG: 1,
    Kind.CANCELLED: 10,
    Kind.CUT_OUT: 10,
    Kind.MANY: 6,
    Kind.KEEPS: 8,
    Kind.MISSES: 10,
    Kind.CONFLICTING: 3,
    Kind.MISSING: 3,
    Kind.FOREIGN: 3,
    Kind.MALFORMED: 2,
    Kind.STRANGER: 2,
}
#: The greatest mean difference of the colours. No picture has exactly the asked ones, so that three are made.
LIMITS = {Kind.KEEPS: 100, Kind.MISSES: 0}
REFUSED = {Kind.CONFLICTING, Kind.MISSING, Kind.FOREIGN, Kind.MALFORMED, Kind.STRANGER}


@dataclass(frozen=True)
class Try:
    """One request. `status` 0: no answer came. -1: no connection, so that nothing was sent."""

    status: int
    code: str = ""
    #: X-Request-Id of the answer.
    request_id: str = ""
    #: Of the job, or of the order of several pictures.
    job_id: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the answer reports a charge."""
        return self.status == 202

    @property
    def unknown(self) -> bool:
        """Whether it may have been charged, as far as the caller knows."""
        return self.status == 0 or self.code == "outcome_unknown"

    @property
    def again(self) -> bool:
        """Whether the caller should retry: the service asked for it, or no connection was made."""
        return self.status in {-1, 409, 429, 503}


@dataclass
class Submission:
    """One order as its caller knows it. `marker` is sent as the brand, so that its rows can be found."""

    kind: Kind
    client: str
    marker: str
    key: str | None
    tries: list[Try] = field(default_factory=list)
    #: Answers to its cancelling.
    cancels: list[Try] = field(default_factory=list)

    @property
    def job_id(self) -> str | None:
        """The job of an answer."""
        return next((one.job_id for one in self.tries if one.accepted), None)


@dataclass(frozen=True)
class Shopper:
    """A client with its bearer key and its uploaded photos by kind."""

    id: str
    bearer: str
    photos: dict[Any, str]

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authenticate it."""
        return {"Authorization": f"Bearer {self.bearer}"}


class Callers:
    """Threads that order from several APIs, at a steady pace, until stopped."""

    def __init__(
        self, addresses: Sequence[str], shoppers: Sequence[Shopper], *, seed: int, orders: int, seconds: float
    ) -> None:
        self._addresses = addresses
        self.shoppers = shoppers
        self._seed = seed
        self._pace = seconds / orders
        self.submissions: list[Submission] = []
        #: Answers that must never be given.
        self.violations: list[str] = []
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(6)]

    def start(self) -> None:
        """Start ordering."""
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop ordering, and wait for the outstanding answers."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, thread: int) -> None:
        choose = random.Random(f"{self._seed} {thread}")
        with httpx.Client(timeout=20) as http:
            while not self._stopping.wait(0):
                due = self._started + next(self._numbers) * self._pace
                if self._stopping.wait(max(0.0, due - time.monotonic())):
                    return
                self._order(choose, http)

    def _order(self, choose: random.Random, http: httpx.Client) -> None:
        (kind,) = choose.choices(list(SHARES), list(SHARES.values()))
        shopper = choose.choice(self.shoppers)
        key = f"key-{ULID()}" if kind is Kind.DUPLICATED or choose.random() < 0.6 else None
        submission = Submission(kind, shopper.id, f"storm-{ULID()}", key)
        headers = shopper.headers
        body: dict[str, Any] = {"scene_type": "white", "mood": "calm", "output_preset": "transparent_cutout"}
        body |= {"source_image_s3_key": self._photo(choose, http, kind, shopper), "pilot_brand": submission.marker}
        if kind is Kind.MALFORMED:
            body["output_preset"] = "no_such_place"
        elif kind is Kind.STRANGER:
            headers = {"Authorization": f"Bearer bd_{ULID()}"}
        elif kind is Kind.CONFLICTING:
            used = [one for one in self.submissions if one.client == shopper.id and one.key and one.kind not in REFUSED]
            accepted = [one for one in used if any(t.accepted for t in one.tries)]
            if not accepted:
                return
            submission.key = choose.choice(accepted).key
        path = _SWAP
        if kind in LIMITS:
            body |= {"scene_type": "podium", "dominant_colors": ["teal"], "output_preset": "open_graph"}
            path += f'?width=240&height=126&accept={{"palette_mean":{LIMITS[kind]}}}'
        if kind is Kind.CUT_OUT:
            # The order's own id is sent in place of the brand.
            path = f"{CUTOUTS}?reference={submission.marker}"
            body = {"source_image_s3_key": body["source_image_s3_key"]}
        elif kind is Kind.MANY:
            photos = [body.pop("source_image_s3_key"), shopper.photos[Kind.GOOD], shopper.photos["image_truncated"]]
            body |= {"photos": [{"source_image_s3_key": one} for one in photos], "presets": [body.pop("output_preset")]}
            path, body["variants"] = _ORDERS, 2
        self.submissions.append(submission)
        if submission.key:
            headers = headers | {"Idempotency-Key": submission.key}
        rounds = 3 if kind is Kind.DUPLICATED else 1
        with ThreadPoolExecutor(rounds) as pool:
            seeds = [choose.random() for _ in range(rounds)]
            list(
                pool.map(
                    lambda seed: self._until_answered(random.Random(seed), http, submission, path, body, headers), seeds
                )
            )
        self._look(choose, http, shopper, submission)

    def _photo(self, choose: random.Random, http: httpx.Client, kind: Kind, shopper: Shopper) -> str:
        """Return the key of a photo of that kind: an uploaded one, or now and then a new one."""
        if kind is Kind.MISSING:
            return f"uploads/{shopper.id}/{ULID()}.png"
        if kind is Kind.FOREIGN:
            return next(other.photos[Kind.GOOD] for other in self.shoppers if other is not shopper)
        if kind is Kind.BAD:
            return shopper.photos[choose.choice(list(bad()))]
        new = good(choose.randrange(30000)) if kind is Kind.GOOD and choose.random() < 0.3 else None
        if kind in {Kind.SLOW, Kind.CANCELLED}:
            new = with_deed(Deed.SLOW)  # the uploaded photo may be cut out already, and no longer slow
        if new is not None:
            try:
                return upload(http, choose.choice(self._addresses), shopper.headers, new)
            except (httpx.HTTPError, KeyError):
                pass  # the uploaded photo will do
        return shopper.photos.get(kind, shopper.photos[Kind.GOOD])

    def _until_answered(
        self,
        choose: random.Random,
        http: httpx.Client,
        submission: Submission,
        path: str,
        body: dict[str, Any],
        headers: dict[str, str],
    ) -> None:
        """Retry as a careful caller does: where the service asks for it, and after a lost answer only with a key."""
        for _ in range(10):
            one = self._try(http, "POST", choose.choice(self._addresses) + path, headers, body)
            submission.tries.append(one)
            if not (one.again or (one.unknown and submission.key)):
                return
            if self._stopping.wait(choose.uniform(0.2, 1.5)):
                return

    @staticmethod
    def _try(
        http: httpx.Client, method: str, url: str, headers: dict[str, str], body: dict[str, Any] | None = None
    ) -> Try:
        try:
            answer = http.request(method, url, json=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return Try(-1)
        except httpx.HTTPError:
            return Try(0)
        said = answer.json() if answer.headers.get("content-type", "").endswith("json") else {}
        request_id = said.get("request_id") or answer.headers.get("x-request-id", "")
        return Try(answer.status_code, said.get("code", ""), request_id, said.get("job_id") or said.get("order_id", ""))

    def _look(self, choose: random.Random, http: httpx.Client, shopper: Shopper, submission: Submission) -> None:
        """Ask for the job as its client and as another client, which also tries to cancel it. Perhaps cancel it."""
        job_id = submission.job_id
        if job_id is None:
            return
        many = submission.kind is Kind.MANY
        other = next(one for one in self.shoppers if one is not shopper)
        for method, who, right in (("GET", shopper, 200), ("GET", other, 404), ("DELETE", other, 404)):
            url = f"{choose.choice(self._addresses)}{_ORDERS if many else '/v1/jobs'}/{job_id}"
            status = self._try(http, method, url, who.headers).status
            if status not in {right, 503, 0, -1}:
                self.violations.append(f"{method} job {job_id} by {who.id} was answered {status}, and not {right}")
        if submission.kind is Kind.CUT_OUT:
            strangers = [one.headers for one in self.shoppers if one is not shopper]
            mender = Mender(choose, http, self._addresses, shopper.headers, strangers, self._stopping)
            self.violations += mender.mend(job_id)
        if submission.kind is Kind.CANCELLED or (many and choose.random() < 0.3):
            self._cancel(choose, http, shopper, submission)

    def _cancel(self, choose: random.Random, http: httpx.Client, shopper: Shopper, submission: Submission) -> None:
        self._stopping.wait(choose.uniform(0, 3))
        for _ in range(10):
            kind = _ORDERS if submission.kind is Kind.MANY else "/v1/jobs"
            url = f"{choose.choice(self._addresses)}{kind}/{submission.job_id}"
            submission.cancels.append(one := self._try(http, "DELETE", url, shopper.headers))
            if one.status in {200, 409}:
                return
            if one.status not in {503, 0, -1}:
                self.violations.append(f"DELETE job {submission.job_id} was answered {one.status} {one.code}")
            if self._stopping.wait(choose.uniform(0.2, 1.5)):
                return


def upload(http: httpx.Client, address: str, headers: dict[str, str], photo: bytes) -> str:
    """Upload a photo and return its key. Raises HTTPError, or KeyError for an answer without a key."""
    reserved = http.post(f"{address}/v1/uploads", json={"content_type": "image/png"}, headers=headers).json()
    http.put(reserved["url"], headers=reserved["headers"], content=photo).raise_for_status()
    return str(reserved["key"])


def photos_of(put: Callable[[bytes], str]) -> dict[Any, str]:
    """Upload one photo of each kind, by `put`, and return their keys."""
    deeds = {Kind.SLOW: Deed.SLOW, Kind.CANCELLED: Deed.SLOW}
    deeds |= {Kind.HUNGRY: Deed.HUNGRY, Kind.KILLED: Deed.KILLED, Kind.HUNG: Deed.STUCK}
    keys: dict[Any, str] = {Kind.GOOD: put(good())}
    keys |= {kind: put(with_deed(deed)) for kind, deed in deeds.items()}
    return keys | {code: put(data) for code, data in bad().items()}
