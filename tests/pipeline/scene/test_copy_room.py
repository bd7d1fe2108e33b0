"""The room for copy in a scene: nothing is put there."""

from dataclasses import replace
from itertools import cycle
from typing import get_args

import numpy as np
import pytest

from pipeline.core.order import CopySpaceWord, Frame
from pipeline.core.spec import SceneKind
from pipeline.light.first_light import first_light
from pipeline.placement.frame import copy_room
from pipeline.scene.composition import compose, crowded
from pipeline.scene.layout import Layout
from testkit.still_life import preset, spec
from tests.pipeline.scene.test_layout import KINDS, SIX

SPACES = get_args(CopySpaceWord)[1:]
SIZES: dict[CopySpaceWord, tuple[int, int]] = {"left": (320, 180), "right": (240, 240), "top": (200, 280)}


def composed(
    kind: SceneKind, space: CopySpaceWord, seed: int, *, kept: bool = True, size: tuple[int, int] | None = None
) -> Layout:
    """Return a scene with room for copy, or the same without it (`kept`), measured in the same place."""
    width, height = size or SIZES[space]
    asked = spec(kind, palette=SIX[:3], place=preset((width, height)), seed=seed)
    frame = Frame(copy_space=space)
    layout = compose(replace(asked, frame=frame) if kept else asked, width, height, 0.6)
    left, top, right, bottom = copy_room(frame) or (0, 0, 0, 0)
    return replace(layout, kept=(left * layout.aspect, top, right * layout.aspect, bottom))


@pytest.mark.parametrize(("kind", "space"), list(zip([*KINDS, "flatlay"], cycle(SPACES))))
def test_the_room_for_copy_shows_one_surface(kind: SceneKind, space: CopySpaceWord) -> None:
    assert crowded(composed(kind, space, 1 + len(space))) == 0


def test_without_an_order_for_copy_things_are_there() -> None:
    found = [crowded(composed(kind, "right", 2, kept=False)) for kind in ("podium", "tabletop", "flatlay")]
    assert min(found) > 0.01


def test_a_place_is_twice_as_blurred_behind_copy() -> None:
    asked = spec("bokeh", seed=3)
    plain = compose(asked, 400, 400, 0.6).view
    calm = compose(replace(asked, frame=Frame(copy_space="left")), 400, 400, 0.6).view
    assert plain is not None
    assert calm is not None
    assert calm.blur == pytest.approx(2 * plain.blur, rel=0.3)


def unevenness(layout: Layout) -> float:
    """Return the standard deviation of the light in the room for copy, relative to its mean."""
    left, top, right, bottom = (round(64 * side) for side in layout.copy_room or (0, 0, 0, 0))
    light = first_light(layout, round(64 * layout.aspect), 64).light[top:bottom, left:right].mean(2)
    return float(light.std() / light.mean())


def test_a_window_throws_no_pattern_on_the_room_for_copy() -> None:
    framed, other = (
        np.array([unevenness(composed("window", "left", seed, kept=kept, size=(240, 240))) for seed in range(4)])
        for kept in (True, False)
    )
    assert framed.max() < 0.25
    assert other.max() > 0.35


def test_a_layout_keeps_the_name_that_pinned_backgrounds_are_cached_by() -> None:
    layout = composed("podium", "left", 1)
    assert repr(layout) == repr(replace(layout, kept=None))
