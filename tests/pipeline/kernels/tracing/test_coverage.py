"""Edges are found where surfaces meet, and mixed by what covers them."""

import numpy as np
import pytest

from pipeline.kernels.tracing.coverage import find_edges, mix
from pipeline.scene.composition import compose
from pipeline.scene.trace import trace
from tests.support.still_life import spec


def test_edges_are_the_pixels_beside_another_surface() -> None:
    surface = np.random.default_rng(1).integers(0, 2, (19, 31)).astype(np.uint16)
    surface[:, 10:20] = 5
    edge, counts = np.empty(surface.shape, np.uint8), np.empty(19, np.int64)
    find_edges(0, 19, surface, edge, counts)
    expected = np.zeros(surface.shape, bool)
    across, down = surface[:, 1:] != surface[:, :-1], surface[1:] != surface[:-1]
    expected[:, 1:] |= across
    expected[:, :-1] |= across
    expected[1:] |= down
    expected[:-1] |= down
    np.testing.assert_array_equal(edge, expected)
    np.testing.assert_array_equal(counts, expected.sum(1))


def test_a_pixel_is_mixed_of_its_neighbours_by_sixteenths() -> None:
    picture = np.random.default_rng(2).random((3, 3, 3), dtype=np.float32)
    share = np.array([[0, 4, 0, 0, 8, 0, 0, 0, 4]], np.uint8)
    out = np.empty((1, 3), np.float32)
    mix(0, 1, np.array([[1, 1]], np.int32), share, picture, out)
    np.testing.assert_allclose(out[0], picture[0, 1] / 4 + picture[1, 1] / 2 + picture[2, 2] / 4, atol=1e-6)


@pytest.mark.parametrize("kind", ["podium", "curtain", "sand"])
def test_every_edge_pixel_is_covered_once(kind: str) -> None:
    layout = compose(spec(kind), 120, 120, 0.6)  # type: ignore[arg-type]  # a SceneKind
    coverage = trace(layout, 120, 120).coverage
    assert len(coverage.place) > 50
    assert (coverage.share.sum(1) == 16).all()
    # The surface of most pixels covers more than half of them.
    assert (coverage.share[:, 4] >= 8).mean() > 0.7
