"""The viewpoint classifier's input, checked with drawn pictures."""

import numpy as np

from pipeline.core.networks import Viewpoint
from pipeline.core.types import Cutout
from pipeline.cutout.viewpoint import ALONE, AROUND, GREY, seen, viewpoint
from testkit.still_life import photo

SIDE = 56
RED, BLUE = (200, 30, 30), (30, 30, 200)


class Keeper:
    """Keeps its inputs."""

    side = SIDE

    def __call__(self, views: np.ndarray) -> dict[Viewpoint, float]:
        self.views = views
        return {"side": 1.0}


def test_the_network_sees_the_product_in_its_photo_and_alone_on_grey() -> None:
    rgb = np.full((300, 400, 3), BLUE, np.uint8)
    rgb[100:200, 150:250] = RED
    alpha = np.zeros((120, 120), np.float32)
    alpha[10:110, 10:110] = 1
    cutout = Cutout(np.full((120, 120, 3), RED, np.uint8), alpha, 1.0, (), origin=(140, 90))
    keeper = Keeper()

    assert viewpoint(photo(rgb), cutout, keeper) == {"side": 1.0}

    around, alone = keeper.views.astype(int)
    assert around.shape == (SIDE, SIDE, 3)
    for view, ground, times in ((around, BLUE, AROUND), (alone, (GREY,) * 3, ALONE)):
        assert np.abs(view[SIDE // 2, SIDE // 2] - RED).max() <= 1
        assert np.abs(view[0, 0] - ground).max() <= 1
        red = np.abs(view - RED).max(-1) < 60
        assert abs(red.sum() - (SIDE / times) ** 2) < 0.1 * SIDE**2


def test_beyond_the_photo_is_grey_and_without_a_product_or_a_network_there_is_no_viewpoint() -> None:
    rgb = np.full((100, 100, 3), BLUE, np.uint8)
    whole = Cutout(np.full((100, 100, 3), RED, np.uint8), np.ones((100, 100), np.float32), 1.0, ())
    keeper = Keeper()
    assert viewpoint(photo(rgb), whole, keeper)
    assert (keeper.views[0, 0] == GREY).all()
    assert viewpoint(photo(rgb), whole, None) == {}
    nothing = Cutout(whole.rgb, np.zeros((100, 100), np.float32), 1.0, ())
    assert viewpoint(photo(rgb), nothing, keeper) == {}


class Held:
    """Sees a hand."""

    side = SIDE

    def __call__(self, views: np.ndarray) -> dict[Viewpoint, float]:
        return {"side": 0.1, "hand": 0.9, "elevation": 0.4}


def test_a_hand_is_a_warning_where_its_skin_meets_the_product_unless_the_cutout_is_mended() -> None:
    skin = (205, 150, 125)
    rgb = np.full((600, 800, 3), BLUE, np.uint8)
    rgb[200:400, 300:500] = RED
    rgb[260:340, 260:300] = skin
    rgb[0:60, 700:800] = skin
    alpha = np.ones((200, 200), np.float32)
    cutout = Cutout(np.full((200, 200, 3), RED, np.uint8), alpha, 1.0, ("upscaled",), origin=(300, 200))

    warned = seen(photo(rgb), cutout, Held())

    assert warned.warnings == ("upscaled", "held_by_hand")
    assert np.abs(np.subtract(warned.where["held_by_hand"], [(260, 260, 300, 340)])).max() <= 4
    bare = seen(photo(np.where(rgb == skin, BLUE, rgb).astype(np.uint8)), cutout, Held())
    assert bare.warnings == warned.warnings
    assert not bare.where
    mended = seen(photo(rgb), cutout, Held(), mended=True)
    assert (mended.warnings, dict(mended.viewpoint)) == (("upscaled",), {"side": 0.1, "elevation": 0.4})
    assert seen(photo(rgb), cutout, Keeper()).warnings == ("upscaled",)
