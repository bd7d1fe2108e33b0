"""Orders of many pictures: their answers as types, and their calls as flows."""

import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from backdrop_client.downloading import received, written
from backdrop_client.errors import DownloadCorrupt, WaitTimeout
from backdrop_client.flow import JSON, Call, Flow, Pause, T, Work, in_json, once, quoted, sent
from backdrop_client.results import JobError, JobStatus, Notice, Page, Pages, decoded
from backdrop_client.retries import Retries, exchange
from backdrop_client.spec import Spec

ORDERS = "/v1/orders"
#: Items of one page of a list.
_PAGE = 100
OrderStatus = Literal["NOT_STARTED", "IN_PROGRESS", "SUCCESS", "PARTIAL", "FAILURE", "CANCELLED"]
#: Seconds between two looks at an order: the first pause, the factor of growth, the longest pause.
_FIRST_LOOK, _GROWTH, _LONGEST_LOOK = 0.5, 1.5, 10.0
#: An uploaded photo's key, or the JSON of a photo: source_image_s3_key or source_render_public_id, and if wished
#: reference, metadata and subject.
OrderPhoto = str | Mapping[str, Any]


@dataclass(frozen=True)
class OrderPlan:
    """The price and effect of an order, before anything is charged or stored."""

    pictures: int
    credits_cost: int
    balance: int
    affordable: bool
    warnings: list[Notice] = field(default_factory=list)
    #: Photos that can't be used: `photo` (its place in the list), `code` and `message`.
    faults: list[dict[str, Any]] = field(default_factory=list)
    #: Pictures that differ: each is made and charged once. None: an older server does not say.
    distinct_pictures: int | None = None


@dataclass(frozen=True)
class Order:
    """An order: its status, counts and credits. The answer to `order` has no counts and times yet."""

    order_id: str
    request_id: str
    status: OrderStatus
    pictures: int
    credits_cost: int
    credits_refunded: int = 0
    #: Pictures by state: not_started, in_progress, succeeded, failed, cancelled.
    counts: dict[str, int] = field(default_factory=dict)
    #: 0 to 1.
    progress: float = 0.0
    created_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    reference: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    #: As in `OrderPlan`.
    distinct_pictures: int | None = None


@dataclass(frozen=True)
class OrderPicture:
    """A picture of an order. `photo` and `variant` are places in the order's lists, from 0.

    Pictures with the same job are the same, and have the same file.
    """

    photo: int
    variant: int
    output_preset: str
    job_id: str
    status: JobStatus
    progress: float
    seed: int
    error: JobError | None = None
    #: Its file: public_id, url, width, height, format, bytes, sha256, warnings. `Backdrop.render` has its measurements.
    render: dict[str, Any] | None = None
    reference: str | None = None


