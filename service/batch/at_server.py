"""A batch at a server. It uploads each photo once, pays for each pair once, and follows jobs that already run."""

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
from service.catalogue.specs import extra_sources, with_sources


class RemoteMaker:
    """Make pictures at a server. Lives as long as the batch."""

    def __init__(
        self, backdrop: AsyncBackdrop, url: str, state: State, out: Path, *, photos: Sequence[Photo] = ()
    ) -> None:
        self._backdrop, self._url, self._state, self._out = backdrop, url.rstrip("/"), state, out
        #: Photos with the same bytes are one order, so they share a reference: that of the batch's first such photo.
        self._references = {photo.sha256: reference_of(photo) for photo in reversed(photos)}
        self._uploading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: A refusal that applies to every other pair as well: no credits are left, or the key is invalid.
        self._refused: Refused | None = None

    async def make(self, pair: Pair, tell: Tell) -> Made:
        """Submit a pair, or follow its job, and download its picture. Raises Failure."""
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
                pass  # it belongs to another client, so with this key it is another order
            else:
                if job.error is not None or job.render is not None:
                    return job
                gone = Failed("render_gone", "The server no longer keeps this picture.", job_id=job.job_id)
                self._state.ended(pair.key, gone, job_over=True)
        if self._refused is not None:
            raise self._refused
        tell("upload", 0.0)
        key = await self._uploaded(pair.photo)
        files = [name for name in extra_sources(pair.order).values() if Path(name).is_file()]
        order = with_sources(pair.order, {name: await self._file(name) for name in files})
        tell("submit", 0.0)
        try:
            accepted = await self._submit(pair, order, key)
        except NotFound:  # the photo has expired since its upload; nothing was charged under this key
            accepted = await self._submit(pair, order, await self._uploaded(pair.photo, instead_of=key))
        self._state.submitted(pair.key, self._url, accepted.job_id)
        return await self._backdrop.wait(accepted, on_progress=hear)

    async def _submit(self, pair: Pair, order: SwapOrder, source_key: str) -> Accepted:
        attempt = self._state.entry(pair.key).attempt
        # The same after a crash, so that the server does not accept the same order twice.
        made_of = f"{self._state.run_id} {pair.id} {source_key} {attempt}"
        seed = self._state.entry(pair.key).seed
        if seed is not None:
            made_of += f" {seed}"  # photos with the same bytes may be reviewed differently
        return await self._backdrop.swap(
            spec_of(order if seed is None else replace(order, seed=seed)),
            source_key=source_key,
            idempotency_key="batch-" + hashlib.sha256(made_of.encode()).hexdigest(),
            reference=self._references.get(pair.photo.sha256, reference_of(pair.photo)),
        )

    async def _file(self, path: str) -> str:
        """Return the key of another file of an order, such as a logo, which is uploaded once, as photos are."""
        data = await asyncio.to_thread(Path(path).read_bytes)
        digest = hashlib.sha256(data).hexdigest()
        async with self._uploading[digest]:
            key = self._state.upload(self._url, digest) or await self._backdrop.upload(data)
            self._state.uploaded(self._url, digest, key)
            return key

    async def _uploaded(self, photo: Photo, *, instead_of: str | None = None) -> str:
        """Return a photo's key. Upload the photo if the server has no key for it except `instead_of`."""
        async with self._uploading[photo.sha256]:
            known = self._state.upload(self._url, photo.sha256)
            if known is not None and known != instead_of:
                return known
            data = await asyncio.to_thread(read_unchanged, photo)
            key = await self._backdrop.upload(data)
            self._state.uploaded(self._url, photo.sha256, key)
            return key


def reference_of(photo: Photo) -> str | None:
    """Return the reference that a server shows with a photo's jobs: the file's name, as far as the API allows it.

    The path from the batch's folder, without control characters. Of a long path only the last 200 characters.
    """
    return "".join(letter for letter in photo.name if unicodedata.category(letter) not in ("Cc", "Cs"))[-200:] or None


def spec_of(order: SwapOrder) -> Spec:
    """Return an order as the server's client expects it. The client takes fields outside of a spec separately."""
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
