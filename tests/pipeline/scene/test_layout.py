"""Layouts: the composed things, the product's place, and the colours that cover enough of the picture."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.colour.harmony import complete, to_oklab, tone
from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.order import Dressing, PropsWord, Shadow
from pipeline.core.spec import SceneKind
from pipeline.geometry.heightfields import Curtain
from pipeline.geometry.solids import Block
from pipeline.materials.pyramid import TILE
from pipeline.materials.tiles import BOARDS
from pipeline.placement.fit import fit
from pipeline.scene.composition import compose, part_shares
from pipeline.scene.flat_lay import FlatLay
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.rig import shadow_direction
from pipeline.scene.staging import Staging
from pipeline.scene.trace import trace
from service.catalogue.catalogue import load_catalogue
from testkit.still_life import preset, spec
from tests.support.podium import podium_of

KINDS: tuple[SceneKind, ...] = (
    "sweep", "podium", "tabletop", "niche", "window", "room", "sand", "bokeh", "curtain", "neon",
)  # fmt: skip
SIZES = [(240, 240), (320, 180), (180, 320)]
SIX = ("#e8d5c4", "#2f5d50", "#c96f4a", "#f2b84b", "#5a4a78", "#8fb8d0")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "count", "seed"), [((320, 180), 4, 1), ((180, 320), 2, 3), ((240, 240), 6, 5)])
def test_the_product_stands_on_a_level_surface_at_its_own_depth_and_every_asked_colour_is_seen(
    kind: SceneKind, size: tuple[int, int], count: int, seed: int
) -> None:
    layout = compose(spec(kind, palette=SIX[:count], place=preset(size), seed=seed), *size, 0.6)
    geometry = trace(layout, *size)
    x, y = layout.foot
    # Slightly before the foot, which is on that very point.
    row, column = min(size[1] - 1, int(y * size[1]) + 1), int(x * size[1])
    assert geometry.depth[row, column] == pytest.approx(FOCAL, abs=0.05)
    assert geometry.point[1][row, column] == pytest.approx(0, abs=0.02)
    assert geometry.normals()[1][row, column] > 0.95
    slots = np.array([part.slot for part in layout.parts])[geometry.part]
    for slot in range(count if kind != "bokeh" else min(count, 4)):
        assert (slots == slot).mean() >= 0.02, f"colour {slot + 1} of {count}"


@pytest.mark.parametrize("mood", ["moody", "playful", "warm"])
def test_unasked_natural_colours_cover_a_twenty_fifth_of_the_picture_at_most(mood: str) -> None:
    asked = load_catalogue().mood(mood)
    seen = 0.0
    for kind in ("podium", "tabletop", "window"):
        layout = compose(replace(spec(kind, palette=SIX[:2], seed=1), mood=asked), 240, 240, 0.6)
        own = {part.slot for part in layout.parts if part.name}
        props = [part.role == "prop" and part.slot >= 6 and part.slot not in own for part in layout.parts]
        share = part_shares(layout)[props].sum()
        assert share <= 0.04
        seen += share
    assert seen > 0


@pytest.mark.parametrize("kind", ["podium", "window", "sand", "flatlay"])
def test_a_callers_shadow_moves_the_lamp_and_nothing_else(kind: SceneKind) -> None:
    one = spec(kind, palette=SIX[:1])
    own = compose(one, 240, 240, 0.6)

    def under(**shadow: Any) -> Layout:
        return compose(replace(one, shadow=Shadow(**shadow)), 240, 240, 0.6)

    halves = []
    for direction, softness in ((1.0, 0.0), (100.0, 0.4), (300.0, 1.0)):
        found = under(shadow_direction=direction, shadow_softness=softness)
        halves.append(found.rig.half)
        assert shadow_direction(found.rig, top_down=found.top_down) == pytest.approx(direction, abs=0.01)
        assert (found.light_side < 0) == (0 < direction < 180)
        assert repr(found.parts) == repr(own.parts)
    assert halves == sorted(halves)
    assert under(shadow="hard").rig.half < under(shadow="soft").rig.half
    for word in ("none", "floating"):
        assert repr(under(shadow=word, shadow_strength=None)) == repr(own), "only the product's own shadow changes"


def test_nothing_stands_in_front_of_the_product() -> None:
    for seed in range(3):
        layout = compose(spec("podium", palette=SIX, seed=seed), 300, 300, 0.6)
        geometry = trace(layout, 300, 300)
        left, top, right, bottom = (int(side * 300) for side in layout.product)
        ahead = geometry.depth[top : bottom - 6, left:right] < FOCAL - 0.1
        assert ahead.mean() < 0.02


@pytest.mark.parametrize("aspect", [0.3, 0.8, 2.4])
def test_a_room_has_the_scale_of_its_furniture(aspect: float) -> None:
    layout = compose(spec("room", palette=SIX[:1]), 300, 300, aspect)
    _, top, _, bottom = layout.product
    metre = (bottom - top) / 0.9
    parts = {part.name: part for part in layout.parts}
    skirting = parts["skirting"].solid
    assert isinstance(skirting, Block)
    assert 0.08 < skirting.height / metre < 0.1
    assert skirting.y == 0
    plank = TILE / BOARDS / parts["floor"].fine
    assert 0.12 < plank / metre < 0.2


def test_a_rooms_other_colours_are_a_rug_and_canvases_beside_the_product_and_nothing_stands_there() -> None:
    for seed in range(2):
        layout = compose(spec("room", palette=SIX, seed=seed), 300, 300, 0.6)
        assert Counter(part.role for part in layout.parts if not part.name) == {"stand": 1, "panel": 2}
        for box in (part.solid.bounds for part in layout.parts if part.role == "panel"):
            assert box is not None
            x, _ = layout.project((np.array([box[0], box[3]]), np.array(box[1]), np.array(box[5])))
            assert min(x) > -0.02
            assert max(x) < layout.aspect + 0.02


@pytest.mark.parametrize("palette", [(), SIX[:2]])
def test_clothes_hang_before_a_curtain_of_finer_folds_that_fills_the_picture_unless_its_floor_was_asked_for(
    palette: tuple[str, ...],
) -> None:
    velvet = replace(spec("curtain"), scene=load_catalogue().scene("velvet_curtain"), palette=palette)
    hung, standing = (compose(velvet, 300, 300, 0.6, stands=not hangs, hangs=hangs) for hangs in (True, False))
    names = {layout.parts[index].name for layout in [hung] for index in np.unique(trace(hung, 300, 300).part)}
    assert ("floor" in names) == bool(palette)
    cloth, other = (next(part for part in one.parts if part.name == "curtain") for one in (hung, standing))
    assert cloth.fine > other.fine == 1
    assert isinstance(cloth.solid, Curtain)
    assert isinstance(other.solid, Curtain)
    assert cloth.solid.waves[0][1] > 1.5 * other.solid.waves[0][1]


def test_a_product_that_the_frame_crops_below_stands_on_no_stand() -> None:
    layout = compose(spec("podium"), 300, 300, stands=False, box=fit(preset(), 0.6, 300, 300, ("bottom",)))
    assert podium_of(layout) is None
    assert not [part for part in layout.parts if part.role in ("stand", "prop")]


def test_the_drawing_has_the_asked_colours_with_smooth_edges() -> None:
    size = (240, 180)
    geometry = trace(compose(spec("podium", palette=SIX[:4], place=preset(size)), *size, 0.6), *size)
    linear = geometry.flat()
    geometry.coverage.smooth(linear)
    picture = linear_to_srgb(linear)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.float32
    flat = np.stack([hex_to_rgb(colour) for colour in SIX[:4]])
    exact = np.abs(picture[:, :, None] - flat).max(-1).min(-1) < 1e-3
    assert exact.mean() > 0.6
    assert (~exact & (np.abs(np.diff(picture, axis=1, append=0)).max(-1) > 0.01)).any()


def test_a_missing_colour_is_a_tone_of_an_asked_one() -> None:
    asked = srgb_to_linear(hex_to_rgb("#2f5d50"))
    colours = complete([asked], 4)
    assert len(colours) == 4
    hue = np.arctan2(*to_oklab(asked)[:0:-1])
    for colour in colours[1:]:
        lab = to_oklab(colour)
        assert abs(np.arctan2(lab[2], lab[1]) - hue) < 0.05
        assert abs(lab[0] - to_oklab(asked)[0]) > 0.05
        assert colour.min() >= 0
        assert colour.max() <= 1


def test_a_tone_of_white_is_darker_and_of_black_lighter() -> None:
    white, black = np.ones(3, np.float32), np.zeros(3, np.float32)
    assert complete([white], 2)[1].max() < 1
    assert complete([black], 2)[1].min() > 0
    assert tone(white, 5.0).max() <= 1


@pytest.mark.parametrize("kind", [*KINDS, "flatlay"])
@pytest.mark.parametrize("props", ["few", "none"])
def test_few_props_are_one_at_most_and_without_any_nothing_stands_next_to_the_product(
    kind: SceneKind, props: PropsWord, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[object] = []
    for room in (Staging, FlatLay):

        def counted(self: object, *args: object, place: Any = room._place, **more: object) -> None:
            put.append(self)
            place(self, *args, **more)

        monkeypatch.setattr(room, "_place", counted)
    for seed, count in enumerate((4, 1)):
        asked = replace(spec(kind, palette=SIX[:count], seed=seed), dressing=Dressing(props))
        put.clear()
        layout = compose(asked, 240, 240, 0.6)
        most = Counter(map(id, put)).most_common(1)
        assert not most or most[0][1] <= (1 if props == "few" else 0)
        assert props == "few" or "prop" not in {part.role for part in layout.parts}


@pytest.mark.parametrize(("kind", "count"), [("podium", 6), ("room", 6), ("tabletop", 4), ("niche", 5), ("neon", 4)])
def test_without_props_colours_go_to_the_stand_and_the_panel(kind: SceneKind, count: int) -> None:
    layout = compose(replace(spec(kind, palette=SIX[:count], seed=3), dressing=Dressing("none")), 300, 300, 0.6)

    assert {part.slot for part in layout.parts} >= set(range(count))


def test_without_props_a_flat_lay_has_a_second_sheet_for_a_colour_without_a_place() -> None:
    for seed in range(2):
        asked = replace(spec("flatlay", palette=SIX[:3], seed=seed), dressing=Dressing("none"))
        layout = compose(asked, 300, 300, 0.6)
        shares = part_shares(layout)
        seen = {slot: sum(s for p, s in zip(layout.parts, shares, strict=True) if p.slot == slot) for slot in range(3)}
        assert min(seen.values()) > 0.028, (seed, seen)
