"""Swatches are made once for a layout, and small things of one stone are cut from one slab."""

from dataclasses import replace

import pytest

from pipeline.materials.albedo import Swatches
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout, Part
from testkit.still_life import preset, spec


@pytest.fixture
def layout() -> Layout:
    return compose(spec("podium", place=preset((96, 96)), seed=1), 96, 96, 0.6)


def finished(layout: Layout, *parts: tuple[str, str]) -> Layout:
    """Return the layout with parts of these roles and finishes alone."""
    solid = layout.parts[0].solid
    return replace(layout, parts=tuple(Part(solid, 0, role, finish) for role, finish in parts))  # type: ignore[arg-type]  # literals


def test_they_are_made_once_for_a_layout(layout: Layout) -> None:
    swatches = Swatches(96)
    sandy = finished(layout, ("floor", "sand"), ("wall", "plain"))
    first, none = swatches.of(sandy)
    assert none is None
    assert swatches.of(sandy)[0] is first
    assert swatches.of(replace(sandy))[0] is not first


def test_they_are_made_in_parallel_with_other_work(layout: Layout) -> None:
    swatches = Swatches(96)
    sandy = finished(layout, ("floor", "sand"))
    assert swatches.make_beside(sandy, lambda: "other work") == ["other work"]
    made = swatches.of(sandy)
    assert swatches.of(sandy) is made
    assert made[0] is not None


def test_small_things_of_one_stone_are_cut_from_one_slab(layout: Layout) -> None:
    parts = ("floor", "fabric"), ("wall", "fabric"), ("prop", "sand"), ("prop", "sand"), ("prop", "fabric")
    floor, wall, one, other, cloth = Swatches(96).of(finished(layout, *parts))
    assert floor is not wall
    assert one is other
    assert cloth is floor
