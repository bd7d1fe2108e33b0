import numpy as np
import pytest

from benchmarks.picture.mattes import edge_band, enclosed_holes, halo, matte_errors, open_share, true_colours
from pipeline.core.types import Alpha, Cutout
from tests.support.still_life import photo, still_life


def half_plane(edge: int, height: int = 100, width: int = 200) -> Alpha:
    alpha = np.zeros((height, width), np.float32)
    alpha[:, :edge] = 1
    return alpha


def disc(x: float, radius: float = 80, side: int = 400) -> Alpha:
    v, u = np.mgrid[:side, :side] + 0.5
    return np.asarray(np.hypot(u - x, v - side / 2) < radius, np.float32)


def test_the_band_is_one_per_cent_of_the_long_side_on_either_side_of_the_edge() -> None:
    band = edge_band(half_plane(80))
    assert np.flatnonzero(band.any(axis=0)).tolist() == [78, 79, 80, 81]
    assert band.sum() == 4 * 100


def test_the_pictures_own_border_is_no_edge() -> None:
    assert not edge_band(half_plane(80))[:, 0].any()
    assert not edge_band(np.ones((50, 50), np.float32)).any()


def test_an_edge_that_is_one_pixel_off_costs_a_quarter_of_a_band_of_four() -> None:
    truth = half_plane(80)
    errors = matte_errors(half_plane(81), truth, edge_band(truth))
    assert errors["madb"] == pytest.approx(250)
    assert errors["sad"] == pytest.approx(0.1)
    assert errors["mse"] == errors["mae"] == pytest.approx(1000 / 200)
    assert errors["iou"] == pytest.approx(80 / 81)


def test_a_shifted_disc_overlaps_itself_as_geometry_says() -> None:
    radius, shift = 80.0, 30.0
    truth = disc(185)
    errors = matte_errors(disc(185 + shift), truth, edge_band(truth))
    lens = 2 * radius**2 * np.arccos(shift / (2 * radius)) - shift / 2 * np.sqrt(4 * radius**2 - shift**2)
    area = np.pi * radius**2
    assert errors["iou"] == pytest.approx(lens / (2 * area - lens), abs=0.005)
    assert errors["sad"] == pytest.approx(2 * (area - lens) / 1000, rel=0.02)


def test_only_background_that_the_product_encloses_is_a_hole() -> None:
    ring = disc(200) - disc(200, 30)
    holes = enclosed_holes(ring)
    assert holes.sum() == disc(200, 30).sum()
    assert not enclosed_holes(disc(200)).any()
    pinhole = disc(200)
    pinhole[200, 200] = 0
    assert not enclosed_holes(pinhole).any()


def test_a_hole_that_half_is_filled_counts_as_half_open() -> None:
    holes = np.zeros((10, 10), bool)
    holes[2:8, 2:8] = True
    alpha = np.ones((10, 10), np.float32)
    alpha[:, :5] = 0.1
    assert open_share(alpha, holes) == pytest.approx(0.5)


@pytest.mark.nightly  # pymatting, which gives the true colours, compiles itself at its first import: 45 CPU-seconds
def test_the_true_cut_out_has_no_halo_and_the_naive_one_has() -> None:
    rgb, truth = still_life(200, 240)
    source = photo(rgb)
    exact = Cutout(np.rint(true_colours(source, truth) * 255).astype(np.uint8), truth, 1.0, ())
    naive = np.dstack([np.rint(rgb * truth[..., None]), np.rint(truth * 255)]).astype(np.uint8)
    white, dark = (np.full((240, 200, 3), value, np.uint8) for value in (255, 20))
    found = halo(source, truth, exact, naive, [white, dark])
    # a cut-out's colours are rounded to bytes
    assert max(found["ours_soft"], found["ours_band"]) < 0.2
    assert found["plain_soft"] > 2


@pytest.mark.nightly  # pymatting, which gives the true colours, compiles itself at its first import: 45 CPU-seconds
def test_a_cut_out_that_shows_the_old_background_has_a_halo() -> None:
    rgb, truth = still_life(200, 240)
    source = photo(rgb)
    stained = Cutout(rgb, truth, 1.0, ())
    found = halo(source, truth, stained, np.dstack([rgb, np.rint(truth * 255).astype(np.uint8)]), [rgb * 0])
    assert found["ours_soft"] > 1
