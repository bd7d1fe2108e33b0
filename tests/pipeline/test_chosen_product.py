"""The product at a caller's place, from the photo to the picture: with the networks, and with the cache."""

import itertools
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import Networks
from pipeline.core.order import Acceptance, PhotoPlace
from pipeline.core.spec import Limits
from pipeline.core.types import Cutout
from pipeline.cutout.cache import Kind
from pipeline.cutout.given import GivenMask, codes_of
from pipeline.report import to_json
from pipeline.swap import CutOut, cut_out, swap
from testkit import still_life
from testkit.still_life import Counting, preset, spec, two_products

LIMITS = Limits()
MUG, VASE = (0.2, 0.7), (0.73, 0.7)


def clock() -> float:
    return float(next(_ticks))


_ticks = itertools.count()


class Memory(dict[tuple[Kind, str], bytes]):
    """A cache in memory."""

    def get(self, kind: Kind, name: str) -> bytes | None:  # type: ignore[override]  # of `Cache`, which has kinds
        return super().get((kind, name))

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        self[kind, name] = data


@pytest.fixture(scope="module")
def kept() -> Memory:
    """The networks' cut-outs of this file's photos, so that they look at each of them once."""
    return Memory()


def chosen(data: bytes, networks: Networks, subject: PhotoPlace, cache: Memory) -> CutOut:
    return cut_out(data, networks, limits=LIMITS, clock=clock, subject=subject, cache=cache)


def mask_of(cutout: Cutout | None) -> NDArray[np.bool_]:
    assert cutout is not None
    return codes_of(cutout.alpha, cutout.origin, 1100, 620) > 127


def iou(one: NDArray[np.bool_], two: NDArray[np.bool_]) -> float:
    return float((one & two).sum() / (one | two).sum())


def test_of_two_products_side_by_side_a_point_or_a_box_chooses_one(networks: Networks, kept: Memory) -> None:
    data, (mug, vase) = two_products()
    rows, columns = np.flatnonzero(vase.any(1)), np.flatnonzero(vase.any(0))
    box = (columns[0] / 1100, rows[0] / 620, (columns[-1] + 1) / 1100, (rows[-1] + 1) / 620)
    for place, product in ((MUG, mug), (box, vase)):
        cut = chosen(data, networks, place, kept)
        assert cut.chosen is not None
        choice, cutout = cut.chosen
        assert choice.source == "found"
        assert iou(mask_of(cutout), product) > 0.97
        assert iou(mask_of(cut.found), mug | vase) > 0.97


@pytest.mark.parametrize("place", [(800 / 1100, 530 / 620), (0.69, 0.75, 0.77, 0.92)], ids=["point", "box"])
def test_a_small_product_that_the_first_look_left_out_is_found_at_the_callers_point(
    networks: Networks, kept: Memory, place: PhotoPlace
) -> None:
    data, (_gift, vase) = two_products("gift", "vase", share=0.2)

    cut = chosen(data, networks, place, kept)

    assert not (mask_of(cut.found) & vase).any()
    assert cut.chosen is not None
    assert cut.chosen[0].source == "looked"
    seen = mask_of(cut.chosen[1])
    assert (seen & vase).sum() / seen.sum() > 0.95
    assert iou(seen, vase) > 0.6, "the small network sees little of its pale neck"


def test_a_picture_has_the_chosen_product_alone_and_its_report_shows_it(networks: Networks, kept: Memory) -> None:
    data, _ = two_products()
    white = spec("white", place=preset((160, 160), background="white"))
    render = swap(data, replace(white, subject=MUG), networks, limits=LIMITS, clock=clock, cache=kept)

    assert render.report.cutout.subject == list(MUG)
    left, _, right, _ = to_json(render.report)["cutout"]["source_box"]
    assert right < 0.5 < left + 0.5
    assert "several_subjects" not in render.warnings
    picture = np.asarray(Image.open(BytesIO(render.data)).convert("RGB")).astype(int)
    assert (picture[..., 2] > picture[..., 0] + 40).any(), "the mug's blue"
    assert not (picture[..., 0] > picture[..., 2] + 60).any(), "nothing of the vase's orange"


@pytest.mark.parametrize("accept", ["", "standard"])
def test_a_choice_among_found_products_needs_no_look_and_each_choice_is_stored_separately(accept: str) -> None:
    looks = Counting()
    networks = replace(still_life.networks(), segmenter=looks)
    data, cache = two_products()[0], Memory()
    order = replace(spec("white", place=preset((160, 160), background="white")), acceptance=Acceptance(accept))

    def made(subject: PhotoPlace | None) -> str:
        render = swap(data, replace(order, subject=subject), networks, limits=LIMITS, clock=clock, cache=cache)
        return str(render.report.provenance.cutout)

    assert made(MUG) == "computed"
    seen = looks.looks
    assert seen > 0
    assert [made(VASE), made(None), made(MUG), made(VASE)] == ["computed", "cached", "cached", "cached"]
    assert looks.looks == seen
    assert len(cache) == 3


def test_a_choice_is_no_surer_than_the_whole_cutout() -> None:
    networks = still_life.networks()
    data, cache = two_products()[0], Memory()
    whole = cut_out(data, networks, limits=LIMITS, clock=clock, cache=cache).found
    cut = chosen(data, networks, MUG, cache)
    assert whole is not None
    assert cut.chosen is not None
    assert cut.chosen[1].confidence <= whole.confidence < 1


def test_a_product_is_chosen_from_a_given_mask_and_beyond_it_from_a_look(networks: Networks) -> None:
    data, (mug, _vase) = two_products()
    drawn = GivenMask(mug.astype(np.uint8) * 255, "mended")
    order = spec("white", place=preset((160, 160), background="white"))

    def made(subject: PhotoPlace) -> tuple[str, float]:
        render = swap(data, replace(order, subject=subject), networks, limits=LIMITS, clock=clock, mask=drawn)
        return render.report.provenance.cut_by, to_json(render.report)["cutout"]["source_box"][0]

    by, left = made(MUG)
    assert (by, left < 0.5) == ("mended", True)
    by, left = made(VASE)
    assert (by, left > 0.5) == ("network", True)
