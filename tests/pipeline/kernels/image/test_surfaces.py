"""What is done to pictures by their surfaces, against plain NumPy."""

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.ndimage import distance_transform_edt

from pipeline.kernels.image.surfaces import fade, gather, mix, repaint
from pipeline.light.upsample import upsample_within_surfaces

RNG = np.random.default_rng(5)
FACES = 8


def spline(t: float) -> float:
    return float(BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)(t)) if abs(t) < 2 else 0.0


def upsampled(values: np.ndarray, low: np.ndarray, high: np.ndarray, row: int, column: int) -> np.ndarray:
    """One pixel, by the definition."""
    (h, w), (height, width) = low.shape, high.shape
    y = min(max((row + 0.5) * h / height - 0.5, 0), h - 1)
    x = min(max((column + 0.5) * w / width - 0.5, 0), w - 1)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
    corners = [(y0, x0, (1 - y + y0) * (1 - x + x0)), (y0, x1, (1 - y + y0) * (x - x0))]
    corners += [(y1, x0, (y - y0) * (1 - x + x0)), (y1, x1, (y - y0) * (x - x0))]
    wanted = high[row, column]
    own = [(r, c, weight) for r, c, weight in corners if low[r, c] == wanted]
    if len(own) in (0, 4) and not (not own and (low == wanted).any()):
        return np.asarray(sum(weight * values[r, c] for r, c, weight in corners))
    near = [(r, c) for r in range(y0 - 1, y0 + 3) for c in range(x0 - 1, x0 + 3)]
    inside = [(min(max(r, 0), h - 1), min(max(c, 0), w - 1)) for r, c in near]
    weights = [spline(y - r) * spline(x - c) * (low[at] == wanted) for (r, c), at in zip(near, inside, strict=True)]
    if sum(weights) > 1e-4:
        return np.asarray(sum(weight * values[at] for weight, at in zip(weights, inside, strict=True)) / sum(weights))
    away = distance_transform_edt(~((np.indices(low.shape) == np.array([y0, x0])[:, None, None]).all(0)))
    nearest = np.where(low == wanted, away, np.inf)
    return np.asarray(values[np.unravel_index(np.argmin(nearest), low.shape)])


@pytest.mark.parametrize("channels", [1, 3])
def test_each_pixel_takes_the_values_of_its_own_surface(channels: int) -> None:
    low = np.zeros((12, 17), np.uint16)
    low[:, 6:11], low[2:5, 2:4] = 9, 16
    high = np.zeros((70, 60), np.uint16)
    high[:, 19:40], high[5:33, 6:18], high[50, :] = 9, 16, 24
    values = RNG.random((12, 17, channels), np.float32)
    out = upsample_within_surfaces(values, low, high)
    # among equally near places of a surface either one may be taken
    for row, column in RNG.integers(0, (70, 60), (400, 2)):
        expected = upsampled(values, low, high, row, column)
        same = np.abs(out[row, column] - expected).max() < 1e-5
        assert same or (values[low == high[row, column]] == out[row, column]).all(1).any(), (row, column)


def test_a_strip_is_that_part_of_the_whole_whatever_its_rows() -> None:
    low, high = RNG.integers(0, 3, (20, 30)).astype(np.uint16), RNG.integers(0, 4, (600, 90)).astype(np.uint16)
    values = RNG.random((20, 30, 3), np.float32)
    whole = upsample_within_surfaces(values, low, high)
    np.testing.assert_array_equal(whole, upsample_within_surfaces(values, low, high))


def test_paint_is_multiplied_and_what_glows_is_added_by_surface() -> None:
    surfaces = RNG.integers(0, 16, (9, 11)).astype(np.uint16)
    factors, own = RNG.random((16, 3), np.float32), RNG.random((16, 3), np.float32)
    light = RNG.random((9, 11, 3), np.float32)
    expected = light * factors[surfaces] + own[surfaces]
    repaint(surfaces, factors, own, light)
    np.testing.assert_allclose(light, expected, atol=1e-6)


def test_an_image_is_mixed_into_its_surfaces_by_the_share_of_the_row() -> None:
    surfaces = RNG.integers(0, 16, (9, 11)).astype(np.uint16)
    image, light = RNG.random((9, 11, 3), np.float32), RNG.random((9, 11, 3), np.float32)
    shares = RNG.random(9, np.float32)
    where = (surfaces >= 8) & (surfaces <= 15)
    expected = light + (image - light) * (where * shares[:, None])[..., None]
    mix(image, surfaces, 8, 15, shares, light)
    np.testing.assert_allclose(light, expected, atol=1e-6)


def test_places_are_gathered_and_hidden_ones_have_the_mean_of_their_part() -> None:
    light, means = RNG.random((9, 11, 3), np.float32), RNG.random((4, 3), np.float32)
    rows, columns = RNG.integers(0, 9, (5, 6)).astype(np.int32), RNG.integers(0, 11, (5, 6)).astype(np.int32)
    hidden = RNG.integers(-1, 4, (5, 6)).astype(np.int32)
    out = np.empty((5, 6, 3), np.float32)
    gather(light, rows, columns, hidden, means, out)
    np.testing.assert_array_equal(out, np.where((hidden < 0)[..., None], light[rows, columns], means[hidden]))


def test_far_ground_fades_into_the_sky_and_the_sky_has_the_brightness_of_its_row() -> None:
    surfaces = (RNG.integers(0, 3, (9, 11)) * FACES).astype(np.uint16)
    depth, light = (RNG.random((9, 11)) * 15).astype(np.float32), RNG.random((9, 11, 3), np.float32)
    sky, bright = RNG.random(3, np.float32), RNG.random(9, np.float32)
    part = surfaces // FACES
    expected = light * np.where(part == 0, bright[:, None], 1)[..., None]
    away = np.where(part == 1, np.clip((depth - 3.2) / 9, 0, 1) * 0.55, 0)[..., None]
    expected += away * (sky - expected)
    fade(surfaces, FACES, depth, np.float32(3.2), sky, bright, light)
    np.testing.assert_allclose(light, expected, atol=1e-6)
