"""The two clients: `Backdrop` blocks, `AsyncBackdrop` awaits. `Api` documents their methods."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import update_wrapper
from inspect import signature
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self

from backdrop_client.api import Api
from backdrop_client.connection import Connection
from backdrop_client.flow import Flow, T
from backdrop_client.results import Page, Pages
from backdrop_client.retries import DEFAULT, Retries
from backdrop_client.running import AsyncRunner, Runner

P = ParamSpec("P")


def _named(method: Callable[..., Any], asked: Callable[..., Any], many: Any = None) -> None:
    """Copy the name, docstring and signature of an `Api` method to a client's method. `many` wraps the result type."""
    seen = signature(asked)
    result = seen.return_annotation.__args__[-1]  # T of Flow[T] or Pages[T]
    update_wrapper(method, asked)
    vars(method)["__signature__"] = seen.replace(return_annotation=many[result] if many else result)


def _blocking(flow: Callable[Concatenate[Api, P], Flow[T]]) -> Callable[Concatenate["Backdrop", P], T]:
    def method(self: "Backdrop", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(flow(self._api, *args, **kwargs))

    _named(method, flow)
    return method


def _iterating(pages: Callable[Concatenate[Api, P], Pages[T]]) -> Callable[Concatenate["Backdrop", P], Iterator[T]]:
    def method(self: "Backdrop", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        asked, cursor = pages(self._api, *args, **kwargs), None
        while True:
            page: Page[T] = self._run(asked.page(cursor))
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    _named(method, pages, Iterator)
    return method


def _awaited(
    flow: Callable[Concatenate[Api, P], Flow[T]],
) -> Callable[Concatenate["AsyncBackdrop", P], Coroutine[Any, Any, T]]:
    async def method(self: "AsyncBackdrop", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(flow(self._api, *args, **kwargs))

    _named(method, flow)
    return method


def _iterating_async(
    pages: Callable[Concatenate[Api, P], Pages[T]],
) -> Callable[Concatenate["AsyncBackdrop", P], AsyncIterator[T]]:
    async def method(self: "AsyncBackdrop", /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        asked, cursor = pages(self._api, *args, **kwargs), None
        while True:
            page: Page[T] = await self._run(asked.page(cursor))
            for item in page.items:
                yield item
            if (cursor := page.next_cursor) is None:
                return

    _named(method, pages, AsyncIterator)
    return method


class Backdrop:
    """A Backdrop server from a client's view. Thread-safe. Close it, or use it in a `with` block.

    A method retries temporary errors as `retries` says. Then it raises Refused for an error from the server,
    Unreachable without an answer, or UnexpectedAnswer for an answer that does not come from Backdrop. Durations are in
    seconds.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 30.0,
        retries: Retries = DEFAULT,
    ) -> None:
        self._run = Runner(Connection(url, key, timeout))
        self._api = Api(retries)

    def __enter__(self) -> Self:
        """Close it at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._run.http.close()

    upload = _blocking(Api.upload)
    upload_url = _blocking(Api.upload_url)
    swap = _blocking(Api.swap)
    plan = _blocking(Api.plan)
    job = _blocking(Api.job)
    wait = _blocking(Api.wait)
    cancel = _blocking(Api.cancel)
    swap_file = _blocking(Api.swap_file)
    render = _blocking(Api.render)
    review = _blocking(Api.review)
    delete_render = _blocking(Api.delete_render)
    delete_photo = _blocking(Api.delete_photo)
    download = _blocking(Api.download)
    cutout = _blocking(Api.cutout)
    cutout_by_id = _blocking(Api.cutout_by_id)
    mend = _blocking(Api.mend)
    answer = _blocking(Api.answer)
    reset = _blocking(Api.reset)
    download_mask = _blocking(Api.download_mask)
    credits = _blocking(Api.credits)
    usage = _blocking(Api.usage)
    scene_types = _blocking(Api.scene_types)
    moods = _blocking(Api.moods)
    output_presets = _blocking(Api.output_presets)
    brands = _blocking(Api.brands)
    brand = _blocking(Api.brand)
    save_brand = _blocking(Api.save_brand)
    keys = _blocking(Api.keys)
    add_key = _blocking(Api.add_key)
    delete_key = _blocking(Api.delete_key)
    webhook = _blocking(Api.webhook)
    set_webhook = _blocking(Api.set_webhook)
    rotate_webhook_secret = _blocking(Api.rotate_webhook_secret)
    delete_webhook = _blocking(Api.delete_webhook)
    webhook_test = _blocking(Api.webhook_test)
    delivery = _blocking(Api.delivery)
    redeliver = _blocking(Api.redeliver)
    export_data = _blocking(Api.export_data)
    delete_data = _blocking(Api.delete_data)
    iter_deliveries = _iterating(Api.iter_deliveries)
    order = _blocking(Api.order)
    order_plan = _blocking(Api.order_plan)
    order_by_id = _blocking(Api.order_by_id)
    wait_order = _blocking(Api.wait_order)
    cancel_order = _blocking(Api.cancel_order)
    download_order = _blocking(Api.download_order)
    download_order_sheet = _blocking(Api.download_order_sheet)
    iter_jobs = _iterating(Api.iter_jobs)
    iter_orders = _iterating(Api.iter_orders)
    iter_order_pictures = _iterating(Api.iter_order_pictures)
    iter_renders = _iterating(Api.iter_renders)
    iter_cutouts = _iterating(Api.iter_cutouts)
    iter_credits = _iterating(Api.iter_credits)


class AsyncBackdrop:
    """A Backdrop server from a client's view, for an event loop. Like `Backdrop`, but with awaited methods.

    Close it, or use it in an `async with` block.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 30.0,
        retries: Retries = DEFAULT,
    ) -> None:
        self._run = AsyncRunner(Connection(url, key, timeout))
        self._api = Api(retries)

    async def __aenter__(self) -> Self:
        """Close it at the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._run.http.aclose()

    upload = _awaited(Api.upload)
    upload_url = _awaited(Api.upload_url)
    swap = _awaited(Api.swap)
    plan = _awaited(Api.plan)
    job = _awaited(Api.job)
    wait = _awaited(Api.wait)
    cancel = _awaited(Api.cancel)
    swap_file = _awaited(Api.swap_file)
    render = _awaited(Api.render)
    review = _awaited(Api.review)
    delete_render = _awaited(Api.delete_render)
    delete_photo = _awaited(Api.delete_photo)
    download = _awaited(Api.download)
    cutout = _awaited(Api.cutout)
    cutout_by_id = _awaited(Api.cutout_by_id)
    mend = _awaited(Api.mend)
    answer = _awaited(Api.answer)
    reset = _awaited(Api.reset)
    download_mask = _awaited(Api.download_mask)
    credits = _awaited(Api.credits)
    usage = _awaited(Api.usage)
    scene_types = _awaited(Api.scene_types)
    moods = _awaited(Api.moods)
    output_presets = _awaited(Api.output_presets)
    brands = _awaited(Api.brands)
    brand = _awaited(Api.brand)
    save_brand = _awaited(Api.save_brand)
    keys = _awaited(Api.keys)
    add_key = _awaited(Api.add_key)
    delete_key = _awaited(Api.delete_key)
    webhook = _awaited(Api.webhook)
    set_webhook = _awaited(Api.set_webhook)
    rotate_webhook_secret = _awaited(Api.rotate_webhook_secret)
    delete_webhook = _awaited(Api.delete_webhook)
    webhook_test = _awaited(Api.webhook_test)
    delivery = _awaited(Api.delivery)
    redeliver = _awaited(Api.redeliver)
    export_data = _awaited(Api.export_data)
    delete_data = _awaited(Api.delete_data)
    iter_deliveries = _iterating_async(Api.iter_deliveries)
    order = _awaited(Api.order)
    order_plan = _awaited(Api.order_plan)
    order_by_id = _awaited(Api.order_by_id)
    wait_order = _awaited(Api.wait_order)
    cancel_order = _awaited(Api.cancel_order)
    download_order = _awaited(Api.download_order)
    download_order_sheet = _awaited(Api.download_order_sheet)
    iter_jobs = _iterating_async(Api.iter_jobs)
    iter_orders = _iterating_async(Api.iter_orders)
    iter_order_pictures = _iterating_async(Api.iter_order_pictures)
    iter_renders = _iterating_async(Api.iter_renders)
    iter_cutouts = _iterating_async(Api.iter_cutouts)
    iter_credits = _iterating_async(Api.iter_credits)
