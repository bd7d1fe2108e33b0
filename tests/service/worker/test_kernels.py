"""The kernels that are compiled ahead: after that no swap compiles, whatever is asked."""

from dataclasses import replace
from time import perf_counter

import pytest

from pipeline.core.networks import Networks
from pipeline.core.spec import Limits
from pipeline.kernels import cache
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue
from service.settings import Settings
from service.worker.kernels import compile_kernels
from service.worker.local import build_spec
from tests.support.still_life import jpeg, still_life


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """The kernels, as set-up leaves them."""
    compile_kernels(Settings(), print)


@pytest.mark.parametrize("scene", [scene for scene in load_catalogue().scenes if scene != "white"])
def test_no_swap_compiles_anything(scene: str, networks: Networks) -> None:
    before = len(cache.compiled)
    spec = build_spec(
        load_catalogue(), scene=scene, mood="natural", colours=("teal",), preset="instagram_portrait", seed=5
    )
    spec = replace(spec, preset=replace(spec.preset, size=(216, 270)))
    swap(jpeg(still_life()[0]), spec, networks, limits=Limits(), clock=perf_counter)
    assert cache.compiled[before:] == []


def test_what_is_compiled_already_is_left_alone() -> None:
    said: list[str] = []
    assert compile_kernels(Settings(), said.append) is False
    assert said == []
