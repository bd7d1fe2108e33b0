"""A pinned background is the same for every product, to the byte, but for the product, its shadow and its mirror."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter

from pipeline.background.pinned import (
    LEVELS,
    MIN_MIRRORED,
    MIN_SHADOW,
    packed,
    pinned,
    pinned_context,
    unpacked,
)
from pipeline.background.selection import Means, Selection
from pipeline.compositing.effects import product_effects
from pipeline.compositing.place import lay
from pipeline.core.networks import Networks
from pipeline.core.order import Shadow
from pipeline.core.resample import resize
from pipeline.core.spec import Limits, SceneKind, Spec
from pipeline.core.types import Placed
from pipeline.cutout.cache import Cache, Kind
from pipeline.cutout.foreground import extract_foreground
from pipeline.cutout.segment import segment
from pipeline.cutout.stance import place_cutout
from pipeline.delivery.encode import to_8_bit
from pipeline.photo.decode import decode
from pipeline.placement.fit import box_in, place_of
from pipeline.report import TriedBackground
from pipeline.swap import SwapResult, swap
from service.storage.cache import folder_cache
from testkit.still_life import PALETTE, PRODUCTS, Darkener, by_colour, preset, product, spec
from tests.lanes import rest_at_night, rest_in_gate
from tests.support.podium import podium_of

SIDE = 200


class Brand:
    """A pinned spec, networks that count their calls, and a folder for the cache."""

    def __init__(self, folder: Path, kind: SceneKind = "podium", **place: Any) -> None:
        self.painter = Darkener()
        self.versions = {"segmenter": "by_colour", "generator": "darkener 1", "generator_device": "cpu"}
        self.kept: Cache | None = folder_cache(folder)
        self.spec = replace(spec(kind, palette=PALETTE, place=preset(**{"size": (SIDE, SIDE)} | place)), pinned=True)

    @property
    def networks(self) -> Networks:
        return Networks(by_colour, self.painter, self.versions)

    def swap(self, data: bytes) -> SwapResult:
        return swap(data, self.spec, self.networks, limits=Limits(), clock=lambda: 0.0, cache=self.kept)

    def bare(self, asked: Spec | None = None, width: int = SIDE, height: int = SIDE) -> Selection:
        one = asked or self.spec
        return pinned(one, width, height, Means(self.networks, lambda done: None, cache=self.kept))


@pytest.fixture
def brand(tmp_path: Path) -> Brand:
    return Brand(tmp_path)


def pixels(render: SwapResult) -> NDArray[np.int64]:
    with Image.open(BytesIO(render.data)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def codes(background: NDArray[np.float32]) -> NDArray[np.int64]:
    return to_8_bit(background).astype(int)


# One background


@pytest.mark.parametrize("products", rest_at_night([PRODUCTS[::4], PRODUCTS]), ids=len)
def test_all_products_have_one_background_to_the_byte_outside_themselves_and_their_shadows(
    brand: Brand, products: list[bytes]
) -> None:
    renders = [brand.swap(data) for data in products]

    came = [render.report.provenance.background for render in renders]
    assert came == ["computed"] + (len(products) - 1) * ["cached"]
    assert brand.painter.calls == renders[0].report.provenance.attempts
    assert len({render.data for render in renders}) == len(products)
    kept = brand.bare()
    bare = codes(kept.background)
    untouched = np.ones((SIDE, SIDE), bool)
    for render in renders:
        picture = pixels(render)
        changed = (picture != bare).any(axis=2)
        assert 0.02 < changed.mean() < 0.5
        untouched &= ~changed
        provenance = render.report.provenance
        assert (provenance.pinned, provenance.kept_seed) == (True, kept.seed)
    assert untouched.mean() > 0.3
    assert untouched[:20].all(), "nothing reaches the top"
    # A stored background gives the same file as a new one.
    brand.kept = None
    alone = brand.swap(products[1])
    assert (alone.report.provenance.background, alone.data) == ("computed", renders[1].data)
    assert alone.report.provenance.tried == renders[1].report.provenance.tried


@pytest.mark.parametrize("kind", rest_in_gate(["tabletop", "flatlay"]))
def test_only_the_product_its_shadow_and_its_mirror_image_change(kind: SceneKind, tmp_path: Path) -> None:
    brand = Brand(tmp_path, kind)
    brand.spec = replace(brand.spec, scene=replace(brand.spec.scene, surface="marble"))
    made = brand.bare()
    bare = codes(made.background)
    # A product seen over its corner stands, and gets a surface seen from the side in place of a flat lay.
    data = PRODUCTS[6 if kind == "flatlay" else 8]
    picture = pixels(brand.swap(data))
    placed = placed_of(data, brand.spec)
    there = product_effects(placed, made.layout)
    assert there.shadow is not None
    region = there.shadow.at(SIDE, SIDE) > MIN_SHADOW
    assert (there.image is None) == (kind == "flatlay")
    if there.image is not None:
        first = SIDE - round(len(there.image.light) * SIDE / there.image.rows)
        region[first - 1 :] |= mirrored(there.image.light, SIDE - first + 1) > MIN_MIRRORED / 4
    outside = ~region & (placed.alpha == 0)
    assert outside.mean() > 0.2
    assert (picture[outside] == bare[outside]).all()
    if there.image is None:
        ground = region & (placed.alpha == 0)
        assert (picture[ground] <= bare[ground]).all(), "a shadow only darkens"
        assert (picture[ground] < bare[ground] - 15).any(), "and is visible"


def mirrored(light: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """Return how much a mirror image covers on this many of the canvas's lowest rows, and a pixel around."""
    return np.asarray(maximum_filter(resize(light[..., 3], SIDE, rows), 5), np.float32)


