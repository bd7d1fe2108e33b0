"""Compiles the kernels ahead: small swaps of every scene, with stand-ins for the networks, meet all that a job needs.

No list of kernels is kept anywhere: what a swap calls is what is compiled (`pipeline.kernels.cache`).
"""

import hashlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import Capabilities, FunctionSegmenter, Generator, Networks, Painted, PaintRequest
from pipeline.core.spec import Finish, Limits, Spec
from pipeline.kernels import cache
from pipeline.materials.appearance import Appearance
from pipeline.materials.textures import swatch
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue
from service.settings import Settings

#: Longer side in pixels of the pictures and of the photo: every path but the lens' is the same at any size.
_SIDE, _PHOTO_SIDE = 64, 192
#: What is out of focus is as soft, in pixels, as in a picture of so many rows: that of 64 rows alone would be sharp.
_LENS_SIDE = 2048


def use_kept_kernels(settings: Settings) -> None:
    """Take the kernels' machine code from the folder that set-up fills, or from the user's own."""
    cache.keep_in(settings.kernels, settings.own_kernels)


def compile_kernels(settings: Settings, told: Callable[[str], None]) -> bool:
    """Compile and keep what a worker needs; return whether there was anything to do.

    Nothing is done where code, catalogue and processor are as they were. `told` hears a line for each scene that had
    something to compile.
    """
    use_kept_kernels(settings)
    state = _state()
    if cache.is_complete(state):
        return False
    for spec, photo, networks in _swaps():
        before, started = len(cache.compiled), time.perf_counter()
        swap(photo, spec, networks, limits=Limits(), clock=time.perf_counter)
        if count := len(cache.compiled) - before:
            told(f"{spec.scene.name}  {count} compiled  {time.perf_counter() - started:.1f} s")
    cache.mark_complete(state)
    return True


def compile_beside(settings: Settings) -> None:
    """Compile and keep what needs no ray, while another process runs `compile_kernels`, which then finds it.

    Pictures on white, and the swatches of all finishes: a third of the work.
    """
    use_kept_kernels(settings)
    if cache.is_complete(_state()):
        return
    for finish in get_args(Finish):
        for dark in (False, True):
            swatch(finish, np.random.default_rng(1), _SIDE, Appearance(dark=dark))
    for spec, photo, networks in _places():
        if spec.is_white or spec.preset.background == "transparent":
            swap(photo, spec, networks, limits=Limits(), clock=time.perf_counter)


def warm_up(networks: Networks) -> None:
    """Make one small swap, so that the first job waits for no network's first call and no late import.

    Another generator than the shipped one is left out: its first painting may take minutes.
    """
    spec, _, stand_ins = next(_swaps())
    generator = networks.generator if networks.generator.capabilities.paints == "light" else stand_ins.generator
    swap(_photo(), spec, replace(networks, generator=generator), limits=Limits(), clock=time.perf_counter)


def _state() -> str:
    """Return what changes with any file that decides which kernels are called, and with which types."""
    service = Path(__file__).parents[1]
    files = [*(service.parent / "pipeline").rglob("*.py"), *(service / "catalogue").glob("*.toml"), Path(__file__)]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"complete-{digest.hexdigest()[:16]}"


def _swaps() -> Iterator[tuple[Spec, bytes, Networks]]:
    """Every scene once, the moods, photos and kinds of networks in turn, and a drawn picture; then every place."""
    catalogue = load_catalogue()
    # What is cut out already comes first: to look for a product takes kernels that `compile_beside` compiles meanwhile.
    photos = cycle([_photo(cut_out=True), _photo()])
    turns = zip(cycle(catalogue.moods.values()), photos, cycle(_networks(_Generator("light"))), strict=False)
    anywhere = replace(catalogue.preset("shopify_product"), size=(_SIDE, _SIDE))
    drawn = [scene for scene in catalogue.scenes.values() if scene.kind != "white"]
    for scene, (mood, photo, those) in zip(drawn, turns, strict=False):
        mood = replace(mood, depth_of_field=mood.depth_of_field * _LENS_SIDE / _SIDE)
        yield Spec(scene, mood, ("#e8c7b8", "#3b5d50"), anywhere, 1), photo, those
    scene, mood = catalogue.scene("podium"), catalogue.mood("calm")
    painting = Networks(FunctionSegmenter(_reds), _Generator("picture"))
    yield Spec(scene, mood, ("#e8c7b8",), anywhere, 1), _photo(), painting
    yield from _places()


def _places() -> Iterator[tuple[Spec, bytes, Networks]]:
    """Every place once, the kinds of networks in turn."""
    catalogue = load_catalogue()
    scene, mood, photo = catalogue.scene("podium"), catalogue.mood("calm"), _photo()
    for place, networks in zip(catalogue.presets.values(), cycle(_networks(_Generator("light"))), strict=False):
        size = place.size and (_SIDE, max(1, round(_SIDE * place.size[1] / place.size[0])))
        yield Spec(scene, mood, (), replace(place, size=size), 1), photo, networks


def _networks(generator: Generator) -> list[Networks]:
    """Return the kinds of networks: an ensemble, and one alone."""
    segmenter, second = FunctionSegmenter(_reds), FunctionSegmenter(_fewer_reds)
    return [Networks(segmenter, generator, second_segmenter=second), Networks(segmenter, generator)]


def _photo(*, cut_out: bool = False) -> bytes:
    """Return the file of a soft-edged red disc on grey; `cut_out`: with its own alpha."""
    y, x = np.mgrid[:_PHOTO_SIDE, :_PHOTO_SIDE] / (_PHOTO_SIDE / 2) - 1
    alpha = np.clip((0.6 - np.hypot(x, y)) * 40, 0, 1)[..., None]
    pixels = [200, 60, 50] * alpha + 225 * (1 - alpha)
    picture = Image.fromarray((np.concatenate([pixels, 255 * alpha], 2) if cut_out else pixels).astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _reds(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Find what is red."""
    difference = image[..., 0].astype(np.float32) - image[..., 1]
    return np.asarray(np.clip(difference / np.float32(100), 0, 1))


def _fewer_reds(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Find less of it, so that the two don't agree."""
    return _reds(image) * np.float32(0.4)


class _Generator:
    """Hands back the light, or the drawing, that it is given."""

    def __init__(self, paints: Literal["light", "picture"]):
        self.capabilities = Capabilities(paints=paints, size=_SIDE)

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted]:
        for request in requests:
            request.on_step(1.0)
        light = self.capabilities.paints == "light"
        return [one.conditions.light if light else one.conditions.sketch for one in requests]
