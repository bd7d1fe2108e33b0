"""A batch at a server. It uploads each photo once, pays for each pair once, and follows jobs that already run."""

import asyncio
import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from backdrop_client import (
    Accepted,
    AsyncBackdrop,
    BackdropError,
    InsufficientCredits,
    Job,
    NotFound,
    Refused,
    Spec,
    Unauthorized,
)
from pipeline.core.order import SwapOrder
from service.batch.pairs import Pair, Photo, read_unchanged
from service.batch.state import Failed, Failure, Made, State, file_name, keep_report, measurements
from service.catalogue.specs import extra_sources, with_sources

#: Most pictures of one order of a batch, copies of a photo aside.
_MOST = 200
#: Most variants of an order.
_LOOKS = 8


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

    async def make(self, pair: Pair) -> Made:
        """Submit a pair, or follow its job, and download its picture. Raises Failure."""
        try:
            job = await self._job(pair)
            if job.error is not None:
                raise Failure(job.error.code, job.error.message, job_over=True)
            render = job.expect_render()
            file = file_name(pair.stem, render.format)
            await self._backdrop.download(render, self._out / file)
            keep_report(self._out, file, render.report)
        except Refused as error:
            if isinstance(error, InsufficientCredits | Unauthorized):
                self._refused = error
            raise Failure(error.code, str(error)) from error
        except BackdropError as error:
            raise Failure("unreachable", str(error)) from error
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

    async def order(self, backdrop: AsyncBackdrop, pairs: Sequence[Pair]) -> None:
        """Submit pairs that have no job as orders of many pictures. `make` then follows their jobs.

        Pairs that can't be ordered together are left to `make`: an older server, too few credits, a bad photo.
        """
        known = {pair.key: pair for pair in pairs}
        doubtful = [known[key] for key in self._state.unanswered if key in known]
        if len(doubtful) < len(self._state.unanswered):
            doubtful = []  # its photos have changed since, so the same order can't be sent again
            self._state.ordered(self._url, {})
        others = [pair for pair in pairs if self._orderable(pair) and pair not in doubtful]
        try:
            for group in [doubtful, *_together(others)]:  # the doubtful order first, so that nobody pays twice
                if len(group) > 1:
                    await self._order(backdrop, group)
        except (Refused, Failure):
            self._state.ordered(self._url, {})
        except BackdropError:
            pass  # it may have been accepted; the next run asks again with the same key

    def _orderable(self, pair: Pair) -> bool:
        entry = self._state.entry(pair.key)
        return not (entry.job_id or entry.attempt or entry.seed is not None or pair.photo.trouble)

    async def _order(self, backdrop: AsyncBackdrop, group: Sequence[Pair]) -> None:
        photos = {pair.photo.sha256: pair.photo for pair in group}
        keys = await asyncio.gather(*(self._uploaded(photo) for photo in photos.values()))
        named = zip(keys, photos.values(), strict=True)
        sources = [{"source_image_s3_key": key, "reference": self._reference(photo)} for key, photo in named]
        made_of = f"{self._state.run_id} order {[pair.id for pair in group]} {keys}"
        looks = list(dict.fromkeys(pair.look for pair in group))
        shared = looks[0]  # all of them have its brand and subject; the rest of a look goes into its variant
        variants = [_variant(await self._with_files(look)) for look in looks]
        self._state.ordering([pair.key for pair in group])
        order = await backdrop.order(
            sources,
            Spec(shared.scene, shared.mood, "", brand=shared.brand, subject=shared.subject),
            variants=variants,
            presets=list(dict.fromkeys(pair.preset for pair in group)),
            idempotency_key="batch-" + hashlib.sha256(made_of.encode()).hexdigest(),
        )
        places = {sha256: place for place, sha256 in enumerate(photos)}
        pictures = backdrop.iter_order_pictures(order)
        jobs = {(one.photo, one.variant, one.output_preset): one.job_id async for one in pictures}
        made = {pair.key: (places[pair.photo.sha256], looks.index(pair.look), pair.preset) for pair in group}
        self._state.ordered(self._url, {key: jobs[place] for key, place in made.items()})

    async def _job(self, pair: Pair) -> Job:
        entry = self._state.entry(pair.key)
        if entry.job_id is not None and entry.url == self._url:
            with suppress(NotFound):  # it belongs to another client, so with this key it is another order
                job = await self._backdrop.wait(entry.job_id)
                if job.error is not None or job.render is not None:
                    return job
                gone = Failed("render_gone", "The server no longer keeps this picture.", job_id=job.job_id)
                self._state.ended(pair.key, gone, job_over=True)
        if self._refused is not None:
            raise self._refused
        if pair.key in self._state.unanswered:
            raise Failure("unreachable", "Its order may have been accepted. Run the same command again.")
        key = await self._uploaded(pair.photo)
        order = await self._with_files(pair.order)
        try:
            accepted = await self._submit(pair, order, key)
        except NotFound:  # the photo has expired since its upload; nothing was charged under this key
            accepted = await self._submit(pair, order, await self._uploaded(pair.photo, instead_of=key))
        self._state.submitted(pair.key, self._url, accepted.job_id)
        return await self._backdrop.wait(accepted)

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
            reference=self._reference(pair.photo),
        )

    def _reference(self, photo: Photo) -> str | None:
        return self._references.get(photo.sha256, reference_of(photo))

    async def _with_files(self, order: SwapOrder) -> SwapOrder:
        """Return an order with keys in place of its files, such as logos, which are uploaded once, as photos are."""
        keys = dict[str, str]()
        for name in extra_sources(order).values():
            if (path := Path(name)).is_file():
                data = await asyncio.to_thread(path.read_bytes)
                keys[name] = await self._uploaded(Photo(name, path, hashlib.sha256(data).hexdigest()))
        return with_sources(order, keys)

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


def _together(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Return groups of pairs that an order can have: photos with the same looks and presets, at most _MOST pictures.

    Files with the same bytes are one photo. Its looks are variants of one order, so that the server makes and charges
    pictures that are the same once.
    """
    of_photo: defaultdict[Any, list[Pair]] = defaultdict(list)
    for pair in pairs:
        of_photo[pair.photo.sha256, pair.look.brand, pair.look.subject].append(pair)
    alike: defaultdict[Any, list[list[Pair]]] = defaultdict(list)
    for some in of_photo.values():
        cells = dict.fromkeys((pair.look, pair.preset) for pair in some)
        looks, presets = (tuple(dict.fromkeys(one)) for one in zip(*cells, strict=True))
        if len(cells) == len(looks) * len(presets) and len(looks) <= _LOOKS:
            alike[looks, presets].append(some)
    groups = []
    for (looks, presets), photos in alike.items():
        size = max(1, _MOST // (len(looks) * len(presets)))
        for start in range(0, len(photos), size):
            groups.append([pair for one in photos[start : start + size] for pair in one])
    return groups


def _variant(look: SwapOrder) -> dict[str, Any]:
    own = {"scene_type": look.scene, "mood": look.mood, "dominant_colors": list(look.colors)}
    return own | {"seed": look.seed, "options": look.given}


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
