"""A batch at a server: each photo is sent once, each pair paid once, and a job that runs followed, not repeated."""

import asyncio
import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backdrop_client import (
    Accepted,
    AsyncBackdrop,
    BackdropError,
    InsufficientCredits,
    Job,
    NotFound,
    Progress,
    Refused,
    Spec,
    Unauthorized,
)
from pipeline.core.order import SwapOrder
from service.batch.batch import Tell
from service.batch.pairs import Pair
from service.batch.photos import Photo, read_unchanged
from service.batch.state import Failed, Failure, Made, State, file_name, measurements


class RemoteMaker:
    """Makes pictures at a server. Lives as long as the batch."""

    def __init__(
        self, backdrop: AsyncBackdrop, url: str, state: State, out: Path, *, photos: Sequence[Photo] = ()
    ) -> None:
        self._backdrop, self._url, self._state, self._out = backdrop, url.rstrip("/"), state, out
        #: Photos of the same bytes are one order, so they go by one name: the first of the batch's.
        self._references = {photo.sha256: reference_of(photo) for photo in reversed(photos)}
        self._uploading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: What would refuse every other pair as well: no credits are left, or the key is not good.
        self._refused: Refused | None = None

    async def make(self, pair: Pair, tell: Tell) -> Made:
        """Send a pair, or follow its job, and download its picture. Raises Failure."""
        try:
            job = await self._job(pair, tell)
            if job.error is not None:
                raise Failure(job.error.code, job.error.message, job_id=job.job_id, job_over=True)
            render = job.expect_render()
            file = file_name(pair.stem, render.format)
            tell("download", 1.0)
            await self._backdrop.download(render, self._out / file)
        except Refused as error:
            if isinstance(error, InsufficientCredits | Unauthorized):
                self._refused = error
            raise Failure(error.code, str(error), job_id=self._state.entry(pair.key).job_id) from error
        except BackdropError as error:
            raise Failure("unreachable", str(error), job_id=self._state.entry(pair.key).job_id) from error
        took = (job.finished_at - job.created_at).total_seconds() if job.finished_at else 0.0
        return Made(
            file=file,
            sha256=render.sha256,
            width=render.width,
            height=render.height,
            seed=render.seed,
            credits=job.credits_cost - job.credits_refunded,
            seconds=round(took, 2),
            warnings=render.warnings,
            job_id=job.job_id,
            **measurements(render.report),
        )

    async def _job(self, pair: Pair, tell: Tell) -> Job:
        def hear(now: Progress) -> None:
            if now.status != "NOT_STARTED":
                tell(now.stage or "started", now.progress)
            else:
                tell("queued", 0.0)

        entry = self._state.entry(pair.key)
        if entry.job_id is not None and entry.url == self._url:
            try:
                job = await self._backdrop.wait(entry.job_id, on_progress=hear)
            except NotFound:
                pass  # another client's: with this key it is another order
            else:
                if job.error is not None or job.render is not None:
                    return job
                gone = Failed("render_gone", "The server keeps this picture no longer.", job_id=job.job_id)
                self._state.ended(pair.key, gone, job_over=True)
        if self._refused is not None:
            raise self._refused
        tell("upload", 0.0)
        key = await self._uploaded(pair.photo)
        tell("submit", 0.0)
        try:
            accepted = await self._submit(pair, key)
        except NotFound:  # the photo was sent long ago, and has expired; nothing was charged under this key
            accepted = await self._submit(pair, await self._uploaded(pair.photo, instead_of=key))
        self._state.submitted(pair.key, self._url, accepted.job_id)
        return await self._backdrop.wait(accepted, on_progress=hear)

    async def _submit(self, pair: Pair, source_key: str) -> Accepted:
        attempt = self._state.entry(pair.key).attempt
        # The same after a crash, so that what was accepted then is not accepted again.
        made_of = f"{self._state.run_id} {pair.id} {source_key} {attempt}"
        seed = self._state.entry(pair.key).seed
        if seed is not None:
            made_of += f" {seed}"  # photos of the same bytes may be reviewed differently
        return await self._backdrop.swap(
            spec_of(pair.order if seed is None else replace(pair.order, seed=seed)),
            source_key=source_key,
            idempotency_key="batch-" + hashlib.sha256(made_of.encode()).hexdigest(),
            reference=self._references.get(pair.photo.sha256, reference_of(pair.photo)),
        )

    async def _uploaded(self, photo: Photo, *, instead_of: str | None = None) -> str:
        """Return the key of a photo, sending it where the server has none but `instead_of`."""
        async with self._uploading[photo.sha256]:
            known = self._state.upload(self._url, photo.sha256)
            if known is not None and known != instead_of:
                return known
            data = await asyncio.to_thread(read_unchanged, photo)
            key = await self._backdrop.upload(data)
            self._state.uploaded(self._url, photo.sha256, key)
            return key


def reference_of(photo: Photo) -> str | None:
    """Return by which id of its caller's a server is told of a photo's jobs: the file's name, as far as it may be one.

    The path from the batch's folder, without control characters, and of a long one the last 200 characters.
    """
    return "".join(letter for letter in photo.name if unicodedata.category(letter) not in ("Cc", "Cs"))[-200:] or None


def spec_of(order: SwapOrder) -> Spec:
    """Return an order as the client of a server has it; what is no part of a spec is given beside it."""
    return Spec(
        order.scene,
        order.mood,
        order.preset,
        order.colors,
        order.brand,
        order.seed,
        **order.given,
        subject=order.subject,
    )
