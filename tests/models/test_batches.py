"""Batches of real pipelines: each picture is the same as alone, independent of the rest of the batch."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.hub.families import FAMILIES
from models.hub.generator import DiffusersGenerator
from models.hub.recipe import Recipe
from pipeline.core.errors import ModelFailed, OutOfMemory
from pipeline.core.networks import PaintRequest
from service.settings import RENDERER_CHECKPOINT
from tests.lanes import rest_at_night
from tests.support.tiny_pipelines import TINY, conditions, load_pipeline

#: diffusers' Euler scheduler and NumPy 2.
EULER = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
BATCHED = [name for name in TINY if "klein" not in name]


class Stop(Exception):
    pass


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """torch on one thread: two threads that wait for each other spin for minutes on busy cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


Folders = Callable[[str], Path]


def tiny(tiny_folder: Folders, name: str, **options: Any) -> DiffusersGenerator:
    own = {"stable-diffusion-v1-5": 3}.get(name)
    return load_pipeline(tiny_folder(name), size=96 if "klein" in name else 64, steps=own, **options)


def requests() -> list[PaintRequest]:
    """Three requests that share only their shape."""
    scene, words = conditions(), ("a wall", "a table in a room", "sand")
    scenes = [scene, replace(scene, sketch=scene.sketch[::-1].copy()), replace(scene, light=scene.light * 0.3)]
    return [
        PaintRequest(word, "text", one, 5 + n, lambda done: None)
        for n, (word, one) in enumerate(zip(words, scenes, strict=True))
    ]


def painted(generator: DiffusersGenerator, asked: list[PaintRequest]) -> list[Any]:
    return list(generator.paint(asked))


def alone(generator: DiffusersGenerator, request: PaintRequest) -> Any:
    (answer,) = generator.paint([request])
    assert isinstance(answer, np.ndarray)
    return answer


@EULER
@pytest.mark.parametrize("name", rest_at_night(BATCHED))
def test_pictures_of_a_batch_equal_those_of_single_runs(tiny_folder: Folders, name: str) -> None:
    generator = tiny(tiny_folder, name)
    asked = requests()
    assert generator.capabilities.batches
    assert len({one.alike for one in asked}) == 1

    together = painted(generator, asked)

    for answer, request in zip(together, asked, strict=True):
        np.testing.assert_allclose(answer, alone(generator, request), atol=1e-3)
    assert np.abs(together[0] - together[1]).max() > 1e-2, "they are different pictures"


def test_light_of_a_batch_equals_that_of_single_runs_in_the_pipeline_of_the_shipped_network() -> None:
    generator = load_pipeline(RENDERER_CHECKPOINT, steps=2)  # a graph replaces a single step, without torch
    asked = requests()
    assert generator.capabilities.batches
    assert len({one.alike for one in asked}) == 1

    for answer, request in zip(painted(generator, asked), asked, strict=True):
        np.testing.assert_allclose(answer, alone(generator, request), atol=1e-3)


def test_families_that_take_a_list_of_pictures_for_references_are_never_batched(tiny_folder: Folders) -> None:
    assert {family.name for family in FAMILIES if not family.batches} == {
        family.name for family in FAMILIES if family.image == "reference"
    }
    assert not tiny(tiny_folder, "FLUX.2-klein-4B").capabilities.batches


def test_a_class_that_the_operator_named_without_a_family_is_never_batched(tiny_folder: Folders) -> None:
    generator = tiny(tiny_folder, "stable-diffusion-v1-5", pipeline_class="StableDiffusionPipeline")

    assert not generator.capabilities.batches


@pytest.mark.gate  # three runs of a pipeline; the fast lane compares a batch
@EULER
def test_a_request_that_stops_changes_no_pixel_of_the_others(tiny_folder: Folders) -> None:
    generator = tiny(tiny_folder, "stable-diffusion-v1-5")
    asked = requests()
    shares: list[float] = []

    def stop(done: float) -> None:
        raise Stop

    together = painted(generator, [asked[0], replace(asked[1], on_step=stop), replace(asked[2], on_step=shares.append)])

    assert isinstance(together[1], Stop)
    np.testing.assert_allclose(together[0], alone(generator, asked[0]), atol=1e-3)
    np.testing.assert_allclose(together[2], alone(generator, asked[2]), atol=1e-3)
    assert shares == pytest.approx([1 / 4, 2 / 4, 3 / 4, 1])


@EULER
def test_a_batch_that_all_requests_have_left_stops_at_once(tiny_folder: Folders) -> None:
    generator = tiny(tiny_folder, "stable-diffusion-v1-5")
    steps: list[float] = []

    def stop(done: float) -> None:
        steps.append(done)
        raise Stop

    answers = painted(generator, [replace(one, on_step=stop) for one in requests()])

    assert [type(one) for one in answers] == [Stop] * 3
    assert len(steps) == 3


def broken(error: Exception | None = None, answers: Any = None) -> DiffusersGenerator:
    class Pipe:
        def __call__(self, prompt: Any) -> Any:
            if error is not None:
                raise error
            return type("Answer", (), {"images": answers})

    return DiffusersGenerator(Pipe(), Recipe(64), version="", paints="picture", batches=True)


def test_a_request_whose_picture_is_not_finite_fails_and_the_others_get_theirs() -> None:
    picture = np.full((64, 64, 3), 0.5, np.float32)

    first, second, third = painted(broken(answers=[picture, picture * np.nan, picture]), requests())

    assert isinstance(second, ModelFailed)
    assert np.shape(first) == np.shape(third) == conditions().sketch.shape


def test_from_a_pipeline_that_returns_too_few_pictures_no_request_gets_anothers() -> None:
    with pytest.raises(ModelFailed, match="2 of 3"):
        broken(answers=[np.zeros((64, 64, 3))] * 2).paint(requests())


def test_too_little_memory_is_reported_and_the_memory_released() -> None:
    with pytest.raises(OutOfMemory) as caught:
        broken(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")).paint(requests())

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
