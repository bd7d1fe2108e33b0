from dataclasses import replace

import numpy as np
import pytest

from pipeline.colour.photo_light import MAX_STOPS, MAX_TINT, PhotoLight, gains, lit_from, photo_light, toned
from pipeline.colour.spaces import delta_e00, linear_to_srgb, srgb_to_lab, srgb_to_linear
from pipeline.core.types import Cutout, Photo

NEUTRAL = PhotoLight(np.ones(3, np.float32), 1.0, 0.0, 0.0, 0.0)
#: Of luminance 1 (Rec. 709).
WARM = np.array([1.2, 0.97, 0.7077], np.float32)
LAMP = np.array([1.12, 0.98, 0.8446], np.float32)


def bottle(
    white: float | np.ndarray = 1.0,
    left: float = 1.0,
    right: float = 1.0,
    ground: tuple[float, float, float] = (0.5, 0.5, 0.5),
    shadow_right: float = 1.0,
    motley: bool = False,
) -> tuple[Photo, Cutout]:
    """A grey bottle on a ground under a light of that colour; linear factors at its edges and next to its foot.

    A `motley` ground has squares of many colours.
    """
    rng = np.random.default_rng(0)
    linear = np.ones((240, 320, 3)) * np.asarray(ground) * rng.uniform(0.9, 1.1, (240, 320, 1))
    if motley:
        linear *= np.kron(rng.uniform(0.5, 1.5, (12, 16, 3)), np.ones((20, 20, 1)))
    linear[170:215, 190:240] *= shadow_right
    linear[40:210, 130:190] = (0.35 * np.linspace(left, right, 60))[None, :, None]
    alpha = np.zeros((240, 320), np.float32)
    alpha[40:210, 130:190] = 1
    rgb = linear_to_srgb((linear * white).astype(np.float32))
    whole = (rgb * 255 + 0.5).astype(np.uint8)
    return Photo(whole, None, "png"), Cutout(whole[30:220, 120:200], alpha[30:220, 120:200], 1.0, (), origin=(120, 30))


def test_a_warm_lamp_over_things_of_many_colours_is_found() -> None:
    light = photo_light(*bottle(LAMP, motley=True))
    np.testing.assert_allclose(light.white, LAMP, atol=0.06)
    assert light.confidence > 0.4


def test_one_saturated_ground_all_around_is_not_mistaken_for_the_lamp() -> None:
    painted = photo_light(*bottle(ground=(0.5, 0.2, 0.08)))
    assert painted.confidence < 0.1


def test_the_brighter_edge_of_an_evenly_coloured_product_is_the_lit_side() -> None:
    from_left, from_right = photo_light(*bottle(left=1.8)), photo_light(*bottle(right=1.8))
    assert from_left.side < -0.3
    assert from_right.side > 0.3
    assert min(from_left.side_confidence, from_right.side_confidence) > 0.3
    assert lit_from(photo_light(*bottle())) is None


def test_a_label_of_another_colour_at_one_edge_is_no_light() -> None:
    photo, cutout = bottle()
    rgb = photo.rgb.copy()
    rgb[40:210, 130:160] = (150, 30, 30)
    assert photo_light(replace(photo, rgb=rgb), cutout).side_confidence < 0.1


def test_a_shadow_next_to_the_foot_shows_the_lit_side_unless_the_edges_contradict_it() -> None:
    light = photo_light(*bottle(shadow_right=0.6))
    assert light.side < -0.3
    assert lit_from(light) == light.side
    agreed = photo_light(*bottle(left=1.8, shadow_right=0.7))
    contrary = photo_light(*bottle(right=1.8, shadow_right=0.7))
    assert agreed.side_confidence > 2 * contrary.side_confidence


def shown(ground: np.ndarray, light: PhotoLight, asked: bool) -> np.ndarray:
    out = ground.copy()
    toned(out, gains(light, asked))
    return out


def test_a_neutral_usual_light_leaves_the_background_unchanged() -> None:
    ground = np.random.default_rng(1).random((40, 40, 3), np.float32)
    assert np.array_equal(shown(ground, NEUTRAL, asked=False), ground)


@pytest.mark.parametrize("asked", [True, False])
def test_the_background_follows_the_photos_tint_within_the_bound(asked: bool) -> None:
    ground = np.full((4, 4, 3), 0.6, np.float32)
    out = shown(ground, replace(NEUTRAL, white=WARM), asked)
    assert out[0, 0, 0] > out[0, 0, 2]
    assert 0.5 < delta_e00(srgb_to_lab(out), srgb_to_lab(ground)).max() <= MAX_TINT + 0.05


def test_exposure_moves_only_a_background_without_asked_colours() -> None:
    ground = np.full((4, 4, 3), 0.5, np.float32)
    dark = replace(NEUTRAL, exposure=-2.0)
    assert np.array_equal(shown(ground, dark, asked=True), ground)
    stops = np.log2(srgb_to_linear(shown(ground, dark, asked=False)) / srgb_to_linear(ground))
    np.testing.assert_allclose(stops, -MAX_STOPS, atol=0.02)


def test_black_and_white_stay_and_greys_keep_their_order() -> None:
    ramp = np.repeat(np.linspace(0, 1, 257, dtype=np.float32)[None, :, None], 3, 2)
    out = shown(ramp, replace(NEUTRAL, white=WARM, exposure=2.0), asked=False)
    np.testing.assert_allclose(out[0, [0, -1]], ramp[0, [0, -1]], atol=1e-5)
    assert (np.diff(out[0], axis=0) > 0).all()
