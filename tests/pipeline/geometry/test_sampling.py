"""Samples of light: even, and not in rows, which would turn a thin thing's shadow into a comb."""

import numpy as np

from pipeline.geometry.ray import plane_samples


def test_they_are_even_and_form_no_rows_in_any_direction() -> None:
    points = plane_samples(9).reshape(-1, 2)
    assert points.min() >= 0
    assert points.max() < 1
    ninth = (3 * points).astype(int) @ np.array((3, 1))
    assert np.bincount(ninth, minlength=9).min() >= 7
    for angle in np.linspace(0, np.pi, 90, endpoint=False):
        along = np.sort(points @ (np.cos(angle), np.sin(angle)))
        middle = along[(along > np.quantile(along, 0.15)) & (along < np.quantile(along, 0.85))]
        # In rows they leave gaps between them of a tenth of the square and more.
        assert np.diff(middle).max() < 0.07
