"""Changes of pictures by their surfaces, against plain NumPy."""

import numpy as np

from pipeline.kernels.image.surfaces import fade

RNG = np.random.default_rng(5)
FACES = 8


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
