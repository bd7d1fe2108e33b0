"""A batch at a server. It uploads each photo once, orders pictures in groups, and follows jobs that already run."""

import asyncio
import hashlib
import json
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backdrop_client import (
    AsyncBackdrop,
    BackdropError,
    InsufficientCredits,
    Job,
    NotFound,
    Refused,
    Retries,
    Spec,
    Unauthorized,
)
from pipeline.core.order import SwapOrder
from service.batch.pairs import Pair, Photo, read_unchanged
from service.batch.state import Entry, Failed, Failure, Made, State, file_name, keep_report, measurements
from service.catalogue.specs import extra_sources, with_sources

#: Most pictures of one order of a batch, copies of a photo aside.
_MOST = 200
#: Most variants of an order.
_LOOKS = 8
#: Most photos that are uploaded at once.
_UPLOADS = 8
#: Codes of a 429 that a smaller order may not meet.
_NO_ROOM = {"queue_full", "queue_share_taken", "too_many_unfinished_jobs"}


@dataclass(frozen=True)
class Unwaiting(Retries):
    """Retries that do not wait for room: an order that finds none is sent in halves."""

    def pause(self, attempt: int, error: BackdropError, waited: float) -> float | None:
        """Return the pause before the next try, or None to give up. `attempt` counts from 1."""
        return None if getattr(error, "code", "") in _NO_ROOM else super().pause(attempt, error, waited)


@dataclass(frozen=True)
class Wanted:
    """A picture that has no job at the server yet."""

    pair: Pair
    #: The pair's look, with the seed of a review.
    look: SwapOrder
    #: The number of its jobs that failed.
    attempt: int


