"""Pictures that the tiny inpainter learns from: whole products in the studio's own scenes, by whole swaps.

python -m scripts.inpainter.pictures --photos PHOTOS --alpha ALPHAS --out DIR --count N

Each becomes DIR/NNNNNN.npz: rgb (S×S×3 sRGB bytes, the delivered picture), alpha (S×S bytes, the product's coverage)
and words (the prompt of `pipeline.background.paint` for a product that is held). What is there already is skipped.
Products of KEPT_ASIDE are in none of them.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.loading import load_generator
from pipeline.colour.palette import PaletteControl
from pipeline.core.errors import PipelineError
from pipeline.core.networks import Conditions, Generator, Networks
from pipeline.core.spec import Limits, Spec
from pipeline.core.types import Placed, Rgb
from pipeline.swap import swap
from scripts.studio.specs import training_spec
from service.settings import STUDIO_CHECKPOINT

#: Side in pixels of a picture, of the swap's canvas that it is made from, and of the products' photos.
SIDE, CANVAS, PHOTO = 128, 256, 320
#: Products that nothing is learned from, by the names of their files: those that figures are taken on.
KEPT_ASIDE = frozenset(
    {
        "r_mug2", "r_mustard2", "r_headphones", "r_catstatue", "r_pudding", "r_boombox", "p_telephone", "p_lantern",
        "p_chest", "p_cart",
    }
)  # fmt: skip
#: What the words of an empty scene begin and go on with, and those of a scene with its product.
_EMPTY = ("empty background of ", ", nothing standing on the surface, product photography backdrop")
_HELD = ("product photograph of one product in ", ", nothing else is added")

Bytes = NDArray[np.uint8]


def products(photos: Path, alphas: Path, *, kept_aside: bool) -> dict[str, bytes]:
    """Return PNG files with alpha of at most PHOTO pixels, by name: those of KEPT_ASIDE, or all others."""
    found = {}
    for file in sorted(alphas.glob("*.png")):
        photo = photos / f"{file.stem}.jpg"
        if photo.is_file() and (file.stem in KEPT_ASIDE) == kept_aside:
            found[file.stem] = with_alpha(photo, file, PHOTO)
    return found


def with_alpha(photo: Path, alpha: Path, side: int) -> bytes:
    """Return a PNG file of a photo with the alpha of a grey file of its size, of at most `side` pixels a side."""
    picture = Image.open(photo).convert("RGB")
    picture.putalpha(Image.open(alpha).convert("L"))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    written = BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


class Listener:
    """A generator of light that notes the words that it is told."""

    paints = "light"

    def __init__(self, generator: Generator):
        self._generator = generator
        self.size = generator.size  # type: ignore[attr-defined]  # the one that ships has it
        self.words = ""

    def __call__(
        self,
        *,
        prompt: str,
        negative_prompt: str,
        conditions: Conditions,
        seed: int,
        on_step: Callable[[float], None],
    ) -> NDArray[np.float32]:
        """Pass the call on."""
        self.words = prompt
        return self._generator(
            prompt=prompt, negative_prompt=negative_prompt, conditions=conditions, seed=seed, on_step=on_step
        )


def held_words(told: str) -> str:
    """Return the words of a scene with its product for those of an empty one; none where none were told."""
    for empty, held in zip(_EMPTY, _HELD, strict=True):
        told = told.replace(empty, held, 1)
    return told


def picture(data: bytes, spec: Spec, listener: Listener) -> tuple[Bytes, Bytes, str]:
    """Return what a swap delivers, the product's coverage of it, both of SIDE, and the words."""
    seen: list[tuple[Placed, Rgb]] = []

    def look(placed: Placed, delivered: Rgb) -> None:
        seen.append((placed, delivered))

    spec = replace(spec, preset=replace(spec.preset, size=(CANVAS, CANVAS)))
    listener.words = ""
    networks = Networks(_unneeded, listener, {})
    control = PaletteControl(retries=0)
    swap(data, spec, networks, limits=Limits(), clock=time.perf_counter, control=control, on_composite=look)
    placed, delivered = seen[-1]
    return _small(delivered), _small(placed.alpha), held_words(listener.words)


def _unneeded(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    raise RuntimeError("Products come with their alpha.")


def _small(values: NDArray[np.float32]) -> Bytes:
    bytes_ = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return np.asarray(Image.fromarray(bytes_).resize((SIDE, SIDE), Image.Resampling.BOX))


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures that are asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description="Make the tiny inpainter's training pictures.")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--alpha", type=Path, required=True, help="folder of true alpha, <photo's stem>.png")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, required=True, help="indices are below this")
    parser.add_argument("--start", type=int, default=0, help="first index")
    parser.add_argument("--step", type=int, default=1, help="to the next: so several processes share the work")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    shown = list(products(options.photos, options.alpha, kept_aside=False).values())
    listener, began, made = Listener(load_generator(STUDIO_CHECKPOINT)), time.monotonic(), 0
    for index in range(options.start, options.count, options.step):
        path = options.out / f"{index:06}.npz"
        if path.exists():
            continue
        data = shown[int(np.random.default_rng([0x696E70, index]).integers(len(shown)))]
        try:
            rgb, alpha, words = picture(data, training_spec(index), listener)
        except PipelineError:  # this product does not go into that scene
            continue
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            np.savez(file, rgb=rgb, alpha=alpha, words=words)
        unfinished.replace(path)
        made += 1
        if made % 20 == 0:
            print(f"{made} made, {(time.monotonic() - began) / made:.2f} s each", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
