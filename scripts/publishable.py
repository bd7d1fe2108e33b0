"""Fit the probability that a picture can be published on one half of the ratings, and prove its limits on the other.

    python -m scripts.publishable [--svg FILE]

The ratings are in `benchmarks/picture/ratings`: two readers judged each picture. They saw the photo, the picture and
crops at 1:1, and no word of Backdrop's. A picture counts as publishable if both said so. All pictures of a photo are in
the same half. The script prints the coefficients and limits for `pipeline/delivery/acceptance.py`.
"""

import csv
from collections import Counter
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.figures import Measured, Recorder, record_option
from pipeline.delivery.acceptance import SETS, most_bad
from scripts.cutout.doubts import FOLDS, area_under, calibration, drawn, fitted, reliability

RATINGS = Path(__file__).resolve().parents[1] / "benchmarks" / "picture" / "ratings"
#: Columns of pictures.csv, as `pipeline.delivery.acceptance.PUBLISHABLE` has them. Out of fold, no other adds anything.
SIGNS = ("doubt", "cropped", "plain")
#: Share of accepted pictures that may be bad in the half that chooses a limit, for each set.
BAD = {"standard": 0.5, "strict": 0.1}
#: Least share of pictures that a limit may accept there.
FEWEST = 0.1

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def ratings() -> tuple[Array, Mask, Mask, list[dict[str, str]]]:
    """Return N×3 signs, N outcomes, which N are in the half that chooses, and the rows of the file."""
    with (RATINGS / "pictures.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    photos = sorted({row["photo"] for row in rows})
    choosing = set(np.random.default_rng(54).permutation(photos)[: len(photos) // 2])
    good = np.array([row["first"] == row["second"] == "publishable" for row in rows])
    signs = np.array([[float(row[name]) for name in SIGNS] for row in rows])
    return signs, good, np.array([row["photo"] in choosing for row in rows]), rows


def least(sure: Array, good: Mask, share: float) -> float:
    """Return the lowest limit with at most this share of bad ones among the accepted, and FEWEST accepted or more.

    If there is none, return the limit that accepts FEWEST.
    """
    order = np.argsort(-sure)
    bad = np.cumsum(~good[order]) / np.arange(1, len(good) + 1)
    fewest = int(np.ceil(FEWEST * len(good)))
    last = np.flatnonzero(bad[fewest - 1 :] <= share)
    return float(sure[order[fewest - 1 + (last[-1] if len(last) else 0)]])


@click.command(help=__doc__)
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="File for the reliability diagram.")
@record_option
def main(svg: Path | None, recorder: Recorder | None) -> None:
    """Fit on one half, prove on the other."""
    signs, good, chosen, rows = ratings()
    weights = np.round(fitted(signs[chosen], good[chosen]), 2)
    sure = expit(weights[0] + signs @ weights[1:])
    proof = ~chosen
    folds = np.zeros(len(good))  # the half that chooses, each tenth of its photos by a fit on the others
    tenth = np.unique([row["photo"] for row in rows], return_inverse=True)[1] % FOLDS
    for k in range(FOLDS):
        others = fitted(signs[chosen & (tenth != k)], good[chosen & (tenth != k)])
        folds[tenth == k] = expit(others[0] + signs[tenth == k] @ others[1:])
    click.echo(f"PUBLISHABLE = {tuple(float(one) for one in weights)}")
    same = np.mean([(row["first"] == "publishable") == (row["second"] == "publishable") for row in rows])
    click.echo(f"{len(rows)} pictures of {len({row['photo'] for row in rows})} photos; readers agree on {same:.0%}")
    click.echo(f"verdicts {dict(Counter(row['first'] for row in rows) + Counter(row['second'] for row in rows))}")
    click.echo(
        f"faults {dict(Counter(row[name] for row in rows for name in ('first_fault', 'second_fault') if row[name]))}"
    )
    error, area = calibration(sure[proof], good[proof]), area_under(sure[proof], good[proof])
    click.echo(f"on the proof: publishable {good[proof].mean():.1%}, area {area:.3f}, calibration error {error:.3f}")
    n = int(proof.sum())
    found = [
        Measured(
            "publishable",
            "Pictures of merchants' photos that both readers would publish",
            100 * float(good.mean()),
            "%",
            len(good),
        ),
        Measured(
            "agree",
            "Pictures of which both readers say the same: publishable or not",
            100 * float(same),
            "%",
            len(good),
        ),
        Measured(
            "area", "Area under the curve of the probability to be publishable, on the half that proves", area, "", n
        ),
        Measured("calibration", "Calibration error of that probability, on the half that proves", error, "", n),
    ]
    for name, limits in SETS.items():
        chosen_limit = least(folds[chosen], good[chosen], BAD[name])
        limit = chosen_limit if limits.publishable is None else limits.publishable
        accepted = proof & (sure >= limit)
        bad, count = int((~good & accepted).sum()), int(accepted.sum())
        bound, refused = most_bad(bad, count), 1 - (good & accepted).sum() / good[proof].sum()
        click.echo(
            f"{name}: publishable={chosen_limit:.2f} (shipped {limits.publishable}); accepted {count} of {n}"
            f" ({count / n:.1%}), not publishable {bad} ({bad / max(1, count):.1%}, 95 % limit {bound:.1%});"
            f" refused of the good {refused:.1%}"
        )
        of = f"of `accept={name}`, on the half that proves"
        found += [
            Measured(
                f"{name}-refused", f"Pictures below the limit on `publishable` {of}", 100 * (1 - count / n), "%", n
            ),
            Measured(
                f"{name}-good-refused",
                f"Publishable pictures below the limit {of}",
                100 * float(refused),
                "%",
                int(good[proof].sum()),
            ),
            Measured(
                f"{name}-bad",
                f"Not publishable among those above the limit {of}",
                100 * bad / max(1, count),
                "%",
                count,
            ),
            Measured(f"{name}-bound", f"Upper 95 % limit of that share {of}", 100 * bound, "%", count),
        ]
    if svg is not None:
        bins = reliability(sure[proof], good[proof])
        svg.write_text(drawn(bins, "probability", "share that both readers would publish"))
    if recorder:
        recorder.write("picture", found)


if __name__ == "__main__":
    main()
