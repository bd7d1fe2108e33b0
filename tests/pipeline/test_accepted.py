"""Orders with limits: what is tried again, what ends at once, and what a refused picture leaves."""

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
from pipeline.report import AcceptanceReport, FidelityReport, RuleCheck
from pipeline.swap import SwapResult, swap
from tests.support.still_life import PHOTO, Counting, Darkener, cut_out_png, networks, preset, spec, still_life

SMALL = preset((160, 160))
#: Of the asked colours, the second is beyond what any light can show.
ASKED = spec(palette=("#2f5d50", "#ff00ff"), place=SMALL)
#: A photo with a cut-out of its own, so that no network looks at it.
CUT = cut_out_png(*still_life())


def made(asked: Spec, accept: str, photo: bytes = CUT, **more: Any) -> AcceptedSwap:
    """Return the outcome of an order, made by the real pipeline."""
    using = more.pop("using", networks())
    make = partial(swap, photo, networks=using, limits=Limits(), clock=lambda: 0.0)
    return accepted_swap(make, replace(asked, acceptance=Acceptance(accept)), **more)


def report_of(outcome: AcceptedSwap) -> AcceptanceReport:
    assert outcome.result.report.acceptance is not None
    return outcome.result.report.acceptance


def test_without_limits_the_picture_is_that_of_the_swap_alone() -> None:
    alone = swap(CUT, ASKED, networks(), limits=Limits(), clock=lambda: 0.0)

    assert made(ASKED, "") == made(ASKED, "none") == AcceptedSwap(alone)
    kept = made(ASKED, '{"palette_mean": 50, "cutout_confidence": 0.5}')
    assert kept.result.data == alone.data
    assert not kept.refused
    found = report_of(kept)
    assert (found.set, found.accepted, found.missed, len(found.tries)) == ("custom", True, [], 1)
    assert found.limits == {"palette_mean": 50, "cutout_confidence": 0.5, "attempts": 3}


def test_a_colour_that_misses_is_tried_with_two_more_seeds_the_last_without_props_always_the_same() -> None:
    seen, steps, looks = list[Spec](), list[float](), Counting()

    def watched(one: Spec, **more: Any) -> SwapResult:
        seen.append(one)
        using = replace(networks(), segmenter=looks)
        return swap(PHOTO, one, using, limits=Limits(), clock=lambda: 0.0, **more)

    asked = replace(ASKED, acceptance=Acceptance('{"palette_mean": 0.1}'))
    outcome = accepted_swap(watched, asked, progress=lambda stage, done: steps.append(done))

    found = report_of(outcome)
    assert [one.changed for one in found.tries] == [None, "seed", "ground"]
    assert [one.seed for one in found.tries] == [one.seed for one in seen]
    assert len({one.seed for one in seen}) == 3
    assert seen[1] == replace(asked, seed=seen[1].seed)
    assert seen[2] == replace(asked, seed=seen[2].seed, dressing=Dressing(props="none"))
    assert steps == sorted(steps)
    assert steps[-1] < 1
    assert looks.looks == 3, "one cut-out, which takes three looks"
    assert outcome.refused
    again = made(ASKED, '{"palette_mean": 0.1}', PHOTO)
    assert (again.result.data, report_of(again)) == (outcome.result.data, found)


def test_an_accepted_second_try_is_the_picture_of_an_order_with_its_seed() -> None:
    strict = [made(replace(ASKED, seed=seed), '{"palette_mean": 0.1, "attempts": 2}') for seed in range(1, 5)]
    means = [one.result.report.palette.mean_delta_e00 or 0.0 for one in strict]
    better = next(one for one in strict if report_of(one).tries[1].seed == one.result.report.provenance.seed)
    seed = strict.index(better) + 1

    outcome = made(replace(ASKED, seed=seed), f'{{"palette_mean": {means[seed - 1]}}}')

    first, second = report_of(outcome).tries
    assert (first.missed, second.missed, outcome.refused) == (["palette_mean"], [], False)
    alone = made(replace(ASKED, seed=second.seed), "")
    assert (outcome.result.data, outcome.result.seed) == (alone.result.data, second.seed)


@pytest.mark.parametrize(
    ("accept", "missed"),
    [
        ('{"enlargement": 0.1}', ["enlargement"]),
        ('{"enlargement": 0.1, "palette_mean": 0.1}', ["palette_mean", "enlargement"]),
        ('{"palette_mean": 0.1, "attempts": 1}', ["palette_mean"]),
    ],
)
def test_a_miss_that_no_background_changes_ends_at_once(accept: str, missed: list[str]) -> None:
    found = report_of(made(ASKED, accept))

    assert [one.missed for one in found.tries] == [missed]


@pytest.mark.parametrize(
    "ground",
    [
        {"pinned": True},
        {"ground": Ground(background="color", background_color="#336699")},
        {"preset": replace(SMALL, background="white")},
    ],
    ids=["pinned", "colour", "white"],
)
def test_a_background_that_is_pinned_or_not_composed_is_made_once(ground: dict[str, Any]) -> None:
    outcome = made(replace(ASKED, **ground), '{"set": "standard", "palette_mean": 0, "enlargement": 0.1}')

    assert len(report_of(outcome).tries) == 1
    assert outcome.refused


def test_a_preview_is_judged_once_and_never_refused() -> None:
    generator = Darkener()
    outcome = made(replace(ASKED, preview=True), '{"palette_mean": 0.1}', using=networks(generator))

    assert not outcome.refused
    assert not report_of(outcome).accepted
    assert [one.missed for one in report_of(outcome).tries] == [["palette_mean"]]


@pytest.mark.parametrize("background", ["scene", "transparent"])
def test_a_refused_picture_leaves_a_small_watermarked_preview_and_the_report_of_the_whole(background: str) -> None:
    place = preset((640, 320), background)
    outcome = made(replace(ASKED, preset=place), '{"enlargement": 0.1}')
    whole = made(replace(ASKED, preset=place), "").result

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


def test_the_best_try_is_kept_and_a_heavy_file_may_leave_its_product_more_bytes() -> None:
    whole = swap(CUT, ASKED, networks(), limits=Limits(), clock=lambda: 0.0)

    def coarse(weight: float, *means: float) -> AcceptedSwap:
        left = iter(means)

        def make(one: Spec, **more: Any) -> SwapResult:
            rows = [RuleCheck("bytes", weight, 100.0, "pass", "", "")]
            colours = FidelityReport(2.0, 2.0, 2.0, "CIEDE2000", 1, 1)
            palette = replace(whole.report.palette, mean_delta_e00=next(left))
            return replace(
                whole, seed=one.seed, report=replace(whole.report, preset=rows, fidelity=colours, palette=palette)
            )

        asked = replace(ASKED, acceptance=Acceptance('{"fidelity_mean": 1, "palette_mean": 1}'))
        return accepted_swap(make, asked)

    kept = coarse(90.0, 9.0, 4.0, 6.0)
    assert len(report_of(kept).tries) == 3
    assert report_of(kept).missed[1].measured == 4.0
    assert kept.result.seed == report_of(kept).tries[1].seed
    assert len(report_of(coarse(40.0, 9.0)).tries) == 1
