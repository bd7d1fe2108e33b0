"""Compiles the kernels in advance: swaps of a scene of each kind, without networks, call all kernels that a job needs.

There is no list of kernels. Each kernel that a swap calls is compiled (`pipeline.kernels.cache`).
"""

import hashlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.background.paint import LIGHT_SIDE
from pipeline.core.networks import Capabilities, FunctionSegmenter, Generator, Networks, Painted, PaintRequest
from pipeline.core.spec import Limits, Spec
from pipeline.delivery.watermark import Payload
from pipeline.kernels import cache
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue
from service.settings import Settings

#: Longer side in pixels of the pictures and of the photo. Only the lens and contacts depend on the size.
_SIDE, _PHOTO_SIDE = 64, 192
#: Rows of a picture whose blur, in pixels, the small pictures get. Pictures of 64 rows would be sharp.
_LENS_SIDE = 2048


def use_kept_kernels(settings: Settings) -> None:
    """Use the kernels' machine code from the folder of set-up, or from the user's own."""
    cache.keep_in(settings.kernels, settings.own_kernels)


def compile_kernels(settings: Settings, say: Callable[[str], None]) -> bool:
    """Compile and keep the kernels that a worker needs. Return whether any work was necessary.

    Does nothing if code, catalogue and processor have not changed. `say` gets a line for each scene that compiled
    something.
    """
    use_kept_kernels(settings)
    state = _state()
    if cache.is_complete(state):
        return False
    for spec, photo, networks in _swaps():
        before, started = len(cache.compiled), time.perf_counter()
        swap(photo, spec, networks, limits=Limits(), clock=time.perf_counter, payload=Payload(0))
        if count := len(cache.compiled) - before:
            say(f"{spec.scene.name}  {count} compiled  {time.perf_counter() - started:.1f} s")
    cache.mark_complete(state)
    return True


def warm_up(networks: Networks) -> None:
    """Make one small swap, so that the first job does not wait for the first calls of networks on a device.

    Skips other generators than the shipped one, because their first painting may take minutes.
    """
    spec, _, stand_ins = next(_swaps())
    generator = networks.generator if networks.generator.capabilities.paints == "light" else stand_ins.generator
    swap(_photo(), spec, replace(networks, generator=generator), limits=Limits(), clock=time.perf_counter)


def _state() -> str:
    """Return a digest of all files that decide which kernels are called, and with which types."""
    service = Path(__file__).parents[1]
    files = [*(service.parent / "pipeline").rglob("*.py"), *(service / "catalogue").glob("*.toml"), Path(__file__)]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"complete-{digest.hexdigest()[:16]}"


def _swaps() -> Iterator[tuple[Spec, bytes, Networks]]:
    """Yield a scene of each kind, with moods, photos and kinds of networks in turn, then every white preset.

    The second to last scene is larger than the light's grid, so that contacts are traced. The last is painted.
    """
    catalogue = load_catalogue()
    turns = zip(
        cycle(catalogue.moods.values()),
        cycle([_photo(cut_out=True), _photo()]),
        cycle(_networks(_Generator("light"))),
        strict=False,
    )
    anywhere = replace(catalogue.preset("shopify_product"), size=(_SIDE, _SIDE))
    of_kind = {scene.kind: scene for scene in reversed(list(catalogue.scenes.values())) if scene.kind != "white"}
    for scene, (mood, photo, those) in zip(reversed(of_kind.values()), turns, strict=False):
        mood = replace(mood, depth_of_field=mood.depth_of_field * _LENS_SIDE / _SIDE)
        yield Spec(scene, mood, ("#e8c7b8", "#3b5d50"), anywhere, 1), photo, those
    scene, mood = catalogue.scene("podium"), catalogue.mood("calm")
    one, _ = kinds = _networks(_Generator("light"))
    large = replace(anywhere, size=(LIGHT_SIDE + _SIDE, LIGHT_SIDE // 2))
    yield Spec(scene, mood, ("#e8c7b8",), large, 1), _photo(), one
    painting = Networks(FunctionSegmenter(_reds), _Generator("picture"))
    yield Spec(scene, mood, ("#e8c7b8",), anywhere, 1), _photo(), painting
    white = [place for place in catalogue.presets.values() if place.background != "scene"]
    for place, networks in zip(white, cycle(kinds), strict=False):
        size = place.size and (_SIDE, max(1, round(_SIDE * place.size[1] / place.size[0])))
        yield Spec(scene, mood, (), replace(place, size=size), 1), _photo(), networks


def _networks(generator: Generator) -> list[Networks]:
    """Return the two kinds of networks: an ensemble, and a single network."""
    segmenter = FunctionSegmenter(_reds)
    disagreeing = FunctionSegmenter(lambda image: _reds(image) * np.float32(0.4))
    return [Networks(segmenter, generator, second_segmenter=disagreeing), Networks(segmenter, generator)]


def _photo(*, cut_out: bool = False) -> bytes:
    """Return the file of a soft-edged red disc on grey. `cut_out`: with its alpha."""
    y, x = np.mgrid[:_PHOTO_SIDE, :_PHOTO_SIDE] / (_PHOTO_SIDE / 2) - 1
    alpha = np.clip((0.6 - np.hypot(x, y)) * 40, 0, 1)[..., None]
    pixels = [200, 60, 50] * alpha + 225 * (1 - alpha)
    picture = Image.fromarray((np.concatenate([pixels, 255 * alpha], 2) if cut_out else pixels).astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _reds(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a mask of the red pixels."""
    difference = image[..., 0].astype(np.float32) - image[..., 1]
    return np.asarray(np.clip(difference / np.float32(100), 0, 1))


class _Generator:
    """Returns the given light or drawing unchanged."""

    def __init__(self, paints: Literal["light", "picture"]):
        self.capabilities = Capabilities(paints=paints, size=_SIDE)

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted]:
        for request in requests:
            request.on_step(1.0)
        light = self.capabilities.paints == "light"
        return [one.conditions.light if light else one.conditions.sketch for one in requests]