def placed_of(data: bytes, asked: Spec) -> Placed:
    """Return the product as a swap lays it on the canvas."""
    photo = decode(data, Limits())
    found = segment(photo, by_colour)
    cutout = extract_foreground(photo, found).assessed()
    return lay(cutout, place_cutout(cutout, asked, SIDE, SIDE).position, SIDE, SIDE)


def test_a_background_is_stored_by_all_its_inputs_and_by_nothing_else(brand: Brand) -> None:
    one = brand.spec

    def cache_status(asked: Spec = one, width: int = 72) -> str:
        return brand.bare(asked, width, 72).cache_status

    cache_status()
    other_place = replace(one, preset=replace(one.preset, fill=0.5))
    others = [
        replace(one, seed=2),
        replace(one, palette=("#112233",)),
        replace(one, style_words='in a style that fits the words "linen"'),
        replace(one, scene=replace(one.scene, surface="marble")),
        replace(one, mood=replace(one.mood, warmth=0.5)),
        other_place,
    ]
    assert [cache_status(asked) for asked in others] == 6 * ["computed"]
    assert cache_status(width=80) == "computed"
    file = replace(one.preset, name="else", formats=("jpeg",), max_bytes=10_000, quality=(70, 60), credits=9)
    assert cache_status(replace(one, preset=file)) == "cached"

    brand.versions |= {"generator_device": "cuda"}
    assert cache_status() == "cached", "one brand, one background, whichever worker"
    brand.versions |= {"generator": "darkener 2"}
    assert cache_status() == "computed"
    del brand.versions["generator"]
    assert [cache_status(), cache_status()] == ["computed", "computed"]


def test_of_two_workers_that_paint_at_once_the_first_ones_background_is_used(brand: Brand, tmp_path: Path) -> None:
    class Late:
        """A store in which another worker's background appears while this one paints."""

        def __init__(self) -> None:
            self.asked = 0

        def get(self, kind: Kind, name: str) -> bytes | None:
            self.asked += 1
            return None if self.asked == 1 else packed(np.full((72, 72, 3), 0.5, np.float32), 77, [])

        def put(self, kind: Kind, name: str, data: bytes) -> None:
            raise AssertionError("it is there already")

    brand.kept = Late()

    made = brand.bare(width=72, height=72)

    assert (made.seed, made.cache_status, float(made.background.std())) == (77, "cached", 0.0)
    assert brand.painter.calls > 0


