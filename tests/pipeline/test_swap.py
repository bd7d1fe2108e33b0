import itertools
import json
from dataclasses import asdict, replace
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.core.errors import NoHonestPlacement
from pipeline.core.networks import Networks, Viewpoint
from pipeline.core.order import Lettering, Placement, StanceWord
from pipeline.core.provenance import read_digital_source_type
from pipeline.core.spec import Limits, Spec
from pipeline.delivery.acceptance import SETS, judge
from pipeline.lettering.drawing import Artwork
from pipeline.placement.camera import seen_from
from pipeline.report import to_json
from pipeline.swap import STAGES, SwapResult, swap
from service.catalogue.templates import bundled_fonts
from testkit.specimens import saved
from testkit.still_life import PHOTO, Darkener, cut_out_png, jpeg, networks, preset, spec, still_life

LIMITS = Limits()
#: For tests that do not look at the picture: half the time of a picture of 400 pixels.
SMALL = preset((160, 160))


_ticks = itertools.count()


def clock() -> float:
    return float(next(_ticks))


def made(asked: Spec, photo: bytes = PHOTO, using: Networks | None = None, **more: Any) -> SwapResult:
    return swap(photo, asked, using or networks(), limits=LIMITS, clock=clock, **more)


def test_a_swap_delivers_the_product_on_a_new_background_with_its_report_the_same_each_time() -> None:
    asked = spec("podium", palette=("#2f5d50", "#e8dcc8"))
    render = made(asked)
    picture = np.asarray(Image.open(BytesIO(render.data)).convert("RGB")).astype(int)
    assert (render.width, render.height, render.format) == (400, 400, "png")
    assert np.abs(picture[200, 200] - [191, 31, 26]).max() < 6  # the jar's red
    assert np.abs(picture[20, 20] - [0x2F, 0x5D, 0x50]).max() < 40  # the asked wall
    report = to_json(render.report)
    assert report["fidelity"]["p99"] < 1.5
    assert report["palette"]["mean_delta_e00"] < 6
    assert report["provenance"]["networks"]["generator"] == "darkener"
    assert list(report["provenance"]["timings"]) == list(STAGES)
    assert made(asked).data == render.data


def test_progress_reports_every_stage_in_order_never_falls_and_its_exception_stops_the_swap() -> None:
    reported: list[tuple[str, float]] = []
    made(spec(place=SMALL), progress=lambda stage, fraction: reported.append((stage, fraction)))
    assert list(dict.fromkeys(stage for stage, _ in reported)) == list(STAGES)
    fractions = [fraction for _, fraction in reported]
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1
    assert sum(stage == "background" for stage, _ in reported) == 5  # its start and four steps
    assert sum(STAGES.values()) == pytest.approx(1)

    class Cancelled(Exception):
        pass

    generator = Darkener()

    def progress(stage: str, fraction: float) -> None:
        if stage == "background" and generator.calls:
            raise Cancelled

    with pytest.raises(Cancelled):
        made(spec(place=SMALL), using=networks(generator), progress=progress)


def test_without_a_scene_no_network_paints() -> None:
    generator = Darkener()
    white, clear, free = (
        np.asarray(Image.open(BytesIO(made(asked, using=networks(generator)).data)).convert("RGBA"))
        for asked in (
            spec(place=preset(background="white")),
            spec(place=preset(background="transparent")),
            spec("white"),
        )
    )
    assert generator.calls == 0
    assert (white[:30, :, :3] == 255).all()
    assert (clear[0, 0, 3], clear[200, 200, 3]) == (0, 255)
    # On a free preset white has a faint shadow and a pure border.
    assert (free[:8] == 255).all()
    assert (free[-8:] == 255).all()
    assert (free[325:345, 150:250] < 250).any()


def test_only_a_generated_background_is_marked_as_generated() -> None:
    for kind, term in {"podium": "compositeWithTrainedAlgorithmicMedia", "white": "compositeCapture"}.items():
        place = replace(preset((160, 160), form="jpeg"), digital_source_type="compositeWithTrainedAlgorithmicMedia")
        asked = spec(kind, place=place)  # type: ignore[arg-type]  # both are scene kinds
        render = made(asked)
        with Image.open(BytesIO(render.data)) as picture:
            assert read_digital_source_type(picture.info["xmp"]) == term
        marks = [rule for rule in render.report.preset if rule.rule == "ai_marking"]
        assert [rule.status for rule in marks] == ["pass"]


