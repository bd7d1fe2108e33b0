"""Measure what is told not to stand against labels by eye: photos as they are, and turned by 18 to 45 degrees.

    python -m scripts.viewpoint.stances PHOTOS MASKS [--only fresh]

PHOTOS has NNNN.jpg of `stances.toml`, MASKS NNNN.png, the true masks, which are taken for the cut-outs; the viewpoint
classifier looks at the photos as in a swap. A turned photo has its own mirrored beyond its border.
"""

import argparse
import tomllib
from pathlib import Path

import numpy as np
from PIL import Image

from models.graphs import GraphViewpoint
from pipeline.core.types import Photo
from pipeline.cutout.foreground import extract_foreground
from pipeline.cutout.stance import stance_of
from service.settings import VIEWPOINT_CHECKPOINT, load_settings

LABELS = Path(__file__).with_name("stances.toml")
#: Degrees that a photo is turned by, to either side; chance chooses, with this seed.
TURNS, SEED = (18.0, 45.0), 5


def told(photo: Image.Image, mask: Image.Image, classifier: GraphViewpoint) -> tuple[bool, bool]:
    """Return whether a thing, by its mask, is told not to stand, and whether the photo shows all of it."""
    alpha = np.asarray(mask, np.float32) / np.float32(255)
    codes = Photo(np.asarray(photo), None, "jpeg")
    cutout = extract_foreground(codes, alpha, classifier=classifier).unassessed
    return stance_of(cutout).name in ("lying", "hanging", "in_the_air"), not cutout.cut_sides


def turned(picture: Image.Image, degrees: float, mode: str) -> Image.Image:
    """Return a picture turned clockwise, on the same size, with its own mirrored ("reflect") or black beyond it."""
    codes = np.asarray(picture)
    room = tuple(side // 2 for side in codes.shape[:2])
    around = [(side, side) for side in room] + [(0, 0)] * (codes.ndim - 2)
    wide = Image.fromarray(np.pad(codes, around, "reflect" if mode == "reflect" else "constant"))
    left, top = room[1] // 2, room[0] // 2
    return wide.rotate(-degrees, Image.Resampling.BICUBIC).crop((left, top, wide.width - left, wide.height - top))


def main() -> None:
    """Print of each list how many are told, and of turned photos of what stands how many."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--only", choices=("seen", "fresh"), help="one of the lists alone")
    given = parser.parse_args()
    classifier = GraphViewpoint(VIEWPOINT_CHECKPOINT, load_settings().weights)
    rng = np.random.default_rng(SEED)
    for which, labels in tomllib.loads(LABELS.read_text()).items():
        if given.only not in (None, which):
            continue
        whole = []
        for label in ("absurd", "right"):
            names = labels[label].split()
            found = []
            for name in names:
                photo = Image.open(given.photos / f"{name}.jpg").convert("RGB")
                mask = Image.open(given.masks / f"{name}.png").convert("L").resize(photo.size)
                lies, uncut = told(photo, mask, classifier)
                found += [name] * lies
                if label == "right" and uncut:
                    whole.append((photo, mask))
            print(f"{which}: of {len(names)} {label} {len(found)} are told not to stand: {' '.join(found)}")
        hits = 0
        for photo, mask in whole:
            degrees = float(rng.choice([-1, 1]) * rng.uniform(*TURNS))
            hits += told(turned(photo, degrees, "reflect"), turned(mask, degrees, "black"), classifier)[0]
        print(f"{which}: of {len(whole)} that stand whole, turned, {hits} are told not to stand")


if __name__ == "__main__":
    main()
