"""The graphs of the service's own networks against torch with the same weights, and when each is used."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.device import _may_have_gpu
from models.graphs import LIGHT, GraphGenerator, graph_file
from models.hub.generator import DiffusersGenerator
from models.lane import DeviceLane
from models.loading import GeneratorChoice, load_generator
from models.sessions import CpuRuntime, Runtime
from pipeline.background.paint import paint_background
from pipeline.core.errors import ModelFailed, OutOfMemory
from pipeline.core.networks import Conditions, Networks, PaintRequest, painted
from pipeline.core.order import SwapOrder
from pipeline.scene.composition import compose
from service.catalogue.catalogue import load_catalogue
from service.settings import RENDERER_CHECKPOINT
from service.worker.local import build_spec
from testkit.still_life import by_colour
from tests.support.tiny_pipelines import conditions, paint


class Stop(Exception):
    pass


@pytest.fixture(scope="module", name="graph")
def _graph() -> GraphGenerator:
    generator = load_generator(GeneratorChoice(RENDERER_CHECKPOINT))
    assert isinstance(generator, GraphGenerator)
    return generator


@pytest.fixture(scope="module", name="bare_checkpoint")
def _bare_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped checkpoint without its graph."""
    folder = tmp_path_factory.mktemp("bare") / "checkpoint"
    shutil.copytree(RENDERER_CHECKPOINT, folder, ignore=shutil.ignore_patterns("*.onnx"))
    return folder


@pytest.fixture(scope="module", name="pipeline")
def _pipeline(bare_checkpoint: Path) -> Iterator[DiffusersGenerator]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two that wait for each other spin for minutes where the cores are busy
    generator = load_generator(GeneratorChoice(bare_checkpoint))
    assert isinstance(generator, DiffusersGenerator)
    yield generator
    torch.set_num_threads(threads)


class Watched:
    """A generator that keeps its requests."""

    def __init__(self, generator: GraphGenerator):
        self.capabilities, self._generator = generator.capabilities, generator
        self.seen: list[Conditions] = []

    def paint(self, requests: Sequence[PaintRequest]) -> list[Any]:
        self.seen += [request.conditions for request in requests]
        return self._generator.paint(requests)


@pytest.fixture(scope="module", name="scenes")
def _scenes(graph: GraphGenerator) -> list[Conditions]:
    """The network's input for real scenes, upright, wide and square; most sides are no multiples of 16."""
    catalogue, watched = load_catalogue(), Watched(graph)
    for scene, mood, width, height in (
        ("podium", "calm", 320, 400),
        ("neon", "moody", 300, 300),
        ("velvet_curtain", "dramatic", 400, 225),
        ("sand_dunes", "warm", 330, 413),
    ):
        spec = build_spec(catalogue, SwapOrder(scene, mood, "shopify_product", ("#e8d5c4", "#2f5d50"), seed=7))
        spec = replace(spec, preset=replace(spec.preset, size=(width, height)))
        paint_background(spec, compose(spec, width, height, 0.6), width, height, watched, lambda done: None)
    return watched.seen


def asked(scene: Conditions, seed: int = 1) -> PaintRequest:
    return PaintRequest("a wall", "text", scene, seed, lambda done: None)


@pytest.mark.gate  # 4 CPU-seconds: torch next to the graph
def test_the_graph_returns_the_light_of_the_pipeline(
    graph: GraphGenerator, pipeline: DiffusersGenerator, scenes: list[Conditions]
) -> None:
    assert len(scenes) >= 4
    assert any(side % 16 for scene in scenes for side in scene.sketch.shape[:2])
    for scene in scenes:
        light, truth = paint(graph, scene), paint(pipeline, scene)
        assert light.shape == truth.shape == scene.sketch.shape
        assert light.dtype == np.float32
        assert light.flags.c_contiguous
        np.testing.assert_allclose(light, truth, rtol=1e-4, atol=1e-6)
        assert np.abs(light - np.maximum(scene.light, 0)).max() > 0.05, "it corrects the light"
        np.testing.assert_array_equal(light[scene.lit == 0], scene.light[scene.lit == 0])


@pytest.mark.parametrize("size", [(48, 64), (31, 45), (7, 1), (128, 20)])
def test_a_picture_of_any_size_keeps_its_size(
    graph: GraphGenerator, pipeline: DiffusersGenerator, size: tuple[int, int]
) -> None:
    scene = Conditions(
        **{name: np.resize(value, (*size, *value.shape[2:])) for name, value in vars(conditions()).items()}
    )
    light = paint(graph, scene)
    assert light.shape == (*size, 3)
    np.testing.assert_allclose(light, paint(pipeline, scene), rtol=1e-4, atol=1e-6)


def test_the_light_of_a_batch_equals_that_of_single_runs(graph: GraphGenerator) -> None:
    scene = conditions()
    requests = [
        asked(one)
        for one in (scene, replace(scene, sketch=scene.sketch[::-1].copy()), replace(scene, light=scene.light * 0.3))
    ]
    assert graph.capabilities.batches
    assert len({one.alike for one in requests}) == 1

    together = graph.paint(requests)

    pictures = [answer for answer in together if isinstance(answer, np.ndarray)]
    for picture, request in zip(pictures, requests, strict=True):
        np.testing.assert_allclose(picture, paint(graph, request.conditions), rtol=1e-4, atol=1e-6)
    assert np.abs(pictures[0] - pictures[2]).max() > 1e-2