def test_a_transparent_cutout_keeps_the_photos_size_and_the_products_place() -> None:
    rgb, alpha = still_life()
    asked = spec(place=preset(size=None, background="transparent"))
    render = made(asked, jpeg(rgb))
    cut = np.asarray(Image.open(BytesIO(render.data)))[..., 3] / 255
    assert (render.width, render.height) == (240, 300)
    assert np.abs(cut - alpha).mean() < 0.01


class Looks:
    """A viewpoint classifier with this confidence in one answer, and an elevation."""

    side = 32

    def __init__(self, name: Viewpoint, sure: float = 1.0, **more: float):
        self.answers: dict[Any, float] = {name: sure, **more}

    def __call__(self, views: NDArray[np.uint8]) -> dict[Viewpoint, float]:
        assert views.shape == (2, 32, 32, 3)
        return self.answers


def shoes() -> bytes:
    """Two shoes seen from above, their toes down."""
    picture = Image.new("RGBA", (400, 400))
    for left in (90, 220):
        ImageDraw.Draw(picture).ellipse((left, 80, left + 90, 340), fill=(120, 60, 40, 255))
    return saved(picture, "PNG")


ABOVE = replace(networks(), viewpoint=Looks("above", elevation=0.8))


@cache
def shoes_on_a_podium(word: StanceWord) -> SwapResult:
    """Shoes seen from above in a podium scene, by that stance; one swap for all tests that look at it."""
    return made(spec("podium", place=SMALL, placement=Placement(stance=word)), shoes(), ABOVE)


def test_a_product_that_cannot_stand_lies_on_the_scenes_surface_shown_from_above() -> None:
    shown = shoes_on_a_podium("auto")
    assert "scene_unsuited" in shown.warnings
    scene = to_json(shown.report)["provenance"]["scene"]
    assert (scene["asked"], scene["painted"], scene["angle"]) == ("podium", "flatlay", "above")
    assert "photographed from above, so" in scene["changed"]
    asked = spec("podium", place=SMALL)
    from_above = made(replace(asked, scene=seen_from(asked.scene, "above")), shoes(), ABOVE)
    assert from_above.data == shown.data
    generator = Darkener()
    refused = replace(networks(generator), viewpoint=Looks("above", elevation=0.8))
    with pytest.raises(NoHonestPlacement, match="flat lay"):
        made(spec("neon", place=SMALL), shoes(), refused)
    assert generator.calls == 0, "it is refused before a background is made"
    cut_out = spec(place=preset((160, 160), background="transparent"))
    for swapped in (from_above, *(made(one, shoes(), ABOVE) for one in (spec("white", place=SMALL), cut_out))):
        assert to_json(swapped.report)["cutout"]["stance"] == "lying"
        assert to_json(swapped.report)["cutout"]["suits"] == ["white", "flatlay"]
        assert to_json(swapped.report)["cutout"]["viewpoint"] == {"above": 1.0, "elevation": 0.8}
        assert "scene_unsuited" not in swapped.warnings


def test_a_warning_of_feet_that_hover_has_its_reason_in_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    stands = made(spec("podium", place=SMALL))
    assert "placement_unsure" not in stands.warnings
    monkeypatch.setattr("pipeline.background.source.hovering", lambda *_: 2)
    hovers = made(spec("podium", place=SMALL))
    assert hovers.warnings == (*stands.warnings, "placement_unsure")
    scene, same = (to_json(one.report)["provenance"]["scene"] for one in (hovers, stands))
    assert (scene["hovering"], same["hovering"]) == (2, 0)
    assert 5 < scene["elevation"] < 30


def test_a_product_cropped_above_reaches_from_the_floor_to_the_upper_edge_with_its_shadow() -> None:
    rgb, alpha = still_life(cut=True)
    upside_down = cut_out_png(np.ascontiguousarray(rgb[::-1]), np.ascontiguousarray(alpha[::-1]))
    render = made(spec("sweep"), upside_down)
    left, top, right, bottom = to_json(render.report)["cutout"]["placed_box"]
    assert to_json(render.report)["cutout"]["cut_sides"] == ["top"]
    assert top == 0
    assert bottom > 0.7
    picture = np.asarray(Image.open(BytesIO(render.data)).convert("L")).astype(int)
    foot = round(bottom * 400)
    middle = slice(round(left * 400) + 10, round(right * 400) - 10)
    assert picture[foot + 2 : foot + 5, middle].mean() < picture[-8:, middle].mean() - 10


