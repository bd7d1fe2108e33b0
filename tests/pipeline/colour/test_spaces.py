"""Colour spaces: the formulas against published figures."""

import numpy as np
import pytest

from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import delta_e00, lab_to_srgb, linear_to_srgb, srgb_profile, srgb_to_lab, srgb_to_linear

#: Table 1 of Sharma, Wu and Dalal 2005: L, a, b of both colours, then their difference to four decimals.
SHARMA = np.array(
    [
        [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
        [50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615],
        [50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412],
        [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
        [50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
        [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
        [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
        [50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977],
        [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
        [50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
        [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)


def test_ciede2000_gives_the_published_differences_either_way() -> None:
    one, two = SHARMA[:, :3], SHARMA[:, 3:6]
    np.testing.assert_allclose(delta_e00(one, two), SHARMA[:, 6], atol=5e-5)
    np.testing.assert_allclose(delta_e00(two, one), SHARMA[:, 6], atol=5e-5)
    assert np.all(delta_e00(one, one) == 0)
    assert delta_e00(np.zeros((5, 1, 3), np.float32), np.full((1, 4, 3), 10, np.float32)).shape == (5, 4)


def test_ciede2000_in_float32_stays_within_a_thousandth_of_float64() -> None:
    rng = np.random.default_rng(7)
    one, two = srgb_to_lab(rng.random((20_000, 3))), srgb_to_lab(rng.random((20_000, 3)))
    fast = delta_e00(one, two)
    assert fast.dtype == np.float32
    exact = delta_e00(one.astype(np.float64), two.astype(np.float64))
    # hues almost half a turn apart may fall on either side of the cut in float32, as in pairs 10 and 11
    assert np.quantile(np.abs(fast - exact), 0.9999) < 1e-3


@pytest.mark.parametrize(
    ("encoded", "linear"),
    [(0.0, 0.0), (0.04045, 0.0031308), (0.5, 0.2140411), (188 / 255, 0.5028865), (1.0, 1.0)],
)
def test_the_transfer_curve_passes_through_known_points(encoded: float, linear: float) -> None:
    assert srgb_to_linear(np.array(encoded)) == pytest.approx(linear, abs=2e-6)
    assert linear_to_srgb(np.array(linear)) == pytest.approx(encoded, abs=2e-5)


def test_every_8_bit_code_survives_the_round_trip_through_linear_light() -> None:
    codes = np.arange(256, dtype=np.float32) / 255
    back = linear_to_srgb(srgb_to_linear(codes))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(np.rint(back * 255), np.arange(256))
    assert float(back.max()) <= 1.0


@pytest.mark.parametrize(
    ("colour", "lab"),
    [
        # CIE Lab (D65) of the sRGB primaries and greys as computed from IEC 61966-2-1
        ("#ffffff", (100.0, 0.0, 0.0)),
        ("#000000", (0.0, 0.0, 0.0)),
        ("#ff0000", (53.24, 80.09, 67.20)),
        ("#00ff00", (87.73, -86.18, 83.18)),
        ("#0000ff", (32.30, 79.19, -107.86)),
        ("#808080", (53.59, 0.0, 0.0)),
    ],
)
def test_lab_of_the_primaries_has_the_known_values(colour: str, lab: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(srgb_to_lab(hex_to_rgb(colour)), lab, atol=0.03)


def test_lab_returns_to_the_same_srgb() -> None:
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 3), axis=-1)
    np.testing.assert_allclose(lab_to_srgb(srgb_to_lab(grid)), grid, atol=2e-5)


def test_the_srgb_profile_contains_no_time_of_day() -> None:
    made = srgb_profile()
    assert made[36:40] == b"acsp"
    assert made[24:36] == bytes([0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