class RemoteMaker:
    """Make pictures at a server. Lives as long as the batch.

    It sends orders and nothing else, as only an order charges pictures that are the same once. `backdrop` waits for
    room; `orders` has `Unwaiting` retries. `pairs`: all of the batch. `left`: those that it makes.
    """

    def __init__(
        self,
        backdrop: AsyncBackdrop,
        orders: AsyncBackdrop,
        url: str,
        state: State,
        out: Path,
        *,
        pairs: Sequence[Pair],
        left: Sequence[Pair],
    ) -> None:
        self._backdrop, self._orders, self._url, self._state, self._out = backdrop, orders, url.rstrip("/"), state, out
        #: Photos with the same bytes are one order, so they share a reference: that of the batch's first such photo.
        self._references = {pair.photo.sha256: reference_of(pair.photo) for pair in reversed(pairs)}
        self._uploading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._uploads = asyncio.Semaphore(_UPLOADS)
        #: Keys of photos that the server no longer has.
        self._gone = set[str]()
        #: One order is sent at a time.
        self._ordering = asyncio.Lock()
        self._groups = {one.pair.key: group for group in self._grouped(pairs, left) for one in group}
        #: Why this run could not order a pair.
        self._failures: dict[str, BackdropError | Failure] = {}
        #: A refusal that applies to every other pair as well: no credits are left, or the key is invalid.
        self._refused: Refused | None = None

    async def make(self, pair: Pair) -> Made:
        """Order a pair with its group, or follow its job, and download its picture. Raises Failure."""
        try:
            job = await self._job(pair)
            if job.error is not None:
                raise Failure(job.error.code, job.error.message, job_over=True)
            render = job.expect_render()
            file = file_name(pair.stem, render.format)
            await self._backdrop.download(render, self._out / file)
            keep_report(self._out, file, render.report)
        except Refused as error:
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

    def _grouped(self, pairs: Sequence[Pair], left: Sequence[Pair]) -> list[list[Wanted]]:
        """Return the groups in which pairs without a job are ordered. Copies of a picture that has a job share it."""
        entries = [(pair, self._state.entry(pair.key)) for pair in pairs]
        jobs = {(pair.id, entry.seed): entry.job_id for pair, entry in entries if self._has_job(entry)}
        wanted = dict[str, Wanted]()
        for pair in left:
            entry = self._state.entry(pair.key)
            if self._has_job(entry) or pair.photo.trouble:
                continue
            if job_id := jobs.get((pair.id, entry.seed)):
                self._state.ordered(self._url, [pair.key], {pair.key: job_id})
            else:
                wanted[pair.key] = self._wanted(pair)
        # An order in doubt is sent as it was, so that the server knows it again and nobody pays twice.
        doubtful = [keys for keys in self._state.unanswered if wanted.keys() >= {*keys}]
        groups = [[wanted.pop(key) for key in keys] for keys in doubtful]
        for keys in self._state.unanswered:
            if keys not in doubtful:  # its photos have changed since, so the same order can't be sent again
                self._state.ordered(self._url, keys, {})
        return groups + _together([*wanted.values()])

    def _has_job(self, entry: Entry) -> bool:
        return entry.job_id is not None and entry.url == self._url

    def _wanted(self, pair: Pair) -> Wanted:
        entry = self._state.entry(pair.key)
        return Wanted(pair, pair.look if entry.seed is None else replace(pair.look, seed=entry.seed), entry.attempt)

    async def _job(self, pair: Pair) -> Job:
        """Return a pair's job once it is over."""
        entry = self._state.entry(pair.key)
        if self._has_job(entry):
            with suppress(NotFound):  # it belongs to another client, so with this key it is another order
                job = await self._backdrop.wait(str(entry.job_id))
                if job.error is not None or job.render is not None:
                    return job
                gone = Failed("render_gone", "The server no longer keeps this picture.", job_id=job.job_id)
                self._state.ended(pair.key, gone, job_over=True)
            self._groups[pair.key] = [self._wanted(pair)]
        async with self._ordering:
            if group := self._groups.get(pair.key):
                await self._order(group)
        if pair.key in self._failures:
            raise self._failures[pair.key]
        return await self._backdrop.wait(str(self._state.entry(pair.key).job_id))

    async def _order(self, group: Sequence[Wanted]) -> None:
        """Order a group of pictures, in parts if the server refuses it whole. Keeps why a picture can't be ordered."""
        keys, parts = [one.pair.key for one in group], _parts(group)
        for key in keys:
            self._groups.pop(key, None)
        error: BackdropError | Failure
        try:
            if self._refused is not None:
                raise self._refused
            await self._sent(self._orders if parts else self._backdrop, group, again=not parts)
        except Refused as refused:
            error = refused
            in_doubt = refused.status >= 500 or refused.code in ("idempotency_in_flight", "outcome_unknown")
        except Failure as failure:
            error, in_doubt = failure, False
        except BackdropError as unanswered:
            error, in_doubt = unanswered, True
        else:
            return
        if in_doubt:  # it may have been accepted, so the next run sends it again
            parts = []
        elif keys in self._state.unanswered:
            self._state.ordered(self._url, keys, {})
        if isinstance(error, Unauthorized) or (isinstance(error, InsufficientCredits) and not parts):
            self._refused = error
        if not parts or self._refused is not None:
            self._failures |= dict.fromkeys(keys, error)
            return
        for part in parts:
            await self._order(part)

    async def _sent(self, backdrop: AsyncBackdrop, group: Sequence[Wanted], *, again: bool) -> None:
        """Send a group as one order, and note its jobs. `again`: if a photo has expired, upload it once more."""
        photos = {one.pair.photo.sha256: one.pair.photo for one in group}
        looks = list(dict.fromkeys(one.look for one in group))
        sources = await asyncio.gather(*(self._uploaded(photo) for photo in photos.values()))
        files = {look: await self._files(look) for look in looks}
        shared = looks[0]  # all of them have its brand and subject; the rest of a look goes into its variant
        spec = Spec(shared.scene, shared.mood, "", brand=shared.brand, subject=shared.subject)
        variants = [_variant(with_sources(look, files[look])) for look in looks]
        presets = list(dict.fromkeys(one.pair.preset for one in group))
        named = [(key, self._references[sha256]) for key, sha256 in zip(sources, photos, strict=True)]
        made_of = [self._state.run_id, group[0].attempt, named, asdict(spec), variants, presets]
        keys = [one.pair.key for one in group]
        if keys not in self._state.unanswered:
            self._state.ordering(keys)
        try:
            order = await backdrop.order(
                [{"source_image_s3_key": key, "reference": reference} for key, reference in named],
                spec,
                variants=variants,
                presets=presets,
                # The same after a crash, so that the server does not accept the same order twice.
                idempotency_key="batch-" + hashlib.sha256(json.dumps(made_of).encode()).hexdigest(),
            )
        except NotFound:  # nothing was charged under this key
            if not again:
                raise
            self._gone |= {*sources, *(key for one in files.values() for key in one.values())}
            await self._sent(backdrop, group, again=False)
            return
        places = {sha256: place for place, sha256 in enumerate(photos)}
        pictures = backdrop.iter_order_pictures(order)
        jobs = {(one.photo, one.variant, one.output_preset): one.job_id async for one in pictures}
        made = {one.pair.key: (places[one.pair.photo.sha256], looks.index(one.look), one.pair.preset) for one in group}
        self._state.ordered(self._url, keys, {key: jobs[place] for key, place in made.items()})

    async def _files(self, order: SwapOrder) -> dict[str, str]:
        """Return the keys of an order's files, such as logos, by their paths. They are uploaded once, as photos are."""
        keys = dict[str, str]()
        for name in extra_sources(order).values():
            if (path := Path(name)).is_file():
                data = await asyncio.to_thread(path.read_bytes)
                keys[name] = await self._uploaded(Photo(name, path, hashlib.sha256(data).hexdigest()))
        return keys

    async def _uploaded(self, photo: Photo) -> str:
        """Return a photo's key. Upload the photo if the server has none."""
        async with self._uploading[photo.sha256]:
            known = self._state.upload(self._url, photo.sha256)
            if known is not None and known not in self._gone:
                return known
            async with self._uploads:
                data = await asyncio.to_thread(read_unchanged, photo)
                key = await self._backdrop.upload(data)
            self._state.uploaded(self._url, photo.sha256, key)
            return key