def test_a_moved_product_takes_its_scene_along_and_its_report_lists_broken_rules() -> None:
    place = replace(preset((240, 240), form="jpeg"), fill_bounds=(0.5, 0.95))
    shown = {}
    for placement in (Placement(), Placement(0.1, -0.05, 0.7, 0)):
        asked = spec("podium", place=place, placement=placement)
        render = made(asked)
        shown[placement] = to_json(render.report)
    there, moved = shown.values()
    assert "placement" not in there
    assert moved["placement"] == asdict(Placement(0.1, -0.05, 0.7, 0)) | {"breaks": ["fill"]}
    left, top, right, bottom = there["cutout"]["placed_box"]
    wide, tall, middle = right - left, bottom - top, (left + right) / 2
    expected = [middle + 0.1 - 0.35 * wide, bottom - 0.05 - 0.7 * tall, middle + 0.1 + 0.35 * wide, bottom - 0.05]
    assert moved["cutout"]["placed_box"] == pytest.approx(expected, abs=0.006)


def test_the_callers_stance_overrides_the_guess_and_is_reported() -> None:
    words: tuple[StanceWord, ...] = ("auto", "lying", "from_above")
    seen = {word: shoes_on_a_podium(word) for word in words}
    cutouts = {word: to_json(render.report)["cutout"] for word, render in seen.items()}
    assert [cutouts[word]["stance_from"] for word in words] == ["guess", "caller", "caller"]
    angles = [to_json(render.report)["provenance"]["scene"]["angle"] for render in seen.values()]
    assert angles == ["above", "side", "above"]
    assert "scene_unsuited" not in seen["lying"].warnings
    assert to_json(seen["lying"].report)["placement"]["stance"] == "lying"
    assert seen["auto"].report.placement is None
    assert "The order says" in to_json(seen["from_above"].report)["provenance"]["scene"]["changed"]
    assert [to_json(render.report)["provenance"]["scene"].get("own_view") for render in seen.values()] == [
        *("lying", None, "lying")
    ]


@pytest.mark.parametrize(
    ("looks", "word", "doubt"),
    [
        (None, "from_above", set()),
        (Looks("above", 0.7, elevation=0.3), "lying", {"placement_unsure"}),
        (Looks("side", elevation=0.3), "standing", set()),
        (Looks("garment", elevation=0.9), "hanging", set()),
    ],
    ids=["from_above", "lying", "standing", "hanging"],
)
def test_a_stance_gives_the_same_picture_and_verdict_whether_it_is_guessed_or_given(
    looks: Looks | None, word: StanceWord, doubt: set[str]
) -> None:
    limits = SETS["strict"]
    if looks is None:
        guessed, given = shoes_on_a_podium("auto"), shoes_on_a_podium(word)
    else:
        asked, using = spec("podium", place=SMALL), replace(networks(), viewpoint=looks)
        guessed = made(asked, shoes(), using)
        given = made(replace(asked, placement=Placement(stance=word)), shoes(), using)
    assert guessed.data == given.data
    missed = [{miss.limit for miss in judge(one.report, one.warnings, limits)} for one in (guessed, given)]
    assert missed[0] - missed[1] == {f"warnings.{code}" for code in doubt}, "a given stance answers the doubt"
    assert missed[1] <= missed[0]


@pytest.mark.parametrize(("placement", "kept"), [(Placement(scale=0.8, turn=5), True), (Placement(0.1), False)])
def test_a_pinned_background_is_kept_as_long_as_the_product_stays_in_its_place(
    placement: Placement, kept: bool
) -> None:
    asked = replace(spec("podium", place=SMALL, placement=placement), pinned=True)
    report = made(asked).report
    assert report.provenance.pinned is kept


def test_text_over_the_product_changes_no_figure_of_product_and_background() -> None:
    asked = spec("podium", palette=("#2f5d50", "#e8dcc8"), place=SMALL)
    words = [{"text": "SOLD OUT", "size": 9, "anchor": "center", "over_product": True}, {"text": "New", "size": 8}]
    lettering = Lettering(json.dumps(words))
    plain, render = made(asked), made(replace(asked, lettering=lettering), artwork=Artwork(bundled_fonts(), {}))

    assert (plain.report.layers, plain.report.alt) == (None, None)
    assert [row.text for row in render.report.layers or ()] == ["SOLD OUT", "New"]
    assert render.report.fidelity.pixels < plain.report.fidelity.pixels
    assert render.report.fidelity.p99 == pytest.approx(plain.report.fidelity.p99, abs=0.1)
    assert render.report.palette.mean_delta_e00 == pytest.approx(plain.report.palette.mean_delta_e00, abs=0.3)