class OrderCalls:
    """The calls about orders, a part of `backdrop_client.api.Api`."""

    _retries: Retries

    def order(
        self, photos: Sequence[OrderPhoto], spec: Spec, *, presets: Sequence[str] = (),
        variants: int | Sequence[Mapping[str, Any]] = 1, idempotency_key: str | None = None,
        reference: str | None = None,
    ) -> Flow[Order]:  # fmt: skip
        """Order a picture of each photo, in each variant, for each preset. All are charged, or none.

        Pictures that are the same are made and charged once. `presets`: in place of the spec's. `variants`: a number
        of seeds, or for each variant its own scene_type, mood, dominant_colors, seed or options. `idempotency_key`: as
        in `swap`.
        """
        headers = {**JSON, "Idempotency-Key": once(idempotency_key)}
        call = _call(photos, spec, presets, variants, reference, headers)
        return decoded((yield from exchange(call, self._retries)), Order)

    def order_plan(
        self, photos: Sequence[OrderPhoto], spec: Spec, *, presets: Sequence[str] = (),
        variants: int | Sequence[Mapping[str, Any]] = 1,
    ) -> Flow[OrderPlan]:  # fmt: skip
        """Return the price, the count, warnings and bad photos of an order. Charges nothing. Raises Invalid."""
        call = _call(photos, spec, presets, variants, None, JSON, {"dry_run": "true"})
        return decoded((yield from exchange(call, self._retries)), OrderPlan)

    def order_by_id(self, order: Order | str) -> Flow[Order]:
        """Return an order's current status, counts and credits."""
        return (yield from self._get(_of(order), Order, limit=1))

    def iter_orders(
        self,
        *,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> Pages[Order]:
        """Yield your orders, newest first, one page at a time. All given filters must fit."""
        given: dict[str, Any] = {"reference": reference, "metadata": metadata}
        given |= {"created_after": created_after, "created_before": created_before}
        return self._pages(ORDERS, Page[Order], **given)

    def iter_order_pictures(self, order: Order | str) -> Pages[OrderPicture]:
        """Yield the pictures of an order, one page at a time."""
        return self._pages(_of(order), Page[OrderPicture])

    def wait_order(
        self, order: Order | str, *, on_progress: Callable[[Order], None] | None = None, timeout: float | None = None
    ) -> Flow[Order]:
        """Return an order once all of its pictures are over. Raises WaitTimeout after `timeout` seconds."""
        end, pause, last = time.monotonic() + (timeout or float("inf")), _FIRST_LOOK, None
        while True:
            now = yield from self.order_by_id(order)
            if on_progress is not None and now != last:
                on_progress(now)
            last = now
            if now.completed_at is not None:
                return now
            if time.monotonic() + pause > end:
                raise WaitTimeout(now.order_id, timeout or 0.0)
            yield Pause(pause)
            pause = min(pause * _GROWTH, _LONGEST_LOOK)

    def cancel_order(self, order: Order | str) -> Flow[Order]:
        """Cancel and refund the pictures that have not begun. Raises Conflict if the order is over."""
        return decoded((yield from exchange(Call("DELETE", _of(order)), self._retries)), Order)

    def download_order(self, order: Order | str, path: str | Path) -> Flow[Path]:
        """Write an order's finished pictures to a ZIP: complete and checked, or not at all.

        Raises DownloadCorrupt, Refused, Unreachable and OSError.
        """
        return (yield from downloaded_zip(Call("GET", f"{_of(order)}/archive"), Path(path), self._retries))

    def download_order_sheet(self, order: Order | str, path: str | Path, *, page: int = 1) -> Flow[Path]:
        """Write an order's contact sheet, a WebP, to `path`. A large order has several, counted from 1."""
        call = Call("GET", f"{_of(order)}/sheet", query={"page": page}, patience=60.0)
        answer = yield from exchange(call, self._retries)
        yield Work(partial(Path(path).write_bytes, answer.content))
        return Path(path)

    def _get(self, path: str, kind: type[T], **query: str | int | list[str] | None) -> Flow[T]:
        given = {name: value for name, value in query.items() if value is not None}
        return decoded((yield from exchange(Call("GET", path, query=given), self._retries)), kind)

    def _pages(self, path: str, kind: type[Page[T]], **filters: Any) -> Pages[T]:
        query = {name: sent(value) for name, value in filters.items()}
        return Pages(lambda cursor: self._get(path, kind, **query, cursor=cursor, limit=_PAGE))


def _call(
    photos: Sequence[OrderPhoto], spec: Spec, presets: Sequence[str], variants: int | Sequence[Mapping[str, Any]],
    reference: str | None, headers: Mapping[str, str], query: Mapping[str, str] | None = None,
) -> Call:  # fmt: skip
    body = spec.body(source_key=None, source_render=None)
    preset = body.pop("output_preset")
    whole = {} if spec.subject is None else {"subject": list(spec.subject)}
    body["photos"] = [whole | ({"source_image_s3_key": one} if isinstance(one, str) else dict(one)) for one in photos]
    body["presets"] = list(presets) or [preset]
    body["variants"] = variants if isinstance(variants, int) else list(variants)
    more = {"options": spec.options(), "seed": spec.seed, "reference": reference, "metadata": dict(spec.metadata)}
    body |= {name: value for name, value in more.items() if value not in (None, {})}
    return Call("POST", ORDERS, query=query or {}, headers=headers, content=in_json(body), patience=60.0)


def _of(order: Order | str) -> str:
    return f"{ORDERS}/{quoted(order if isinstance(order, str) else order.order_id)}"


def downloaded_zip(call: Call, path: Path, retries: Retries) -> Flow[Path]:
    """Write a ZIP to `path`, as `download_order` does."""

    def fetch(part: Path) -> Flow[None]:
        yield from received(call, part)
        broken = yield Work(partial(_broken, part))
        if broken is not None:
            raise DownloadCorrupt(f"The ZIP arrived wrong ({broken}). Try the download again.")

    return (yield from written(path, call, fetch, retries))


def _broken(path: Path) -> str | None:
    """Return what is wrong with a ZIP; None if each file in it has its checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip()
    except zipfile.BadZipFile as error:
        return str(error)
