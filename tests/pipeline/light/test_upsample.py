"""Edge-aware upsampling: sharp edges, smooth gradients."""

import numpy as np

from pipeline.light.upsample import upsample_within_surfaces


def test_light_is_not_smeared_over_the_edge_of_a_surface() -> None:
    low = np.zeros((16, 16), np.uint16)
    low[:, 8:] = 1
    high = np.zeros((128, 128), np.uint16)
    # The edge differs from the small grid's.
    high[:, 67:] = 1
    light = np.where(low[..., None] == 1, 2.0, 0.5).astype(np.float32) * np.ones(3, np.float32)
    out = upsample_within_surfaces(light, low, high)
    np.testing.assert_allclose(out[:, :67], 0.5, atol=1e-6)
    np.testing.assert_allclose(out[:, 67:], 2.0, atol=1e-6)


def test_a_surface_too_thin_for_the_small_grid_takes_the_light_of_its_place() -> None:
    low = np.zeros((16, 16), np.uint16)
    high = np.zeros((128, 128), np.uint16)
    high[64, :] = 5
    light = np.full((16, 16, 3), 0.7, np.float32)
    np.testing.assert_allclose(upsample_within_surfaces(light, low, high), 0.7, atol=1e-6)


def test_within_a_surface_light_is_interpolated() -> None:
    low, high = np.zeros((16, 16), np.uint16), np.zeros((128, 128), np.uint16)
    light = np.linspace(0, 1, 16, dtype=np.float32)[None, :, None] * np.ones((16, 1, 3), np.float32)
    out = upsample_within_surfaces(light, low, high)[64, 8:-8, 0]
    assert (np.diff(out) >= 0).all()
    assert np.diff(out).max() < 0.02


def test_values_of_other_surfaces_bridge_a_thing_that_the_small_grid_barely_has() -> None:
    low, high = np.zeros((16, 16), np.uint16), np.zeros((128, 128), np.uint16)
    # A thin thing along a row, of which the small grid has two places, far apart.
    low[8, 3] = low[8, 12] = 5
    high[62:66] = 5
    values = np.where(low == 5, np.arange(16) * 0.1, 0.5)[..., None].astype(np.float32)
    steps, smooth = (
        np.abs(np.diff(upsample_within_surfaces(values, low, high, others=others)[64, :, 0])).max()
        for others in (0.0, 0.05)
    )
    assert steps > 0.5
    assert smooth < 0.35
