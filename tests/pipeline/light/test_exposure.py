"""Exposed light: a lit surface shows its colour, and its shade is only slightly more coloured."""

from dataclasses import replace

import numpy as np

from pipeline.colour.spaces import LUMINANCE
from pipeline.light.exposure import Exposure
from pipeline.light.first_light import first_light
from tests.pipeline.light.test_reflection import scene


def test_a_tint_of_the_light_on_a_surface_is_weakened_and_its_luminance_kept() -> None:
    warm = np.array([[1.2, 0.97, 0.7]], np.float32)
    tint = warm / (warm @ LUMINANCE)
    light = np.array([[1.0, 1.0, 1.0], [0.6, 0.2, 0.1]], np.float32)
    part = np.zeros(2, np.uint16)
    all_of_it, some = (Exposure(np.ones((1, 3), np.float32), tint, share).on(light, part) for share in (1.0, 0.4))
    np.testing.assert_array_equal(all_of_it, light)
    np.testing.assert_allclose(some @ LUMINANCE, light @ LUMINANCE, rtol=1e-5)
    own = (light @ LUMINANCE)[:, None] * tint
    np.testing.assert_allclose(some - own, 0.4 * (light - own), atol=1e-6)


def test_light_of_the_lit_parts_colour_stays_unchanged() -> None:
    layout = scene(0.0)
    exposure = Exposure.of(layout, first_light(layout, 64, 64))
    assert exposure.uneven < 1
    level = np.linspace(0.1, 1, len(exposure.tints), dtype=np.float32)[:, None]
    light = level * exposure.tints / exposure.gains
    part = np.arange(len(light), dtype=np.uint16)
    np.testing.assert_allclose(exposure.on(light, part), level * exposure.tints, rtol=1e-4)


def test_a_neon_tube_keeps_its_full_colour() -> None:
    layout = scene(0.0)
    first = first_light(layout, 64, 64)
    plain, neon = (Exposure.of(one, first) for one in (layout, replace(layout, kind="neon")))
    assert neon.uneven == 1
    assert plain.uneven < 1
    np.testing.assert_array_equal(
        neon.on(first.light, first.geometry.part), first.light * np.take(neon.gains, first.geometry.part, axis=0)
    )
