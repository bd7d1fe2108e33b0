"""A batch on this machine. The networks load once, and a photo's cut-out is kept for its other pictures."""

import asyncio
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self

from models.device import usable_cores
from models.lane import DeviceLane
from pipeline.core.errors import NotAccepted, PipelineError
from pipeline.core.networks import Networks
from pipeline.core.order import SwapOrder
from pipeline.report import to_json
from pipeline.swap import CutOut
from service.batch.doubts import Question, answered, question
from service.batch.pairs import Pair, Photo, Wrong, read_unchanged
from service.batch.state import FOLDER, Failure, Made, State, file_name, keep_report, measurements, write_whole
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.catalogue.swap_request import OrderRefused, checked
from service.settings import Settings
from service.storage.cache import folder_cache
from service.worker.local import build_spec, files_of, local_pictures, warnings_of


def at_once() -> int:
    """Return the default number of pictures to make at once: as in a worker, one more than cores, at most 4."""
    cores = usable_cores()
    return 1 if cores == 1 else min(cores + 1, 4)


def wrong_here(catalogue: Catalogue, order: SwapOrder) -> list[Wrong]:
    """Return the errors in an order, by the same rules as the API's."""
    wrong = [("pilot_brand", "Only a server has brands. Add --url")] if order.brand is not None else []
    try:
        checked(catalogue, order)
        files_of(order)
    except OrderRefused as error:
        wrong += error.wrong
    return wrong


class Stopped(Exception):
    """Raised between the steps of a swap when the batch is stopped."""


class LocalMaker:
    """Make pictures in threads of this process. Lives as long as the batch."""

    def __init__(self, settings: Settings, networks: Networks, state: State, out: Path, *, concurrency: int) -> None:
        self._state, self._out = state, out
        self._catalogue = load_catalogue(settings.catalogue)
        self._pictures = local_pictures(settings, self._catalogue)
        # On a CPU, several threads call the cut-out networks at once, as in a worker.
        on_device = networks.versions.get("segmenter_device", "cpu").split()[0] != "cpu"
        self._lane = DeviceLane(segmenting=on_device)
        self._networks = self._lane.networks(networks, self._check)
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(concurrency)

    def __enter__(self) -> Self:
        """Wait for running swaps at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown(cancel_futures=True)
        self._lane.close()

    async def make(self, pair: Pair) -> Made:
        """Swap in a thread. Raises Failure. After a stop the swap ends at its next step."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._make, pair)
        except asyncio.CancelledError:
            self._stopping.set()
            raise

    def doubts(self, photos: Sequence[Photo]) -> Iterator[Question]:
        """Cut photos out in threads and yield what to ask about each, in their order."""
        return self._pool.map(lambda photo: question(photo, self._cut_out, self._out), photos)

    def _cut_out(self, photo: Photo) -> CutOut:
        """Return a photo's kept cut-out, or make it. Raises Failure, also if the photo shows no product."""
        if photo.trouble is not None:
            raise Failure("photo_unreadable", photo.trouble)
        try:
            cut = self._pictures.cut_out(
                read_unchanged(photo),
                self._networks,
                progress=lambda *_: self._check(),
                cache=folder_cache(self._out / FOLDER / "kept"),
            )
        except PipelineError as error:
            raise Failure(error.code, str(error)) from error
        if cut.found is None:
            raise Failure("no_subject", "No product stands out in this photo. Use a photo with a calmer background.")
        return cut

    def _make(self, pair: Pair) -> Made:
        started, seed = time.perf_counter(), self._state.entry(pair.key).seed
        data, mask = read_unchanged(pair.photo), None
        if pair.answer:
            mask = answered(self._cut_out(pair.photo), pair.answer, self._state.pieces[pair.photo.sha256])
        try:
            order = self._catalogue.lettered(pair.order)
            spec = build_spec(self._catalogue, order if seed is None else replace(order, seed=seed))
            made = self._pictures.make(
                data,
                spec,
                self._networks,
                files_of(order),
                progress=lambda *_: self._check(),
                cache=folder_cache(self._out / FOLDER / "kept"),
                mask=mask,
            )
            render = made.result
            if made.refusal is not None:
                raise NotAccepted(made.refusal)
        except OrderRefused as error:
            raise Failure("spec_invalid", str(error)) from error
        except PipelineError as error:
            raise Failure(error.code, str(error)) from error
        file = file_name(pair.stem, render.format)
        report = to_json(render.report)
        write_whole(self._out / file, render.data)
        keep_report(self._out, file, report)
        return Made(
            file=file,
            sha256=hashlib.sha256(render.data).hexdigest(),
            width=render.width,
            height=render.height,
            seed=render.seed,
            credits=0,
            seconds=round(time.perf_counter() - started, 2),
            warnings=list(warnings_of(self._catalogue, order, spec, render)),
            **measurements(report),
        )

    def _check(self) -> None:
        """Raise Stopped if the batch was stopped."""
        if self._stopping.is_set():
            raise Stopped
