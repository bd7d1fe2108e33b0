"""Orders with limits: what is tried again, what ends at once, and what a refused picture leaves."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.accepted import AcceptedSwap, accepted_swap
from pipeline.core.order import Acceptance, Dressing, Ground
from pipeline.core.spec import Limits, Spec
from pipeline.delivery.acceptance import in_words
from pipeline.report import AcceptanceReport, RuleCheck
from pipeline.swap import SwapResult, swap
from testkit.still_life import PHOTO, Counting, cut_out_png, networks, preset, spec, still_life

SMALL = preset((160, 160))
#: No light shows the second colour.
ASKED = spec(palette=("#2f5d50", "#ff00ff"), place=SMALL)
#: A photo with a cut-out of its own: no network looks at it.
CUT = cut_out_png(*still_life())
Make = Callable[..., SwapResult]


def limited(asked: Spec, accept: str) -> Spec:
    return replace(asked, acceptance=Acceptance(accept))


def report_of(outcome: AcceptedSwap) -> AcceptanceReport:
    assert outcome.result.report.acceptance is not None
    return outcome.result.report.acceptance


@pytest.fixture(scope="module")
def alone() -> SwapResult:
    return swap(CUT, ASKED, networks(), limits=Limits(), clock=lambda: 0.0)


@pytest.fixture
def of_means(alone: SwapResult) -> Callable[..., Make]:
    """Return what makes pictures of these mean colour differences in turn, in files of a share of the bytes."""

    def make(*means: float, weight: float = 0.1) -> Make:
        left = iter(means)

        def one(asked: Spec, **more: Any) -> SwapResult:
            palette = replace(alone.report.palette, mean_delta_e00=next(left))
            rows = [*alone.report.preset, RuleCheck("bytes", 1000 * weight, 1000.0, "pass", "", "")]
            fidelity = replace(alone.report.fidelity, mean=0.5)
            report = replace(alone.report, palette=palette, preset=rows, fidelity=fidelity)
            return replace(alone, seed=asked.seed, report=report)

        return one

    return make


def test_without_limits_and_within_them_the_picture_is_that_of_the_swap_alone(alone: SwapResult) -> None:
    make = partial(swap, CUT, networks=networks(), limits=Limits(), clock=lambda: 0.0)

    assert accepted_swap(lambda one, **more: alone, ASKED) == AcceptedSwap(alone)
    assert accepted_swap(lambda one, **more: alone, limited(ASKED, "none")) == AcceptedSwap(alone)
    kept = accepted_swap(make, limited(ASKED, '{"palette_mean": 50, "cutout_confidence": 0.5}'))
    assert kept.result.data == alone.data
    assert not kept.refused
    found = report_of(kept)
    assert (found.set, found.accepted, found.missed, len(found.tries)) == ("custom", True, [], 1)
    assert found.limits == {"palette_mean": 50, "cutout_confidence": 0.5, "attempts": 3}


def test_a_colour_that_misses_is_tried_with_two_more_seeds_the_last_without_props_and_one_cut_out() -> None:
    seen, steps, looks, pictures = list[Spec](), list[float](), Counting(), list[SwapResult]()
    using = replace(networks(), segmenter=looks)

    def watched(one: Spec, **more: Any) -> SwapResult:
        seen.append(one)
        pictures.append(swap(PHOTO, one, using, limits=Limits(), clock=lambda: 0.0, **more))
        return pictures[-1]

    asked = limited(ASKED, '{"palette_mean": 0.1}')
    outcome = accepted_swap(watched, asked, progress=lambda stage, done: steps.append(done))

    found = report_of(outcome)
    assert [one.changed for one in found.tries] == [None, "seed", "ground"]
    assert [one.seed for one in found.tries] == [one.seed for one in seen] == [1, 1381391841, 962964187]
    assert seen[1] == replace(asked, seed=seen[1].seed)
    assert seen[2] == replace(asked, seed=seen[2].seed, dressing=Dressing(props="none"))
    assert steps == sorted(steps)
    assert steps[-1] < 1
    assert looks.looks == 4, "one cut-out takes four looks, one of them for its doubts"
    assert outcome.refused
    direct = swap(PHOTO, seen[1], using, limits=Limits(), clock=lambda: 0.0)
    assert pictures[1].data == direct.data, "an order with that seed gives the same picture"


@pytest.mark.parametrize(
    ("accept", "weight", "tries"),
    [
        ('{"palette_mean": 5}', 0.1, [["palette_mean"], []]),
        ('{"palette_mean": 3, "attempts": 2}', 0.1, [["palette_mean"], ["palette_mean"]]),
        ('{"palette_mean": 3, "enlargement": 0.1}', 0.1, [["palette_mean", "enlargement"]]),
        ('{"fidelity_mean": 0}', 0.4, [["fidelity_mean"]]),
        ('{"fidelity_mean": 0}', 0.6, [["fidelity_mean"]] * 3),
    ],
)
def test_only_a_miss_that_another_background_may_keep_is_tried_again(
    of_means: Callable[..., Make], accept: str, weight: float, tries: list[list[str]]
) -> None:
    outcome = accepted_swap(of_means(9, 4, 6, weight=weight), limited(ASKED, accept))

    assert [one.missed for one in report_of(outcome).tries] == tries
    assert outcome.refused == bool(tries[-1])


def test_the_best_try_is_kept(of_means: Callable[..., Make]) -> None:
    outcome = accepted_swap(of_means(9, 4, 6), limited(ASKED, '{"palette_mean": 1}'))

    assert [one.measured for one in report_of(outcome).missed] == [4]
    assert outcome.result.seed == report_of(outcome).tries[1].seed


@pytest.mark.parametrize(
    "ground",
    [
        {"pinned": True},
        {"ground": Ground(background="color", background_color="#336699")},
        {"ground": Ground(background="render")},
        {"preset": replace(SMALL, background="white")},
    ],
    ids=["pinned", "colour", "render", "white"],
)
def test_a_background_that_is_pinned_or_not_composed_is_made_once(
    of_means: Callable[..., Make], ground: dict[str, Any]
) -> None:
    outcome = accepted_swap(of_means(9), limited(replace(ASKED, **ground), '{"palette_mean": 1}'))

    assert [one.missed for one in report_of(outcome).tries] == [["palette_mean"]]
    assert outcome.refused


def test_a_preview_is_judged_once_and_never_refused(of_means: Callable[..., Make], alone: SwapResult) -> None:
    outcome = accepted_swap(of_means(9), limited(replace(ASKED, preview=True), '{"palette_mean": 1}'))

    assert (outcome.refused, outcome.result.data) == (False, alone.data)
    assert (report_of(outcome).accepted, len(report_of(outcome).tries)) == (False, 1)


@pytest.mark.parametrize("background", ["scene", "transparent"])
def test_a_refused_picture_leaves_a_small_watermarked_preview_and_the_report_of_the_whole(background: str) -> None:
    asked = limited(replace(ASKED, preset=preset((640, 320), background)), '{"enlargement": 0.1}')
    whole = swap(CUT, asked, networks(), limits=Limits(), clock=lambda: 0.0)

    outcome = accepted_swap(lambda one, **more: whole, asked)

    small = np.asarray(Image.open(BytesIO(outcome.result.data)), float)
    plain = np.asarray(Image.open(BytesIO(whole.data)).resize((512, 256), Image.Resampling.LANCZOS), float)
    assert (outcome.result.width, outcome.result.height) == (512, 256) == small.shape[1::-1]
    assert small.shape == plain.shape
    assert 0.05 < (np.abs(small - plain).max(axis=2) > 12).mean() < 0.6, "letters, with the picture between them"
    report = outcome.result.report
    assert report.preview is not None
    assert (report.preview.width, report.preview.height) == (640, 320)
    assert (report.fidelity, report.preset) == (whole.report.fidelity, whole.report.preset)
    assert in_words(report_of(outcome)).startswith(
        "The picture misses limits of accept=custom. enlargement is 1.067, the limit is 0.1. Pictures made: 1."
    )
