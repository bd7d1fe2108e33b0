"""Sharing of samples between neighbouring pixels."""

import numpy as np

from pipeline.kernels.tracing.interleaved import share


def test_a_pixel_takes_the_mean_of_its_similar_neighbours() -> None:
    rng = np.random.default_rng(1)
    surface = rng.integers(0, 3, (17, 23)).astype(np.uint16)
    normal = rng.normal(0, 1, (3, 17, 23)) * 0.3 + np.array([0, 0, 1.0])[:, None, None]
    normal = (normal / np.linalg.norm(normal, axis=0)).astype(np.float32)
    field = rng.random((2, 17, 23), dtype=np.float32)
    out = np.empty_like(field)
    share(0, 17, np.ones(surface.shape, np.bool_), surface, normal, field, out)

    # Beyond the frame the pattern's next period follows.
    rows, columns = np.r_[2, :17, 14], np.r_[2, :23, 20]
    ids, ways, values = (array[..., rows, :][..., columns] for array in (surface, normal, field))
    total, count = np.zeros_like(field), np.zeros(surface.shape)
    for dy in range(3):
        for dx in range(3):
            at = (..., slice(dy, dy + 17), slice(dx, dx + 23))
            alike = (ids[at] == surface) & ((ways[at] * normal).sum(0) > 0.8)
            total += np.where(alike, values[at], 0)
            count += alike
    np.testing.assert_allclose(out, total / count, atol=1e-6)


def test_a_run_of_pixels_without_one_that_is_lit_is_left_alone() -> None:
    surface, normal = np.zeros((4, 90), np.uint16), np.zeros((3, 4, 90), np.float32)
    normal[2] = 1
    field, out = np.ones((1, 4, 90), np.float32), np.zeros((1, 4, 90), np.float32)
    lit = np.zeros(surface.shape, np.bool_)
    lit[1, 40] = True
    share(0, 4, lit, surface, normal, field, out)
    assert (out[0, 1, 32:64] == 1).all()
    assert out.sum() == 32
