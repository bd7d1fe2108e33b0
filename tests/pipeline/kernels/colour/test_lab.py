"""Lab and CIEDE2000 without transcendental functions against the formulas: near colours, far ones and greys."""

import numpy as np

from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.kernels.colour import lab


def test_errors_match_the_formula() -> None:
    rng = np.random.default_rng(1)
    laid = rng.random((50_000, 3), dtype=np.float32)
    laid[:1000] = laid[:1000, :1]
    codes = np.rint(np.clip(laid + rng.normal(0, 0.02, laid.shape), 0, 1) * 255).astype(np.uint8)
    codes[500:1500] = codes[500:1500, :1]
    codes[-20_000:] = rng.integers(0, 256, (20_000, 3))
    out = np.empty(len(laid), np.float32)
    lab.errors(laid, codes, out)
    wanted = delta_e00(srgb_to_lab(laid).astype(np.float64), srgb_to_lab(codes / np.float32(255)).astype(np.float64))
    away = np.abs(out - wanted)
    assert away[1500:-20_000].max() < 3e-3
    # a grey's hue is rounding, and that of two opposite colours jumps
    assert np.quantile(away, 0.999) < 2e-3
    assert (away / np.maximum(wanted, 1)).max() < 0.02


def test_differences_are_those_to_one_colour() -> None:
    colours = srgb_to_lab(np.random.default_rng(4).random((5000, 3)))
    one = srgb_to_lab(np.array([0.9, 0.7, 0.6]))
    out = np.empty(5000, np.float32)
    lab.differences(colours.reshape(-1), one, out)
    wanted = delta_e00(colours.astype(np.float64), one.astype(np.float64))
    assert np.abs(out - wanted).max() < 0.02
    assert np.quantile(np.abs(out - wanted), 0.99) < 1e-3