def test_conditions_of_another_size_are_not_alike(scenes: list[Conditions]) -> None:
    assert asked(conditions()).alike != asked(scenes[0]).alike


def test_a_request_that_stops_changes_no_pixel_of_the_others(graph: GraphGenerator) -> None:
    reported = list[float]()

    def stop(done: float) -> None:
        raise Stop

    first, second = graph.paint(
        [replace(asked(conditions()), on_step=stop), replace(asked(conditions()), on_step=reported.append)]
    )

    assert isinstance(first, Stop)
    assert isinstance(second, np.ndarray)
    np.testing.assert_allclose(second, paint(graph), rtol=1e-4, atol=1e-6)
    assert reported == [1.0]


def test_an_exception_of_on_step_is_raised(graph: GraphGenerator) -> None:
    def stop(done: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        painted(graph, replace(asked(conditions()), on_step=stop))


def test_the_device_lane_paints_with_it_as_it_paints_alone(graph: GraphGenerator) -> None:
    lane = DeviceLane(batch_size=4)
    try:
        on_lane = lane.networks(Networks(by_colour, graph), lambda: None).generator
        np.testing.assert_array_equal(paint(on_lane), paint(graph))
    finally:
        lane.close()


@pytest.mark.parametrize(
    "wrong", [{"gloss": np.zeros((48, 63), np.float32)}, {"light": np.full((48, 64, 3), np.nan, np.float32)}]
)
def test_invalid_conditions_are_a_failure_of_the_network(graph: GraphGenerator, wrong: dict[str, Any]) -> None:
    with pytest.raises(ModelFailed):
        paint(graph, replace(conditions(), **wrong))


def test_a_scene_that_exceeds_the_memory_raises_its_own_error(graph: GraphGenerator) -> None:
    vast = np.broadcast_to(np.float32(0.5), (1 << 23, 1 << 23))  # more than a processor can address
    three = np.broadcast_to(np.float32(0.5), (1 << 23, 1 << 23, 3))
    scene = Conditions(sketch=three, light=three, normals=three, depth=vast, occlusion=vast, gloss=vast, lit=vast)
    with pytest.raises(OutOfMemory):
        paint(graph, scene)


def test_both_forms_name_the_same_weights(graph: GraphGenerator, pipeline: DiffusersGenerator) -> None:
    assert graph.version.split()[0] in {"openvino", "onnxruntime"}
    weights, _, own = graph.version.partition(" graph sha256:")
    assert weights.split()[2:] == pipeline.version.split()[2:]
    assert sha256(graph_file(RENDERER_CHECKPOINT, LIGHT).read_bytes()).hexdigest().startswith(own)
    assert len(own) == 12
    assert (graph.capabilities, graph.dtype) == (pipeline.capabilities, pipeline.dtype)
    assert load_generator(GeneratorChoice(RENDERER_CHECKPOINT, size=96)).capabilities.size == 96


@pytest.mark.parametrize(
    ("asks", "runtime"), [({"steps": 2}, "auto"), ({"dtype": "bfloat16"}, "auto"), ({}, "torch")], ids=str
)
def test_the_pipeline_replaces_the_graph_where_that_cannot_run(asks: dict[str, Any], runtime: CpuRuntime) -> None:
    assert isinstance(load_generator(GeneratorChoice(RENDERER_CHECKPOINT, steps=1)), GraphGenerator)
    assert isinstance(
        load_generator(GeneratorChoice(RENDERER_CHECKPOINT, **asks), runtime=Runtime(runtime)), DiffusersGenerator
    )


def test_the_graph_of_other_weights_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(RENDERER_CHECKPOINT, folder)
    assert isinstance(load_generator(GeneratorChoice(folder)), GraphGenerator)
    with next(folder.rglob("*.safetensors")).open("r+b") as weights:
        weights.seek(-2, 2)
        weights.write(b"\x00\x3c")

    assert isinstance(load_generator(GeneratorChoice(folder)), DiffusersGenerator)


def test_the_graph_contains_no_weights_and_no_path_of_its_build() -> None:
    graph = graph_file(RENDERER_CHECKPOINT, LIGHT)
    assert [path.name for path in RENDERER_CHECKPOINT.glob("*.onnx")] == [graph.name]
    data = graph.read_bytes()
    assert len(data) < 200_000
    assert b".py" not in data


@pytest.mark.system
@pytest.mark.parametrize(
    "segmenter",
    ["u2netp", pytest.param(None, marks=pytest.mark.nightly)],  # the default has a larger network too
    ids=["u2netp", "default"],
)
def test_a_worker_with_the_default_networks_swaps_without_torch(segmenter: str | None) -> None:
    # Where there may be a GPU, torch checks its driver. The device is set here.
    device = "cpu" if _may_have_gpu() else "auto"
    code = (
        "import sys, time, service.worker.main; from service.settings import Settings;"
        "from service.worker.networks import open_networks; from service.worker.kernels import warm_up;"
        f"settings = Settings({'' if segmenter is None else f'segmenter={segmenter!r}, '}device={device!r});"
        "networks = open_networks(settings); warm_up(networks);"
        "print([m for m in ('torch', 'diffusers', 'transformers', 'pymatting') if m in sys.modules]);"
        "print(networks.versions['generator_device'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "cpu float32"]
