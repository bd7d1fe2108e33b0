"""A swap whose picture must keep limits: up to three tries, and the best of them where none keeps all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from pipeline.core.networks import Progress
from pipeline.core.order import SEED_LIMIT
from pipeline.core.spec import Spec
from pipeline.cutout.cache import Cache, Kind
from pipeline.delivery.acceptance import in_words, judge, limits_of, unchecked
from pipeline.delivery.output import ordered
from pipeline.delivery.preview import preview_of
from pipeline.report import AcceptanceReport, AcceptanceTry, Miss, PreviewReport, Report
from pipeline.swap import SwapResult, ignore

#: Limits that another background may keep. Seed and props change nothing else.
OF_THE_GROUND = {
    *("palette_mean", "palette_worst", "rules.bytes"),
    *("warnings.copy_space_busy", "warnings.generator_fell_back", "warnings.low_contrast"),
}
#: If the file has more than this share of its place's bytes, a lighter background may leave more to the product.
HEAVY = 0.5
#: Start and share of each try in the progress: most orders need only the first.
_SHARES = ((0.0, 0.8), (0.8, 0.1), (0.9, 0.1))
#: The spec of a try, and its change.
_Try = tuple[Spec, Literal["seed", "ground"] | None]


@dataclass(frozen=True)
class AcceptedSwap:
    """The outcome of an order."""

    #: The picture. If it is refused: the small watermarked preview of the best try, with that try's whole report.
    result: SwapResult
    #: Whether no try keeps the limits, so that the caller gets no picture and does not pay.
    refused: bool = False

    @property
    def refusal(self) -> str | None:
        """Why the picture is refused, in sentences that name each missed limit; None: it is delivered."""
        found = self.result.report.acceptance
        return in_words(found) if self.refused and found is not None else None


def accepted_swap(
    make: Callable[..., SwapResult], spec: Spec, *, progress: Progress = ignore, cache: Cache | None = None
) -> AcceptedSwap:
    """Make the picture of a spec, again while it misses only limits that another background may keep.

    `make` is `pipeline.swap.swap` with all its other arguments, as `functools.partial(swap, data, networks=networks)`.
    Without limits this is `make` alone. The second try has another seed, the third another and no props. Both seeds
    follow from the spec's, so that the same order gives the same picture. A preview is judged, but made once and never
    refused. `progress` never goes back. Raises the errors of `make`.
    """
    limits = limits_of(spec.acceptance.accept)
    if limits is None:
        return AcceptedSwap(make(spec, progress=progress, cache=cache))
    asked = _tries(spec, limits.attempts)
    cache = _Memory() if cache is None and len(asked) > 1 else cache  # the cut-out is computed once
    rows: list[AcceptanceTry] = []
    best: tuple[tuple[int, float], SwapResult, list[Miss]] | None = None
    for number, (one, changed) in enumerate(asked):

        def step(stage: str, done: float, at: tuple[float, float] = _SHARES[number]) -> None:
            progress(stage, at[0] + at[1] * done)

        made = make(one, progress=step, cache=cache)
        missed = judge(made.report, made.warnings, limits)
        rows.append(AcceptanceTry(seed=one.seed, changed=changed, missed=[miss.limit for miss in missed]))
        distance = len(missed), made.report.palette.mean_delta_e00 or 0.0
        best = (distance, made, missed) if best is None or distance < best[0] else best
        if not missed or not _may_help(missed, made.report):
            break
    assert best is not None  # there is at least one try
    _, made, missed = best
    found = AcceptanceReport(
        set=limits.set,
        limits=limits.model_dump(mode="json", exclude={"set"}, exclude_none=True),
        accepted=not missed,
        missed=missed,
        tries=rows,
        unchecked=unchecked(made.report, limits),
    )
    made = replace(made, report=replace(made.report, acceptance=found))
    refused = bool(missed) and not spec.preview
    return AcceptedSwap(_previewed(made, spec) if refused else made, refused)


def _tries(spec: Spec, attempts: int) -> Sequence[_Try]:
    """Return the specs to try; only one where the background is pinned, or not composed."""
    if spec.preview or spec.pinned or not spec.ground.composed or spec.plain is not None:
        return [(spec, None)]
    # other seeds than those that `pipeline.background.best_of` has tried itself
    second, third = (int(seed) for seed in np.random.default_rng([spec.seed, 2]).integers(SEED_LIMIT, size=2))
    calm = replace(spec, seed=third, dressing=replace(spec.dressing, props="none"))
    tries: list[_Try] = [(spec, None), (replace(spec, seed=second), "seed"), (calm, "ground")]
    return tries[:attempts]


def _may_help(missed: Sequence[Miss], report: Report) -> bool:
    """Return whether another background may keep all missed limits. If one is the product's, a try only takes time."""
    weights = [(row.measured, row.bound) for row in report.preset if row.rule == "bytes"]
    heavy = any(float(str(weight)) > HEAVY * float(str(most)) for weight, most in weights)
    of_the_file = {"fidelity_mean", "fidelity_p99"} if heavy else set[str]()
    return {miss.limit for miss in missed} <= OF_THE_GROUND | of_the_file


def _previewed(made: SwapResult, spec: Spec) -> SwapResult:
    """Return a picture as a preview, made from its file, with its report."""
    small = preview_of(made.data, ordered(spec.preset, spec.output), made.stamp)
    marks = made.report.marks and replace(made.report.marks, c2pa=None, watermark=None)
    report = replace(made.report, preview=PreviewReport(made.width, made.height), marks=marks)
    return replace(made, data=small.data, width=small.width, height=small.height, report=report)


@dataclass(frozen=True)
class _Memory:
    """A cache for one order."""

    held: dict[tuple[Kind, str], bytes] = field(default_factory=dict)

    def get(self, kind: Kind, name: str) -> bytes | None:
        return self.held.get((kind, name))

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        self.held[kind, name] = data
