"""Fit the cut-out's confidence on photos with masks, and draw its calibration.

    python -m scripts.cutout.confidence PHOTOS MASKS [PHOTOS MASKS …] --weights WEIGHTS --svg FILE

Each PHOTOS is a folder of photos. MASKS has a mask for each, `<stem>.png`, as grey or alpha. The script prints the
coefficients for `pipeline/cutout/warnings.py` and, out of fold, the flagged shares and the calibration error.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import minimize
from scipy.special import expit

from benchmarks.figures import Measured, Recorder, record_option
from models.segmenter import load_segmenter
from pipeline.core.errors import NoSubject
from pipeline.core.networks import Segmenter
from pipeline.core.spec import Limits
from pipeline.cutout.segment import segment
from pipeline.photo.decode import decode

#: A cut-out is wrong below the first intersection over union (IoU), and good from the second.
WRONG, GOOD = 0.8, 0.92
#: Share of good cut-outs that the threshold flags.
FLAGGED_GOOD = 0.12
FOLDS, BINS = 10, 10
#: L2 penalty on the coefficients of standardised features.
RIDGE = 0.002

Array = NDArray[np.float64]


def measured(
    photos: Path, masks: Path, segmenter: Segmenter, second: Segmenter
) -> Iterator[tuple[float, float, float]]:
    """Yield (agreement, undecided share, IoU) of each photo with a mask. Skips photos without a product."""
    for file in sorted(photos.iterdir()):
        mask = masks / f"{file.stem}.png"
        if not mask.is_file():
            continue
        photo = decode(file.read_bytes(), Limits())
        try:
            found = segment(photo, segmenter, second=second)
        except NoSubject:
            continue
        with Image.open(mask) as image:
            grey = image.getchannel("A") if "A" in image.getbands() else image.convert("L")
            truth = np.asarray(grey.resize(found.alpha.shape[::-1], Image.Resampling.BOX)) > 127
        ours = found.alpha > 0.5
        yield found.agreement, found.undecided, float((ours & truth).sum() / max(1, int((ours | truth).sum())))


def fitted(features: Array, right: NDArray[np.bool_]) -> Array:
    """Return a constant and a weight for each of F columns: a logistic regression of N outcomes on N×F features."""
    mean, spread = features.mean(0), features.std(0) + 1e-9
    terms = np.c_[np.ones(len(features)), (features - mean) / spread]

    def loss(weights: Array) -> float:
        scores = terms @ weights
        return float(np.mean(np.logaddexp(0, scores) - right * scores) + RIDGE * (weights[1:] ** 2).sum())

    found = minimize(loss, np.zeros(terms.shape[1])).x
    weights = found[1:] / spread
    return np.asarray(np.r_[found[0] - weights @ mean, weights])


def held_out(features: Array, right: NDArray[np.bool_]) -> Array:
    """Return N out-of-fold confidences: each fit excludes the fold of the case."""
    fold = np.random.default_rng(0).permutation(len(right)) % FOLDS
    sure = np.zeros(len(right))
    for k in range(FOLDS):
        constant, *weights = fitted(features[fold != k], right[fold != k])
        sure[fold == k] = expit(constant + features[fold == k] @ np.array(weights))
    return sure


def reliability(sure: Array, right: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """Return (mean confidence, share that is right, count) for tenths of the cases, by rising confidence."""
    parts = np.array_split(np.argsort(sure), BINS)
    return [(float(sure[part].mean()), float(right[part].mean()), len(part)) for part in parts]


def drawn(bins: list[tuple[float, float, int]]) -> str:
    """Return a reliability diagram as SVG: confidence to the right, share that is right upwards."""
    dots = "".join(f'<circle cx="{40 + 240 * x:.0f}" cy="{260 - 240 * y:.0f}" r="5"/>' for x, y, _ in bins)
    ticks = "".join(
        f'<text x="{40 + 240 * v:.0f}" y="278" text-anchor="middle">{v}</text>'
        f'<text x="34" y="{264 - 240 * v:.0f}" text-anchor="end">{v}</text>'
        for v in (0, 0.5, 1)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300" font-family="sans-serif" font-size="12">
<rect width="300" height="300" fill="white"/>
<path d="M40 20H280V260H40ZL280 20" fill="none" stroke="#999"/>
<g fill="#2a6f97">{dots}</g>
{ticks}
<text x="160" y="295" text-anchor="middle">confidence</text>
<text transform="translate(12 140) rotate(-90)" text-anchor="middle">share with IoU of 0.8 or more</text>
</svg>
"""


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--weights", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="File for the reliability diagram.")
@record_option
def main(folders: tuple[Path, ...], weights: Path, svg: Path | None, recorder: Recorder | None) -> None:
    """Measure the photos and fit the confidence."""
    if len(folders) % 2:
        raise click.BadParameter("give PHOTOS and MASKS in pairs; the number of folders is odd.", param_hint="FOLDERS")
    networks = [load_segmenter(name, weights=weights)[0] for name in ("u2net", "u2netp")]
    cases = [
        case
        for photos, masks in zip(folders[::2], folders[1::2], strict=True)
        for case in measured(photos, masks, *networks)
    ]
    found = report(np.array(cases), svg)
    if recorder:
        recorder.write("cutout", found)


def report(cases: Array, svg: Path | None) -> list[Measured]:
    """Print and return the figures of N×3 cases (agreement, undecided share and IoU); print the coefficients."""
    features, overlap = cases[:, :2], cases[:, 2]
    right, good = overlap >= WRONG, overlap >= GOOD
    sure = held_out(features, right)
    bins = reliability(sure, right)
    error = sum(count * abs(x - y) for x, y, count in bins) / len(sure)
    limit = float(np.quantile(sure[good], FLAGGED_GOOD))
    click.echo(f"{len(sure)} cut-outs, {(~right).sum()} wrong, {good.sum()} good")
    click.echo(f"COEFFICIENTS = {tuple(round(float(value), 2) for value in fitted(features, right))}")
    flagged = float((sure[~right] < limit).mean())
    click.echo(f"LOW_CONFIDENCE = {limit:.3f}: flags {flagged:.1%} of the wrong")
    click.echo(f"calibration error {error:.3f}")
    if svg is not None:
        svg.write_text(drawn(bins))
    failed = "Failed cut-outs that carry `low_confidence`, out of fold"
    return [
        Measured("failures-flagged", failed, 100 * flagged, "%", int((~right).sum())),
        Measured("calibration", "Calibration error of the confidence, out of fold", float(error), "", len(sure)),
    ]


if __name__ == "__main__":
    main()
