"""Fit the weights of `pipeline.background.view` and report how well they predict, out of fold.

Usage: python -m scripts.ground.fit PICTURES [--write]

PICTURES is the folder that `scripts.ground.pictures` made: pictures with JSON files of their truth. Pictures of one
scene or of one panorama are never in both halves of a fold. The panoramas whose `src` is "held" are used for the last
table only.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.background.view import MEETING, features

#: Strength of the regularisation for the horizon and the view from above, and for the light's side.
EVEN, ODD = 1000.0, 10_000.0
#: Weight of a panorama's picture over that of a render.
REAL = 3.0
FOLDS = 10
#: A side that differs less from the middle counts for no side.
CLEAR = 0.12
WEIGHTS = Path(__file__).parents[2] / "pipeline" / "background" / "view.json"

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


def ridge(x: Values, y: Values, weight: Values, strength: float, *, odd: bool) -> tuple[Values, float]:
    """Return weights and base of a weighted ridge regression on standardised features; `odd`: without a base."""
    weight = weight * len(y) / weight.sum()
    middle = np.zeros(x.shape[1]) if odd else x.mean(0)
    spread = np.sqrt(np.square(x - middle).mean(0)) + 1e-3
    z, base = (x - middle) / spread, 0.0 if odd else float(np.average(y, weights=weight))
    found = np.linalg.solve(
        (z * weight[:, None]).T @ z + strength * np.eye(z.shape[1]), (z * weight[:, None]).T @ (y - base)
    )
    return found / spread, base - float(middle @ (found / spread))


def out_of_fold(
    x: Values, y: Values, which: Mask, groups: NDArray[Any], weight: Values, fit: Callable[..., Any]
) -> Values:
    """Return predictions for the cases `which`, each from weights fitted without its group."""
    names = sorted(set(groups[which]))
    np.random.default_rng(0).shuffle(names)
    out = np.full(len(y), np.nan)
    for fold in np.array_split(np.array(names), FOLDS):
        held = which & np.isin(groups, fold)
        rest = which & ~held
        weights, base = fit(x[rest], y[rest], weight[rest])
        out[held] = x[held] @ weights + base
    return out


def main() -> None:
    """Fit, report and, with --write, write the weights."""
    folder = Path(sys.argv[1])
    paths = [path for path in sorted(folder.glob("*.json")) if path.with_suffix(".png").exists()]
    truth = [json.loads(path.read_text()) for path in paths]
    pairs = [features(np.asarray(Image.open(path.with_suffix(".png")).convert("RGB"))) for path in paths]
    even, odd = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    source = np.array([one["src"] for one in truth])
    groups = np.array([f"{one['src']}/{one['group']}" for one in truth])
    weight = np.where(source == "set", 1 / max(1, (source == "set").sum()), REAL / max(1, (source == "tuned").sum()))
    above = np.array([float(one["top_down"]) for one in truth])
    horizon = np.clip([0.0 if one["horizon"] is None else one["horizon"] for one in truth], -0.4, 0.9)
    side = np.array([one["dir"][0] for one in truth])
    upright, tuned = above == 0, source != "held"
    kept: dict[str, Any] = {}
    for name, x, y, which, strength in (
        ("horizon", even, horizon, upright, EVEN),
        ("above", even, above, np.ones_like(upright), EVEN),
        ("side", odd, side, upright, ODD),
    ):

        def fit(x: Values, y: Values, weight: Values, strength: float = strength, odd: bool = name == "side") -> Any:
            return ridge(x, y, weight, strength, odd=odd)

        guessed = out_of_fold(x, y, which & tuned, groups, weight, fit)
        weights, base = fit(x[which & tuned], y[which & tuned], weight[which & tuned])
        guessed[which & ~tuned] = x[which & ~tuned] @ weights + base
        kept |= {f"{name}_weights": weights, f"{name}_base": base}
        kept |= calibration(name, guessed, y, which & (source == "tuned"), even)
        for place in ("set", "tuned", "held"):
            cases = which & (source == place)
            if cases.any():
                print(f"{name:8} {place:6} {int(cases.sum()):5}  {described(name, guessed[cases], y[cases], kept)}")
    if "--write" in sys.argv:
        rows = (f"  {json.dumps(name)}: {json.dumps(rounded(value))}" for name, value in kept.items())
        WEIGHTS.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def rounded(value: Any) -> Any:
    """Return a number or a list of numbers with five significant digits."""
    return [float(f"{one:.5g}") for one in value] if np.ndim(value) else float(f"{value:.5g}")


def calibration(name: str, guessed: Values, y: Values, cases: Mask, even: Values) -> dict[str, Any]:
    """Return the numbers that turn an out-of-fold prediction into a confidence."""
    if name == "horizon":
        apart = np.abs(guessed - y)[cases]
        clear = np.column_stack([np.ones(apart.size), even[cases, MEETING]])
        usual = np.abs(y[cases] - np.median(y[cases])).mean()
        found = np.linalg.lstsq(clear, 1 - apart / usual, rcond=None)[0]
        return {"horizon_sure": found}
    if name == "above":
        return {"above_sure": logistic(np.column_stack([np.ones(int(cases.sum())), guessed[cases]]), y[cases])}
    cases = cases & (np.abs(y) > CLEAR)
    right = (np.sign(guessed) == np.sign(y))[cases].astype(float)
    slope = float(logistic(np.abs(guessed[cases])[:, None], right)[0])
    return {"side_sure": max(slope, 0.0), "side_scale": float(np.quantile(np.abs(guessed[cases]), 0.95))}


def logistic(x: Values, y: Values, rounds: int = 30) -> Values:
    """Return the coefficients of a logistic regression, by Newton's method with a little regularisation."""
    found = np.zeros(x.shape[1])
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        slope = x.T @ (y - chance) - 1e-3 * found
        found += np.linalg.solve((x * (chance * (1 - chance))[:, None]).T @ x + 1e-3 * np.eye(x.shape[1]), slope)
    return found


def described(name: str, guessed: Values, y: Values, kept: dict[str, Any]) -> str:
    """Return the figures of some cases in a line."""
    if name == "above":
        chance = 1 / (1 + np.exp(-(kept["above_sure"][0] + kept["above_sure"][1] * guessed)))
        yes = y > 0.5
        area = (guessed[yes][:, None] > guessed[~yes][None]).mean()
        right, wrong = (chance[yes] > 0.7).mean(), (chance[~yes] > 0.7).mean()
        return f"area under the curve {area:.3f}, above 0.7: {right:.2f} right, {wrong:.3f} wrong"
    if name == "horizon":
        apart, usual = np.abs(guessed - y), np.abs(y - np.median(y))
        middle = f"median {np.median(apart):.3f}, {np.median(usual):.3f}"
        return f"mean error {apart.mean():.3f}, of a constant {usual.mean():.3f}; {middle}"
    clear = np.abs(y) > CLEAR
    right, sure = (np.sign(guessed) == np.sign(y))[clear], np.argsort(-np.abs(guessed[clear]))
    confidence = 2 / (1 + np.exp(-kept["side_sure"] * np.abs(guessed[clear]))) - 1
    used = confidence >= 0.3
    return (
        f"right side {right.mean():.2f} of {clear.sum()}, surest half {right[sure[: len(sure) // 2]].mean():.2f};"
        f" used {used.mean():.2f}, right {right[used].mean() if used.any() else np.nan:.2f}"
    )


if __name__ == "__main__":
    main()