def _together(wanted: Sequence[Wanted]) -> list[list[Wanted]]:
    """Return groups of pictures that an order can have: photos with the same looks and presets, at most _MOST.

    Files with the same bytes are one photo. Its looks are variants of one order, so that the server makes and charges
    pictures that are the same once.
    """
    of_photo: defaultdict[Any, list[Wanted]] = defaultdict(list)
    for one in wanted:
        of_photo[one.pair.photo.sha256, one.look.brand, one.look.subject, one.attempt].append(one)
    alike: defaultdict[Any, list[list[Wanted]]] = defaultdict(list)
    for (*_, attempt), some in of_photo.items():
        by_preset: defaultdict[str, list[Wanted]] = defaultdict(list)
        for one in some:
            by_preset[one.pair.preset].append(one)
        by_looks: defaultdict[Any, list[Wanted]] = defaultdict(list)
        for cells in by_preset.values():
            looks = [*dict.fromkeys(one.look for one in cells)]
            for start in range(0, len(looks), _LOOKS):
                few = tuple(looks[start : start + _LOOKS])
                by_looks[few] += [one for one in cells if one.look in few]
        for few, cells in by_looks.items():
            presets = tuple(dict.fromkeys(one.pair.preset for one in cells))
            alike[few, presets, attempt].append(cells)
    groups = []
    for (looks, presets, _), photos in alike.items():
        size = max(1, _MOST // (len(looks) * len(presets)))
        for start in range(0, len(photos), size):
            groups.append([one for cells in photos[start : start + size] for one in cells])
    return groups


def _parts(group: Sequence[Wanted]) -> list[list[Wanted]]:
    """Return the halves of a group: some of its photos, or of a photo's presets. Empty: it can't be divided.

    The looks of a photo for one preset stay together, as their pictures may be the same.
    """
    photos, presets = [one.pair.photo.sha256 for one in group], [one.pair.preset for one in group]
    for kinds in (photos, presets):
        different = list(dict.fromkeys(kinds))
        if len(different) > 1:
            first, sides = different[: len(different) // 2], (True, False)
            return [[one for one, kind in zip(group, kinds, strict=True) if (kind in first) is side] for side in sides]
    return []


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
