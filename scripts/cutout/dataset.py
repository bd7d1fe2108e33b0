"""Makes the refiner's training pictures and runs the segmenter over them: `python -m scripts.cutout.dataset --help`.

Each becomes DIR/NNNNNN.npz, uint8 at SIDE×SIDE: rgb (sRGB), mask (what the segmenter saw in the box) and alpha (exact).
What is there already is skipped. Indices with index % 20 == 7 are held out by the training.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.refiner import SIDE
from models.segmenter import load_segmenter
from pipeline.core.networks import Segmenter
from pipeline.core.resample import grown_box, tight_box
from pipeline.cutout.segment import MARGIN
from scripts.cutout.pictures import Patches, picture

#: Pixels of the square that a picture is made on.
CANVAS = 448
#: Where the segmenter's mask and the truth overlap less than this, it saw something else: nothing to refine.
MIN_OVERLAP = 0.35
#: A product that differs less than this from its place (mean absolute, of 255) is seen by nobody.
MIN_CONTRAST = 9.0

Bytes = NDArray[np.uint8]


def sample(index: int, patches: Patches, segmenter: Segmenter) -> dict[str, Bytes] | None:
    """Return rgb, mask and alpha of the product's box, or None where nothing can be learned from it."""
    rng = np.random.default_rng([0x637574, index])
    rgb, alpha = picture(rng, CANVAS, patches)
    box = tight_box(alpha > 127)
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 24:
        return None
    inside, outside = alpha > 200, alpha < 20
    if np.abs(rgb[inside].mean(0) - rgb[outside].mean(0)).mean() < MIN_CONTRAST:
        return None
    longest = max(box[2] - box[0], box[3] - box[1])
    # The first look's box is off by a little, and now and then by much.
    margin = float(np.clip(MARGIN + rng.normal(0, 0.04), 0.02, 0.4)) * longest
    crop = grown_box(box, margin, CANVAS, CANVAS)
    rgb, alpha = (_squared(array, crop) for array in (rgb, alpha))
    mask = np.rint(segmenter(rgb) * 255).astype(np.uint8)
    seen, true = mask > 127, alpha > 127
    if (seen & true).sum() < MIN_OVERLAP * (seen | true).sum():
        return None
    return {"rgb": rgb, "mask": mask, "alpha": alpha}


def _squared(array: Bytes, crop: tuple[int, int, int, int]) -> Bytes:
    return np.asarray(Image.fromarray(array).resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=crop))


def main(arguments: list[str] | None = None) -> int:
    """Write the files that are asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description="Make the refiner's training pictures.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, required=True, help="indices are below this")
    parser.add_argument("--start", type=int, default=0, help="first index")
    parser.add_argument("--step", type=int, default=1, help="to the next: so several processes share the work")
    parser.add_argument("--patches", type=Path, help="folder of pictures for textures and places")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the segmenter's weights")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    segmenter, _ = load_segmenter("u2netp", weights=options.weights)
    patches = Patches(options.patches)
    began, made = time.monotonic(), 0
    for index in range(options.start, options.count, options.step):
        path = options.out / f"{index:06}.npz"
        if path.exists():
            continue
        arrays = sample(index, patches, segmenter)
        if arrays is None:
            continue
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # NumPy's stubs take the names for options
        unfinished.replace(path)
        made += 1
        if made % 20 == 0:
            print(f"{made} made, {(time.monotonic() - began) / made:.2f} s each", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
