"""The background of a product: none, plain white, or a scene with the product's effects."""

from dataclasses import replace

import numpy as np

from pipeline.background.background import Background
from pipeline.background.selection import Means
from pipeline.background.shared import SharedBackgrounds
from pipeline.background.source import make_background
from pipeline.colour.palette import PaletteControl
from pipeline.core.order import Dressing, Output
from pipeline.core.spec import Spec
from pipeline.core.types import Cutout, Placed
from pipeline.cutout.stance import facts_of
from pipeline.placement.adjust import Position
from pipeline.placement.place import Place
from testkit.still_life import networks, photo, preset, spec, still_life

SIDE = 96


def made(asked: Spec, *, cut: bool = False, shared: SharedBackgrounds | None = None) -> Background:
    rgb, alpha = still_life(SIDE, SIDE, cut=cut)
    colours = rgb.astype(np.float32) / np.float32(255)
    cutout = Cutout(rgb, alpha, 1.0, (), ("bottom",) if cut else ())
    rows, columns = np.nonzero(alpha > 0.5)
    box = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
    placed = Placed(colours, alpha, box, 1.0)
    control = PaletteControl(retries=0)
    place = Place(asked, asked, facts_of(cutout, asked.placement.stance), alpha.shape[::-1], box, Position.of(box))
    means = Means(networks(), lambda done: None, control)
    return make_background(asked, photo(rgb), cutout, place, placed, means, shared=shared)


def test_pictures_that_differ_only_in_their_file_share_a_background_of_the_same_bytes() -> None:
    scene, shared = spec("sweep", place=preset((SIDE, SIDE))), SharedBackgrounds(most=2)
    webp = replace(scene, output=Output(format="webp"), preset=replace(scene.preset, name="other", min_side=9))
    alone, first, second = made(scene), made(scene, shared=shared), made(webp, shared=shared)

    assert [one.cache_status for one in (alone, first, second)] == ["computed", "computed", "cached"]
    drawn = [one.with_effects() for one in (alone, first, second)]
    assert len({one.tobytes() for one in drawn if one is not None}) == 1
    others = [replace(scene, seed=2), replace(scene, dressing=Dressing("none"))]
    assert [made(one, shared=shared).cache_status for one in others] == ["computed"] * 2
    assert made(scene, cut=True, shared=shared).cache_status == "computed"
    assert made(scene, shared=shared).cache_status == "computed", "the oldest is forgotten"
