"""Fit what a cut-out's doubts are worth on photos with masks, by folds, and draw its calibration.

    python -m scripts.cutout.doubts PHOTOS MASKS [PHOTOS MASKS …] --weights WEIGHTS --kept FOLDER --svg FILE

Each PHOTOS is a folder of photos. MASKS has a mask for each, `<stem>.png`, as grey or alpha; grey of 128 is not
counted. KEPT keeps the looks, so that a second run needs seconds. The script prints the coefficients for
`pipeline/cutout/doubts.py` and `pipeline/cutout/warnings.py` and, out of fold, what pieces and probabilities find.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_opening, label
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

from benchmarks.figures import Measured, Recorder, record_option
from models.segmenter import load_segmenter
from pipeline.core.codes import resized
from pipeline.core.errors import NoSubject
from pipeline.core.networks import Segmenter
from pipeline.core.resample import resize
from pipeline.core.spec import Limits
from pipeline.core.types import Alpha, Rgb8
from pipeline.cutout import doubts
from pipeline.cutout.segment import ALIKE, looked_again, looks_of, segment
from pipeline.photo.decode import decode

#: A cut-out is right from the first intersection over union (IoU), and fails below the second. Of those with GOOD or
#: more, FLAGGED_GOOD get a warning.
RIGHT, FAILS, GOOD, FLAGGED_GOOD = 0.9, 0.8, 0.92, 0.12
FOLDS, BINS = 10, 10
#: Least size of a fault, as a share of the product. It counts as seen if half of it is in a piece.
FAULT = 0.005
#: L2 penalty on the coefficients of standardised features.
RIDGE = 0.005

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A photo at the size of a look, h×w, with its cut-out and the truth."""

    looks: list[Alpha]
    alpha: Alpha
    rgb: Rgb8
    truth: Mask
    #: Where the truth counts.
    counted: Mask

    def iou(self, product: Mask) -> float:
        """Return the intersection over union with the truth, 0–1."""
        return doubts.overlap(product & self.counted, self.truth & self.counted)


def cases_of(photos: Path, masks: Path, networks: list[Segmenter], kept: Path) -> Iterator[Case]:
    """Yield a case for each photo with a mask. Skips photos without a product."""
    for file in sorted(photos.iterdir()):
        mask, stored = masks / f"{file.stem}.png", kept / f"{file.stem}.npz"
        if not mask.is_file():
            continue
        photo = decode(file.read_bytes(), Limits())
        if not stored.is_file():
            try:
                alpha = segment(photo, *networks).alpha
            except NoSubject:
                continue
            looks = looked_again(photo.rgb, looks_of(photo.rgb, *networks), *networks)
            height, width = looks[0].shape
            alpha = np.clip(resize(alpha, width, height, Image.Resampling.BOX), 0, 1)
            np.savez_compressed(stored, codes=np.rint(np.stack([*looks, alpha]) * 255).astype(np.uint8))
        with np.load(stored) as arrays:
            *looks, alpha = arrays["codes"].astype(np.float32) / np.float32(255)
        height, width = alpha.shape
        with Image.open(mask) as image:
            grey = image.getchannel("A") if "A" in image.getbands() else image.convert("L")
            unsure = grey.point([255 if 120 <= code <= 136 else 0 for code in range(256)])
            codes, out = (np.asarray(one.resize((width, height), Image.Resampling.BOX)) > 127 for one in (grey, unsure))
        yield Case(list(looks), alpha, resized(photo.rgb, width, height), codes, ~out)


def fitted(features: Array, outcomes: Mask) -> Array:
    """Return a constant and a weight for each of F columns: a logistic regression of N outcomes on N×F features."""
    mean, spread = features.mean(0), features.std(0) + 1e-9
    terms = np.c_[np.ones(len(features)), (features - mean) / spread]

    def loss(weights: Array) -> tuple[float, Array]:
        scores = terms @ weights
        slope = terms.T @ (expit(scores) - outcomes) / len(outcomes)
        slope[1:] += 2 * RIDGE * weights[1:]
        return float(np.mean(np.logaddexp(0, scores) - outcomes * scores) + RIDGE * (weights[1:] ** 2).sum()), slope

    found = minimize(loss, np.zeros(terms.shape[1]), jac=True).x
    weights = found[1:] / spread
    return np.asarray(np.r_[found[0] - weights @ mean, weights])


