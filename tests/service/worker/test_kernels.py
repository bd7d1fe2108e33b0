"""Kernels compiled ahead: after that no swap compiles anything."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest

from pipeline.core.networks import Networks
from pipeline.core.order import SwapOrder
from pipeline.core.spec import Limits
from pipeline.kernels import cache
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue
from service.settings import RENDERER_CHECKPOINT, Settings
from service.worker.kernels import compile_kernels
from service.worker.local import build_spec
from service.worker.networks import compile_graphs, open_networks
from testkit import still_life as made_up
from testkit.still_life import cut_out_png, jpeg, still_life
from tests.lanes import in_openvino

SCENES = {name: scene for name, scene in load_catalogue().scenes.items() if name != "white"}
#: One of each kind: the networks' results have the same type in all its scenes, so stand-ins return them there.
PAINTED = {scene.kind: name for name, scene in SCENES.items()}.values()


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """The kernels, as set-up leaves them."""
    compile_kernels(Settings(), print)


#: Scenes painted with the networks. The fast lane paints the podium alone, the gate one of each kind.
REAL = {"podium", *PAINTED}
ASKED = [
    pytest.param(name, marks=[] if name == "podium" else pytest.mark.gate if name in REAL else pytest.mark.nightly)
    for name in SCENES
]


@pytest.mark.parametrize("scene", ASKED)
def test_no_swap_compiles_anything(scene: str, networks: Networks) -> None:
    before = len(cache.compiled)
    spec = build_spec(load_catalogue(), SwapOrder(scene, "natural", "instagram_portrait", ("teal",), seed=5))
    # As far out of focus as a picture of 1080 rows.
    mood = replace(spec.mood, depth_of_field=4 * spec.mood.depth_of_field)
    spec = replace(spec, preset=replace(spec.preset, size=(216, 270)), mood=mood)
    # The cut-out takes most of the time, and is the same for every scene.
    photo = jpeg(still_life()[0]) if scene == "podium" else cut_out_png(*still_life())
    asked = networks if scene in REAL else made_up.networks()
    swap(photo, spec, asked, limits=Limits(), clock=perf_counter)
    assert cache.compiled[before:] == []


def test_compiled_kernels_are_left_alone() -> None:
    said: list[str] = []
    assert compile_kernels(Settings(), said.append) is False
    assert said == []


@in_openvino
def test_set_up_compiles_the_networks_graphs_and_a_worker_opens_the_stored_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.worker.networks.use_kept_kernels", lambda settings: None)  # the fixture's stay
    settings = Settings(kernels=tmp_path / "kernels", segmenter="u2netp", generator="a/hub-model")
    compile_graphs(settings)
    kept = sorted(settings.kernels.glob("*.compiled"))
    written = [path.stat().st_mtime_ns for path in kept]

    networks = open_networks(settings.model_copy(update={"generator": str(RENDERER_CHECKPOINT)}))

    assert {path.name.partition("-")[0] for path in kept} >= {"u2netp", "light", "viewpoint"}
    assert [path.stat().st_mtime_ns for path in sorted(settings.kernels.glob("*.compiled"))] == written
    for name in ("segmenter", "generator", "viewpoint"):
        assert "openvino " in networks.versions[name], "doctor and reports name the runtime of each network"
    assert networks.versions["segmenter"].startswith("rembg ")
