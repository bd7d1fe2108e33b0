"""The throughput benchmark: what its figures stand on, and the path of the real-size pipelines, at a small size."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.speed.real_size import BUILT, family_call, shipped_call
from benchmarks.speed.stand_in import CuttingStandIn, StandIn, by_colour
from benchmarks.speed.throughput import photo
from pipeline.core.networks import PaintRequest, painted
from pipeline.core.spec import Limits
from pipeline.cutout.segment import segment
from pipeline.photo.decode import decode
from tests.lanes import rest_in_gate
from tests.support.tiny_pipelines import conditions

THROUGHPUT = Path(__file__).resolve().parents[2] / "benchmarks" / "speed" / "throughput.py"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """torch on one thread: two that wait for each other spin for minutes where the cores are busy."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_no_two_photos_are_the_same_file_and_all_show_the_same() -> None:
    first, second = photo(1), photo(2)

    assert first != second
    shown = [np.asarray(Image.open(io.BytesIO(one))) for one in (first, second)]
    np.testing.assert_array_equal(shown[0], shown[1])


def test_the_stand_in_cuts_the_product_out() -> None:
    alpha = segment(decode(photo(1), Limits()), by_colour).alpha

    assert 0.05 < alpha.mean() < 0.6


def test_the_stand_in_notes_when_it_held_its_lane(tmp_path: Path) -> None:
    log, scene, told = tmp_path / "held.log", conditions(), list[float]()
    stand_in = StandIn(0.05, log)

    light = painted(stand_in, PaintRequest("", "", scene, 1, told.append))

    holds = [tuple(map(float, line.split())) for line in log.read_text().splitlines()]
    assert 0.05 <= sum(ended - began for began, ended in holds) < 5
    assert light is scene.light
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_a_stand_in_that_cuts_out_holds_the_lane_too(tmp_path: Path) -> None:
    log, image = tmp_path / "held.log", np.full((9, 9, 3), 200, np.uint8)
    image[3:6, 3:6] = 0

    alpha = CuttingStandIn(0.02, log)(image)

    np.testing.assert_array_equal(alpha, by_colour(image))
    assert len(log.read_text().splitlines()) == 1


#: diffusers' Euler scheduler and NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("name", rest_in_gate(BUILT))
def test_the_pipelines_that_a_gpu_is_measured_with_paint_batches_from_embeddings(name: str) -> None:
    pictures = family_call(name, device="cpu", small=True)(2)

    assert np.shape(pictures) == (2, 64, 64, 3)


def test_the_network_that_ships_is_measured_in_batches() -> None:
    assert len(shipped_call(device="cpu")(3)) == 3


@pytest.mark.nightly  # its parts, in the gate: the tests above
@pytest.mark.parametrize("networks", [[], ["--networks"]], ids=["stand-in", "real networks"])
def test_an_installation_is_measured(networks: list[str]) -> None:
    options = ["--seconds", "6", "--device-seconds", "0.2", "--preset", "instagram_square", *networks]
    done = subprocess.run([sys.executable, str(THROUGHPUT), *options], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "swaps/min" in done.stdout
