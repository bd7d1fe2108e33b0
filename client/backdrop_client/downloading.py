"""Downloads, which are checked, and written completely or not at all. A render has its size and SHA-256."""

import hashlib
import itertools
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx

from backdrop_client.errors import BackdropError, DownloadCorrupt, Refused, refusal
from backdrop_client.flow import Call, Chunk, Close, Flow, Open, Pause, Work
from backdrop_client.results import Render
from backdrop_client.retries import Retries, unreachable

#: Tries after wrong bytes. Bytes that are wrong each time are wrong at the server.
_WRONG = 3


def download(render: Render, path: Path, *, again: Callable[[str], Flow[Render]], retries: Retries) -> Flow[Path]:
    """Write a render's bytes to `path`, and make its folders. `again` returns the render with a fresh URL.

    Raises DownloadCorrupt, Refused, Unreachable and OSError. `path` does not change then.
    """

    def fetch(part: Path) -> Flow[None]:
        nonlocal render
        try:
            yield from _fetch(render, part)
        except Refused as error:
            if error.status not in {401, 403, 404}:
                raise
            render = yield from again(render.public_id)
            yield from _fetch(render, part)

    return (yield from written(path, Call("GET", render.url), fetch, retries))


def written(path: Path, call: Call, fetch: Callable[[Path], Flow[None]], retries: Retries) -> Flow[Path]:
    """Write to `path` what `fetch` writes to a file beside it. Makes the folders, and raises as `download` does."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    waited = 0.0
    try:
        yield Work(partial(path.parent.mkdir, parents=True, exist_ok=True))
        for attempt in itertools.count(1):
            try:
                yield from fetch(part)
                yield Work(partial(part.replace, path))
                return path
            except (Refused, DownloadCorrupt) as error:
                if isinstance(error, DownloadCorrupt) and attempt >= _WRONG:
                    raise
                failure: BackdropError = error
            except httpx.HTTPError as error:
                failure = unreachable(call, error)
                failure.__cause__ = error
            pause = retries.pause(attempt, failure, waited)
            if pause is None:
                raise failure
            waited += pause
            yield Pause(pause)
    finally:
        part.unlink(missing_ok=True)
    raise AssertionError("unreachable")


def received(call: Call, part: Path) -> Flow[None]:
    """Write an answer's bytes to `part`. Raises Refused."""
    answer: httpx.Response = yield Open(call)
    if not answer.is_success:
        raise refusal(answer)
    with part.open("wb") as file:
        while chunk := (yield Chunk()):
            yield Work(partial(file.write, chunk))
    yield Close()


def _fetch(render: Render, part: Path) -> Flow[None]:
    yield from received(Call("GET", render.url, with_key=False), part)
    count, digest = yield Work(lambda: (part.stat().st_size, hashlib.sha256(part.read_bytes()).hexdigest()))
    if (count, digest) != (render.bytes, render.sha256):
        raise DownloadCorrupt(
            f"The bytes of render {render.public_id} arrived wrong: {count} of {render.bytes}, with SHA-256 "
            f"{digest} instead of {render.sha256}. Try the download again."
        )
