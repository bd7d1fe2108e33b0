"""Fit the head that tells flowers' heads and leaves: a logistic regression on EfficientNet-lite0's features.

    python -m scripts.viewpoint.flowers STAMPS IMAGES ALPHAS [--out models/viewpoint/checkpoint]

STAMPS is /usr/share/tuxpaint/stamps of Debian's tuxpaint-stamps-default, whose flowers `flowers.toml` lists; IMAGES and
ALPHAS are the set of benchmarks/picture, of which what has an exact alpha is no flower. The product is seen on grey,
alone: of what is around it stamps tell nothing.
"""

import argparse
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file
from scipy.optimize import minimize
from scipy.special import expit

from models.graphs import FLOWER_HEAD, GraphViewpoint
from pipeline.core.types import Cutout, Photo
from pipeline.cutout.viewpoint import SURE_FLOWER, views
from service.settings import VIEWPOINT_CHECKPOINT, load_settings

LABELS = Path(__file__).with_name("flowers.toml")
#: Longer side in pixels of what is looked at.
SIDE = 420
#: Of the weights' squares, to the mean loss: of .0001 to .01 all gave the same to a hundredth, on stamps held out.
PENALTY = 0.001
#: Of each flower so many further copies, turned anyhow, every second one cut off below, in other colours.
COPIES, SEED, FOLDS = 5, 4, 5
#: Hues of copies, of 256, and how much of their colour is left to the last one.
HUES, PALE = (0, 0, 40, 90, 160, 210), 0.15

Array = NDArray[np.float64]


def stamps(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Give the stamps that are looked at, and whether each is a flower."""
    labels = tomllib.loads(LABELS.read_text())
    for kind in labels["folders"]:
        for path in sorted((folder / kind).rglob("*.png")):
            name = path.relative_to(folder).as_posix()
            if "cartoon" not in name and "_mirror" not in name and name not in labels["neither"]:
                yield path, name in labels["flowers"]


def opened(path: Path, alpha: Path | None = None) -> Image.Image:
    """Return a picture with its alpha, tight around it, SIDE pixels long."""
    picture = Image.open(path).convert("RGBA")
    if alpha is not None:
        picture.putalpha(Image.open(alpha).convert("L").resize(picture.size))
    picture = picture.crop(picture.getchannel("A").point(lambda cover: 255 * (cover > 20)).getbbox())
    scale = SIDE / max(picture.size)
    return picture.resize(
        (max(2, round(picture.width * scale)), max(2, round(picture.height * scale))), Image.Resampling.LANCZOS
    )


def copies(flower: Image.Image, rng: np.random.Generator) -> Iterator[Image.Image]:
    """Give a flower turned, cut off below and in other colours."""
    for index in range(COPIES):
        turned = flower.rotate(float(rng.uniform(0, 360)), Image.Resampling.BICUBIC, expand=True)
        if index % 2:
            turned = turned.crop((0, 0, turned.width, int(turned.height * rng.uniform(0.5, 0.75))))
        cover = turned.getchannel("A")
        hue, *others = turned.convert("RGB").convert("HSV").split()
        shift = int(rng.choice(HUES))
        hue = hue.point([(level + shift) % 256 for level in range(256)])
        if index == COPIES - 1:
            others[0] = others[0].point(lambda level: PALE * level)
        coloured = Image.merge("HSV", (hue, *others)).convert("RGB")
        coloured.putalpha(cover)
        yield coloured


def features(picture: Image.Image, classifier: GraphViewpoint) -> Array:
    """Return the 1280 features of a picture with alpha, alone on grey."""
    codes = np.asarray(picture)
    rgb = np.ascontiguousarray(codes[..., :3])
    cutout = Cutout(rgb=rgb, alpha=np.asarray(codes[..., 3] / 255, np.float32), confidence=1.0, warnings=())
    seen = views(Photo(rgb, None, "png"), cutout, (0, 0, picture.width, picture.height), classifier.side)
    alone: Array = np.asarray(classifier.features(seen), float).reshape(2, -1)[1]
    return alone


def fitted(x: Array, flower: NDArray[np.bool_]) -> tuple[Array, float]:
    """Return weight and bias of a logistic regression of n×1280 features; both classes count the same."""
    mean = x.mean(axis=0)
    share = np.where(flower, 0.5 / flower.sum(), 0.5 / (~flower).sum())
    sign = np.where(flower, 1.0, -1.0)

    def loss(flat: Array) -> tuple[float, Array]:
        weight = flat[:-1]
        score = sign * ((x - mean) @ weight + flat[-1])
        slope = -share * sign * expit(-score)
        cost = float((share * np.logaddexp(0, -score)).sum() + PENALTY * weight @ weight)
        return cost, np.append((x - mean).T @ slope + 2 * PENALTY * weight, slope.sum())

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return found[:-1], float(found[-1] - mean @ found[:-1])


def main() -> None:
    """Cross-validate, all copies of one picture in one fold; tell the figures, fit on all and write the head."""
    parser = argparse.ArgumentParser(description="Fit the head that tells flowers' heads and leaves.")
    parser.add_argument("stamps", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("alphas", type=Path)
    parser.add_argument("--out", type=Path, default=VIEWPOINT_CHECKPOINT)
    given = parser.parse_args()
    classifier = GraphViewpoint(VIEWPOINT_CHECKPOINT, load_settings().weights)
    rng = np.random.default_rng(SEED)
    rows: list[tuple[str, bool, bool, Array]] = []
    for path, flower in stamps(given.stamps):
        picture = opened(path)
        rows.append((path.stem, flower, True, features(picture, classifier)))
        if flower:
            rows += [(path.stem, True, False, features(copy, classifier)) for copy in copies(picture, rng)]
    for alpha in sorted(given.alphas.glob("*.png")):
        photo = given.images / f"{alpha.stem}.jpg"
        if photo.exists():
            rows.append((alpha.stem, False, True, features(opened(photo, alpha), classifier)))
    names = sorted({name for name, *_ in rows})
    rng.shuffle(names)
    fold = np.array([names.index(name) % FOLDS for name, *_ in rows])
    flowers, whole = (np.array([row[index] for row in rows], bool) for index in (1, 2))
    x = np.stack([row[3] for row in rows])
    told = np.zeros(len(rows))
    for index in range(FOLDS):
        weight, bias = fitted(x[fold != index], flowers[fold != index])
        told[fold == index] = expit(x[fold == index] @ weight + bias)
    for label, chosen in (("flowers", flowers & whole), ("copies", flowers & ~whole), ("others", ~flowers)):
        print(f"{label}: {(told[chosen] >= SURE_FLOWER).sum()} of {chosen.sum()} are told to be flowers")
    print("falsely:", *(row[0] for row, share in zip(rows, told, strict=True) if not row[1] and share >= SURE_FLOWER))
    weight, bias = fitted(x, flowers)
    given.out.mkdir(parents=True, exist_ok=True)
    save_file({"weight": weight.astype(np.float32), "bias": np.array([bias], np.float32)}, given.out / FLOWER_HEAD)


if __name__ == "__main__":
    main()