def held_out(features: Array, outcomes: Mask, fold: NDArray[np.int_]) -> Array:
    """Return N out-of-fold probabilities: each fit excludes the fold of the case."""
    sure = np.zeros(len(outcomes))
    for k in range(FOLDS):
        constant, *weights = fitted(features[fold != k], outcomes[fold != k])
        sure[fold == k] = expit(constant + features[fold == k] @ np.array(weights))
    return sure


def area_under(scores: Array, outcomes: Mask) -> float:
    """Return the area under the receiver's curve, 0–1."""
    ranks, hits = rankdata(scores), outcomes.sum()
    return float((ranks[outcomes].sum() - hits * (hits + 1) / 2) / (hits * (len(outcomes) - hits)))


def reliability(sure: Array, right: Mask) -> list[tuple[float, float, int]]:
    """Return (mean probability, share that is right, count) for tenths of the cases, by rising probability."""
    parts = np.array_split(np.argsort(sure), BINS)
    return [(float(sure[part].mean()), float(right[part].mean()), len(part)) for part in parts]


def drawn(bins: list[tuple[float, float, int]], across: str, up: str) -> str:
    """Return a reliability diagram as SVG, with 95 % intervals (Wilson): probability to the right, outcome upwards."""

    def spot(x: float, share: float, n: int) -> str:
        z = 1.96
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        at, low, high = (40 + 240 * x, 260 - 240 * (middle - half), 260 - 240 * (middle + half))
        line = f'<path d="M{at:.0f} {low:.0f}V{high:.0f}" stroke="#2a6f97"/>'
        return f'{line}<circle cx="{at:.0f}" cy="{260 - 240 * share:.0f}" r="4" fill="#2a6f97"/>'

    ticks = "".join(
        f'<text x="{40 + 240 * v:.0f}" y="278" text-anchor="middle">{v}</text>'
        f'<text x="34" y="{264 - 240 * v:.0f}" text-anchor="end">{v}</text>'
        for v in (0, 0.5, 1)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300" font-family="sans-serif" font-size="12">
<rect width="300" height="300" fill="white"/>
<path d="M40 20H280V260H40ZL280 20" fill="none" stroke="#999"/>
{"".join(spot(*one) for one in bins)}
{ticks}
<text x="160" y="295" text-anchor="middle">{across}</text>
<text transform="translate(12 140) rotate(-90)" text-anchor="middle">{up}</text>
</svg>
"""


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--weights", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--kept", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="File for the reliability diagram.")
@record_option
def main(folders: tuple[Path, ...], weights: Path, kept: Path, svg: Path | None, recorder: Recorder | None) -> None:
    """Measure the photos and fit the doubts."""
    if len(folders) % 2:
        raise click.BadParameter("give PHOTOS and MASKS in pairs; the number of folders is odd.", param_hint="FOLDERS")
    kept.mkdir(parents=True, exist_ok=True)
    networks: list[Segmenter] = [load_segmenter(name, weights=weights)[0] for name in ("u2net", "u2netp")]
    sets = [
        list(cases_of(photos, masks, networks, kept)) for photos, masks in zip(folders[::2], folders[1::2], strict=True)
    ]
    cases = [case for one in sets for case in one]
    member = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    found = report(cases, member, [folder.parent.name for folder in folders[::2]], svg)
    if recorder:
        recorder.write("cutout", found)


def report(cases: list[Case], member: NDArray[np.int_], names: list[str], svg: Path | None) -> list[Measured]:
    """Print the coefficients, and print and return the figures of the first set."""
    fold = np.random.default_rng(0).permutation(len(cases)) % FOLDS
    iou = np.array([case.iou(case.alpha > 0.5) for case in cases])
    fast = np.array([doubts.overlap(case.looks[0] > 0.5, case.looks[1] > 0.5) >= ALIKE for case in cases])
    every = np.ones(len(cases), bool)
    sure = {}
    for count, those in ((5, every), (4, ~fast), (2, fast)):
        features = np.array([doubts.features_of(case.looks[:count], case.alpha) for case in cases])
        sure[count] = np.zeros(len(cases))
        sure[count][those] = held_out(features[those], iou[those] >= RIGHT, fold[those])
        rounded = tuple(round(float(value), 2) for value in fitted(features[those], iou[those] >= RIGHT))
        click.echo(f"RIGHT[{count}] = {rounded}")
    swap = np.where(fast, sure[2], sure[4])
    good = iou >= GOOD
    limit = float(np.quantile(sure[5][good], FLAGGED_GOOD))
    click.echo(f"LOW_CONFIDENCE = {limit:.3f}; of swaps alone {np.quantile(swap[good], FLAGGED_GOOD):.3f}")
    pieces = ask(cases, fold)
    rows: list[Measured] = []
    for number, name in enumerate(names):
        own = member == number
        click.echo(
            f"{name}: {own.sum()} cut-outs, {(iou[own] < RIGHT).sum()} not right, {(iou[own] < FAILS).sum()} fail"
        )
        for what, probability in (("free cut-out", sure[5]), ("swap", swap)):
            judged(probability[own], iou[own], what)
        asking(pieces, iou, own)
        if not number:
            rows = figures(sure[5][own], iou[own], pieces, own)
    if svg is not None:
        first = member == 0
        svg.write_text(drawn(reliability(sure[5][first], iou[first] >= RIGHT), "probability", "share with IoU ≥ 0.9"))
    return rows


def judged(sure: Array, iou: Array, what: str) -> None:
    """Print how well a probability sorts the right from the others."""
    if not 0 < (iou < RIGHT).sum() < len(iou):
        return
    error = calibration(sure, iou >= RIGHT)
    flags = " ".join(
        f"<{bar}: area {area_under(-sure, iou < bar):.3f}, flagged {100 * flagged(sure, iou, bar):.0f} %;"
        for bar in (RIGHT, FAILS)
        if (iou < bar).any()
    )
    click.echo(f"  {what}: {flags} calibration error {error:.3f}")
    band = (sure >= 0.85) & (sure < 0.95)
    click.echo(f"    called 0.85 to 0.95: {band.sum()}, right {100 * (iou[band] >= RIGHT).mean():.0f} %")


def flagged(sure: Array, iou: Array, bar: float) -> float:
    """Return the share of cut-outs below `bar` that are flagged where FLAGGED_GOOD of the good ones are."""
    return float((sure[iou < bar] < np.quantile(sure[iou >= GOOD], FLAGGED_GOOD)).mean())


def calibration(sure: Array, right: Mask) -> float:
    """Return the mean distance of probability and share over tenths of the cases."""
    return sum(n * abs(x - y) for x, y, n in reliability(sure, right)) / len(sure)


@dataclass(frozen=True)
class Asked:
    """The pieces that an owner is asked about, by case: their count, the answers that change one, and the IoU then.

    And the number of faults of the cut-out, and how many of them lie in a piece.
    """

    count: Array
    changes: Array
    iou: Array
    faults: Array
    seen: Array


def ask(cases: list[Case], fold: NDArray[np.int_]) -> Asked:
    """Fit the pieces' probabilities by folds, ask an owner who knows the truth, and print the coefficients."""
    areas = [doubts.areas_of(case.looks, case.alpha, case.rgb) for case in cases]
    numbers = [doubts.evidence(case.looks, one, case.rgb) for case, one in zip(cases, areas, strict=True)]
    own = np.repeat(np.arange(len(cases)), [len(one.kinds) for one in areas])
    kinds = np.array([kind for one in areas for kind in one.kinds])
    share = np.array([share for one in areas for share in one.shares])
    truth = np.array(
        [
            case.truth[one.labels == number].mean() > 0.5
            for case, one in zip(cases, areas, strict=True)
            for number in range(1, len(one.kinds) + 1)
        ]
    )
    wrong, evidence = truth == (kinds == doubts.OUTSIDE), np.concatenate(numbers)
    guess = np.zeros(len(own))
    for kind in range(len(doubts.WRONG)):
        those = kinds == kind
        guess[those] = held_out(evidence[those], wrong[those], fold[own[those]])
        rounded = tuple(round(float(value), 2) for value in fitted(evidence[those], wrong[those]))
        click.echo(f"WRONG[{kind}] = {rounded}")
    click.echo(f"pieces: {len(own)}, wrong {100 * wrong.mean():.0f} %, area {area_under(guess, wrong):.3f}")
    count, changes, after, faults, seen = (np.zeros(len(cases)) for _ in range(5))
    for row, (case, one) in enumerate(zip(cases, areas, strict=True)):
        at = np.flatnonzero(own == row)
        chosen = [at[i] for i in np.argsort(-(guess * share)[at], kind="stable")[: doubts.MOST]]
        product = case.alpha > 0.5
        wrongs, _ = label(binary_opening((product != case.truth) & case.counted))
        asked = np.zeros(product.shape, bool)
        for piece in chosen:
            if guess[piece] * share[piece] < doubts.WORTH:
                continue
            asked |= one.labels == piece - at[0] + 1
            count[row] += 1
            changes[row] += wrong[piece]
            product[one.labels == piece - at[0] + 1] = truth[piece]
        after[row] = case.iou(product)
        large = np.flatnonzero(np.bincount(wrongs.ravel())[1:] >= FAULT * (case.alpha > 0.5).sum()) + 1
        faults[row] = len(large)
        seen[row] = sum(asked[wrongs == number].mean() >= 0.5 for number in large)
    return Asked(count, changes, after, faults, seen)


def asking(pieces: Asked, iou: Array, own: Mask) -> None:
    """Print what answers are worth."""
    good = own & (iou >= RIGHT)
    fails = [
        f"<{bar}: {100 * (iou[own] < bar).mean():.1f} → {100 * (pieces.iou[own] < bar).mean():.1f} %"
        for bar in (FAILS, RIGHT)
    ]
    click.echo(
        f"  pieces {pieces.count[own].mean():.2f}, of right ones {pieces.count[good].mean():.2f}; answers that change"
        f" {pieces.changes[own].mean():.2f}; {'; '.join(fails)}; IoU {iou[own].mean():.4f} →"
        f" {pieces.iou[own].mean():.4f}; faults {pieces.faults[own].sum():.0f}, in a piece {pieces.seen[own].sum():.0f}"
    )


def figures(sure: Array, iou: Array, pieces: Asked, own: Mask) -> list[Measured]:
    """Return the figures of one set."""
    n, good = len(iou), iou >= RIGHT
    after, count, changes = pieces.iou[own], pieces.count[own], pieces.changes[own]
    return [
        Measured(
            "right-area",
            "Area under the curve of the probability for IoU below 0.9, out of fold",
            area_under(-sure, ~good),
            "",
            n,
        ),
        Measured(
            "failures-flagged",
            "Cut-outs with IoU below 0.9 that carry `low_confidence`, out of fold",
            100 * flagged(sure, iou, RIGHT),
            "%",
            int((~good).sum()),
        ),
        Measured(
            "calibration", "Calibration error of the probability, out of fold", calibration(sure, iou >= RIGHT), "", n
        ),
        Measured(
            "doubts-before", "Failed cut-outs (IoU below 0.8) before answers", 100 * float((iou < FAILS).mean()), "%", n
        ),
        Measured(
            "doubts-after",
            "Failed cut-outs after right answers to each doubtful piece",
            100 * float((after < FAILS).mean()),
            "%",
            n,
        ),
        Measured("doubts-changes", "Answers that change a cut-out, for each photo", float(changes.mean()), "", n),
        Measured("doubts-good", "Doubtful pieces on a right cut-out", float(count[good].mean()), "", int(good.sum())),
    ]


if __name__ == "__main__":
    main()
