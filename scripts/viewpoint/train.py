"""Fit the viewpoint classifier's head: a logistic regression on features of EfficientNet-lite0, cross-validated first.

    python -m scripts.viewpoint.train PHOTOS --shared IMAGES [--out models/viewpoint/checkpoint]

PHOTOS is a folder of clones, owner/name, of the repositories in `labels.toml`. Products are cut out by u2netp.
"""

import argparse
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from scipy.stats import rankdata

from models.graphs import HEAD, HEAD_NAMES, GraphViewpoint
from models.segmenter import load_segmenter
from pipeline.core.resample import tight_box
from pipeline.core.spec import Limits
from pipeline.cutout.foreground import extract_foreground
from pipeline.cutout.segment import segment
from pipeline.cutout.stance import SURE_ABOVE, SURE_SIDE
from pipeline.cutout.viewpoint import views
from pipeline.photo.decode import decode
from service.settings import VIEWPOINT_CHECKPOINT, load_settings

LABELS = Path(__file__).with_name("labels.toml")
#: Of the weights' squares, features of variance 1 over the root of their number; of .02, .07 and .2 the least had the
#: best areas under the curve.
PENALTY = 0.03
FOLDS = 10

Array = NDArray[np.float64]


def labelled(photos: Path, shared: Path) -> Iterator[tuple[Path, int, str]]:
    """Give each labelled photo's path, the index of its label in HEAD_NAMES, and its group, which is never split."""
    for source, labels in tomllib.loads(LABELS.read_text()).items():
        for name, files in labels.items():
            for file in files:
                path = shared / f"{file}.jpg" if source == "shared" else photos / source / file
                # One thing of dreambooth has six photos.
                group = str(path.parent) if "dreambooth" in source else str(path)
                yield path, HEAD_NAMES.index(name), group


def features(path: Path, classifier: GraphViewpoint, segmenter: Any) -> Array:
    """Return 2 × 1280 features of a photo, mirrored and not, on the mean."""
    photo = decode(path.read_bytes(), Limits())
    found = segment(photo, segmenter, None, None)
    cutout = extract_foreground(photo, found.alpha).unassessed
    box = tight_box(cutout.alpha > 0.5)
    assert box is not None, path
    seen = views(photo, cutout, box, classifier.side)
    mirrored = np.ascontiguousarray(seen[:, :, ::-1])
    return np.asarray(classifier.features(seen) + classifier.features(mirrored), float) / 2


def fitted(x: Array, y: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return weight (features × labels) and bias of a logistic regression; rare labels count more, by the root."""
    mean, spread = x.mean(0), (x.std(0) + 0.05) * np.sqrt(x.shape[1])
    u, s, back = np.linalg.svd((x - mean) / spread, full_matrices=False)
    z = np.c_[u * s, np.ones(len(x))]
    truth = np.eye(len(HEAD_NAMES))[y]
    count = np.sqrt(len(y) / len(HEAD_NAMES) / truth.sum(0))[y]

    def loss(flat: Array) -> tuple[float, Array]:
        w = flat.reshape(z.shape[1], -1)
        scores = z @ w
        cost = -(count * (truth * log_softmax(scores, 1)).sum(1)).sum() + PENALTY * (w[:-1] ** 2).sum()
        slope = z.T @ ((softmax(scores, 1) - truth) * count[:, None])
        slope[:-1] += 2 * PENALTY * w[:-1]
        return float(cost), slope.ravel()

    found = minimize(loss, np.zeros(z.shape[1] * len(HEAD_NAMES)), jac=True, method="L-BFGS-B").x.reshape(
        -1, len(HEAD_NAMES)
    )
    weight = (back.T @ found[:-1]) / spread[:, None]
    return weight, found[-1] - mean @ weight


def cross_validated(x: Array, y: NDArray[np.int64], groups: list[str]) -> Array:
    """Return each photo's probabilities by a head that saw no photo of its group."""
    names = sorted(set(groups))
    np.random.default_rng(1).shuffle(names)
    fold = {name: index % FOLDS for index, name in enumerate(names)}
    folds = np.array([fold[group] for group in groups])
    told = np.zeros((len(y), len(HEAD_NAMES)))
    for index in range(FOLDS):
        out = folds == index
        weight, bias = fitted(x[~out], y[~out])
        told[out] = softmax(x[out] @ weight + bias, 1)
    return told


def main() -> None:
    """Cross-validate, tell the figures, fit on all and write the head."""
    parser = argparse.ArgumentParser(description="Fit the viewpoint classifier's head.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=VIEWPOINT_CHECKPOINT)
    given = parser.parse_args()
    weights = load_settings().weights
    classifier = GraphViewpoint(VIEWPOINT_CHECKPOINT, weights)
    segmenter, _ = load_segmenter("u2netp", weights=weights)
    rows = list(labelled(given.photos, given.shared))
    x = np.stack([features(path, classifier, segmenter) for path, _, _ in rows])
    y = np.array([label for _, label, _ in rows])
    told = cross_validated(x, y, [group for _, _, group in rows])
    for index, (name, sure) in enumerate(zip(HEAD_NAMES, (SURE_ABOVE, SURE_SIDE, 0.7), strict=True)):
        truth, claimed = y == index, told[:, index] >= sure
        n = int(truth.sum())
        area = (rankdata(told[:, index])[truth].sum() - n * (n + 1) / 2) / (n * (len(y) - n))
        right = int((truth & claimed).sum())
        print(f"{name}: area under the curve {area:.3f}; right {right} of {claimed.sum()} claimed, of {n} in all")
    weight, bias = fitted(x, y)
    given.out.mkdir(parents=True, exist_ok=True)
    save_file({"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}, given.out / HEAD)


if __name__ == "__main__":
    main()
