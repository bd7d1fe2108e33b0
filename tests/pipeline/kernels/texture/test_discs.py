"""Blurs by kernels, their coverage and their enlargement, against NumPy and Pillow."""

import numpy as np
from PIL import Image

from pipeline.geometry.ray import Field
from pipeline.kernels.texture.discs import enlarge_onto, paint_blurs
from pipeline.materials.bokeh import _cubic


def painted(blurs: Field, height: int, width: int) -> Field:
    """Return H×W×3 from a grey canvas."""
    y, x = (np.arange(height)[:, None] + 0.5) / height, (np.arange(width)[None] + 0.5) / height
    out = np.full((height, width, 3), 0.5)
    for blur in blurs.astype(np.float64):
        middle, level, cos, sin, long, wide, radius, apart, soft, rim, strength, hides, *colour = blur
        u = np.abs(cos * (x - middle) + sin * (y - level)) - long
        v = np.abs(cos * (y - level) - sin * (x - middle)) + apart - wide
        inside = radius - np.hypot(np.maximum(u, 0), np.maximum(v, 0))
        t = np.clip(0.5 + inside / max(soft, 1 / height), 0, 1)
        t = t * t * (3 - 2 * t) if soft > 2 / height else t
        edge = 1 - np.clip(
            (inside - max(soft, 1 / height) / 2) / max(radius - apart + min(long, wide), 1 / height), 0, 1
        )
        cover = t * strength * (1 - rim + rim * (0.3 * edge**2 + 0.7 * edge**6))
        out += (np.array(colour) - out * hides) * cover[..., None]
    return out.astype(np.float32)


def test_blurs_of_all_shapes_overlap_with_soft_edges() -> None:
    rng = np.random.default_rng(1)
    low = [-0.1, -0.1, 0, 0, 0.0, 0.0, 0.03, 0.0, 0.0, 0.0, 0.3, 0.3, 0, 0, 0]
    high = [1.4, 1.1, 0, 0, 0.2, 0.1, 0.3, 0.02, 0.3, 0.5, 1.0, 1.0, 1, 1, 1]
    blurs = rng.uniform(low, high, (30, 15)).astype(np.float32)
    turn = rng.uniform(0, np.pi, 30)
    blurs[:, 2], blurs[:, 3], blurs[:5, 8] = np.cos(turn), np.sin(turn), 0.001
    canvas = np.full((3, 60, 80), 0.5, np.float32)
    for top in range(0, 60, 16):
        paint_blurs(blurs, canvas, top, min(top + 16, 60))
    np.testing.assert_allclose(np.moveaxis(canvas, 0, 2), painted(blurs, 60, 80), atol=5e-5)


def test_a_canvas_is_enlarged_bicubic_onto_what_is_shown() -> None:
    rng = np.random.default_rng(1)
    canvas = rng.random((3, 20, 30)).astype(np.float32) - np.float32(0.1)
    part = rng.integers(0, 2, (47, 71)).astype(np.uint16)
    out = np.full((47, 71, 3), 7, np.float32)
    (across, shares), (down, weights) = _cubic(30, 71), _cubic(20, 47)
    enlarge_onto(
        canvas, np.ascontiguousarray(across.T), np.ascontiguousarray(shares.T), down, weights, np.array([False, True]),
        part, out,
    )  # fmt: skip
    planes = [np.asarray(Image.fromarray(plane).resize((71, 47), Image.Resampling.BICUBIC)) for plane in canvas]
    expected = np.where(part[..., None] == 1, np.maximum(np.stack(planes, -1), 0), 7)
    np.testing.assert_allclose(out, expected, atol=1e-5)