def test_a_stored_background_is_finer_than_any_file_and_the_same_each_time() -> None:
    background = np.random.default_rng(1).random((30, 40, 3), np.float32)
    background[0, :2] = [[0, 0, 0], [1, 1, 1]]
    tried = [TriedBackground(5, None, 2.5)]

    kept, seed, rows = unpacked(packed(background, 5, tried))

    assert np.abs(kept - background).max() <= 0.51 / LEVELS < 1 / (2 * 255 * 8)
    assert (seed, rows, str(kept.dtype)) == (5, tried, "float32")
    assert unpacked(packed(kept, 5, tried))[0].tobytes() == kept.tobytes()
    newer: Any = [{"seed": 5, "mean_delta_e00": None, "worst_delta_e00": 2.5, "of_tomorrow": 1}]
    assert unpacked(packed(kept, 5, newer))[2] == tried


# Places of products


@pytest.mark.parametrize("size", [(300, 150), (150, 260)])
@pytest.mark.parametrize("kind", ["podium", "flatlay"])
def test_every_product_stands_in_one_place_or_lies_in_its_middle(kind: SceneKind, size: tuple[int, int]) -> None:
    asked = spec(kind, place=preset(size=size))
    left, top, right, bottom = place_of(asked, *size)
    for aspect in (0.1, 0.5, 1.0, 2.0, 8.0):
        box = box_in(asked, aspect, *size)
        assert (box[2] - box[0]) / (box[3] - box[1]) == pytest.approx(aspect)
        assert (box[0] + box[2]) / 2 == pytest.approx((left + right) / 2)
        assert left - 1e-6 <= box[0] <= box[2] <= right + 1e-6
        assert box[1] >= 0.08 * size[1] - 1e-6, "the preset's margin"
        if kind == "podium":
            assert box[3] == bottom
        else:
            assert (box[1] + box[3]) / 2 == pytest.approx((top + bottom) / 2)


def test_the_stand_is_wider_than_the_widest_product_and_within_the_picture(brand: Brand) -> None:
    for width, height in ((200, 200), (300, 150), (150, 260)):
        for seed in range(2):
            podium = podium_of(pinned_context(brand.spec, width, height).compose(replace(brand.spec, seed=seed)))
            assert podium is not None
            left, _, right, _ = box_in(brand.spec, 8.0, width, height)
            assert 2 * podium.rx > 1.05 * (right - left) / height


def test_a_product_that_its_photo_crops_gets_its_own_composition_and_the_report_shows_it(brand: Brand) -> None:
    whole, cut = brand.swap(PRODUCTS[3]), brand.swap(product(60, 80, cut=True))

    assert "subject_touches_edge" in cut.warnings
    pairs = [(one.report.provenance.pinned, one.report.provenance.background) for one in (whole, cut)]
    assert pairs == [(True, "computed"), (False, "computed")]
    assert (pixels(cut)[:, 0] != codes(brand.bare().background)[:, 0]).any()


def test_a_shadows_direction_changes_the_pinned_background_and_its_strength_does_not(brand: Brand) -> None:
    def status(**asked: Any) -> str:
        return brand.bare(replace(brand.spec, shadow=Shadow(**asked)), 72, 72).cache_status

    strengths = [status(), status(shadow="floating", shadow_strength=0.4), status(shadow="none")]
    assert strengths == ["computed", "cached", "cached"]
    assert [status(shadow_direction=90.0), status(shadow_direction=90.0, shadow="none")] == ["computed", "cached"]


@pytest.mark.parametrize("background", ["white", "transparent"])
def test_an_unpainted_background_is_not_pinned(background: str, tmp_path: Path) -> None:
    brand = Brand(tmp_path, background=background, size=(100, 100))
    free = replace(brand.spec, pinned=False)

    render = brand.swap(PRODUCTS[3])

    assert render.report.provenance.pinned is False
    assert render.data == swap(PRODUCTS[3], free, brand.networks, limits=Limits(), clock=lambda: 0.0).data
    assert brand.painter.calls == 0
