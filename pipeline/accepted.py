"""A swap whose picture must keep limits: up to three tries, and the best of them where none keeps all."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from pipeline.core.networks import Progress
from pipeline.core.order import SEED_LIMIT
from pipeline.core.spec import Spec
from pipeline.cutout.cache import Cache, Kind
from pipeline.delivery.acceptance import judge, limits_of, unchecked
from pipeline.delivery.output import ordered
from pipeline.delivery.preview import preview_of
from pipeline.report import AcceptanceReport, AcceptanceTry, Miss, PreviewReport, Report
from pipeline.swap import SwapResult, ignore

#: Limits that another background may keep. Nothing else changes with the seed or the props.
OF_THE_GROUND = {
    *("palette_mean", "palette_worst", "rules.bytes"),
    *("warnings.copy_space_busy", "warnings.generator_fell_back", "warnings.low_contrast"),
}
#: Above this share of its place's limit on bytes, a lighter background may leave room for the product's colours.
HEAVY = 0.5
#: Shares of the progress of three tries: most orders need only the first.
_SHARES = (0.8, 0.1, 0.1)
#: The spec of a try, and its change.
_Try = tuple[Spec, Literal["seed", "ground"] | None]


class Make(Protocol):
    """`pipeline.swap.swap` with all its other arguments, such as `functools.partial(swap, data, networks=…)`."""

    def __call__(self, spec: Spec, *, progress: Progress, cache: Cache | None) -> SwapResult:
        """Return the picture of a spec. Raises PipelineError."""


@dataclass(frozen=True)
class AcceptedSwap:
    """The outcome of an order."""

    #: The picture. If it is refused: the small watermarked preview of the best try, with that try's whole report.
    result: SwapResult
    #: Whether no try keeps the limits. The caller does not get the picture, and does not pay.
    refused: bool = False


def accepted_swap(make: Make, spec: Spec, *, progress: Progress = ignore, cache: Cache | None = None) -> AcceptedSwap:
    """Make the picture of a spec, and make it again while it misses a limit that another background may keep.

    Without limits this is `make` alone. The second try has another seed. The third has another, and no props. Each
    follows from the spec's seed, so the same order gives the same picture. A preview is judged, but made once and never
    refused. The cut-out is computed once. `progress` never goes back. Raises the errors of `make`.
    """
    limits = limits_of(spec.acceptance.accept)
    if limits is None:
        return AcceptedSwap(make(spec, progress=progress, cache=cache))
    asked = _tries(spec, limits.attempts)
    held = _Held(cache) if len(asked) > 1 else cache
    rows: list[AcceptanceTry] = []
    best: tuple[tuple[int, float], SwapResult, list[Miss]] | None = None
    for number, (one, changed) in enumerate(asked):
        before, share = (sum(_SHARES[:number]), _SHARES[number]) if len(asked) > 1 else (0.0, 1.0)

        def step(stage: str, done: float, before: float = before, share: float = share) -> None:
            progress(stage, before + share * done)

        made = make(one, progress=step, cache=held)
        missed = judge(made.report, made.warnings, limits)
        rows.append(AcceptanceTry(seed=one.seed, changed=changed, missed=[miss.limit for miss in missed]))
        distance = len(missed), sum(map(_excess, missed))
        if best is None or distance < best[0]:
            best = distance, made, missed
        if not missed or not _may_help(missed, made.report):
            break
    assert best is not None  # there is at least one try
    _, made, missed = best
    found = AcceptanceReport(
        set=limits.set,
        limits=limits.held(),
        accepted=not missed,
        missed=missed,
        tries=rows,
        unchecked=unchecked(made.report, limits),
    )
    made = replace(made, report=replace(made.report, acceptance=found))
    refused = bool(missed) and not spec.preview
    return AcceptedSwap(_previewed(made, spec) if refused else made, refused)


def _tries(spec: Spec, attempts: int) -> Sequence[_Try]:
    """Return the spec of each try with its change; one where the background is pinned, or not Backdrop's own."""
    if spec.preview or spec.pinned or not spec.ground.composed or spec.plain is not None:
        return [(spec, None)]
    # not the seeds that `pipeline.background.best_of` tries itself
    second, third = (int(seed) for seed in np.random.default_rng([spec.seed, 2]).integers(SEED_LIMIT, size=2))
    calm = replace(spec, seed=third, dressing=replace(spec.dressing, props="none"))
    tries: list[_Try] = [(spec, None), (replace(spec, seed=second), "seed"), (calm, "ground")]
    return tries[:attempts]


def _may_help(missed: Sequence[Miss], report: Report) -> bool:
    """Return whether another background may keep all missed limits. If one is the product's, a try only takes time."""
    heavy = any(
        row.rule == "bytes" and isinstance(row.measured, float | int) and row.measured > HEAVY * row.bound
        for row in report.preset
        if isinstance(row.bound, float | int)
    )
    of_the_file = {"fidelity_mean", "fidelity_p99"} if heavy else set()
    return {miss.limit for miss in missed} <= OF_THE_GROUND | of_the_file


def _excess(miss: Miss) -> float:
    """Return by what share of its bound a number misses; 1 where it is no number."""
    if isinstance(miss.measured, float | int) and isinstance(miss.bound, float | int) and miss.bound:
        return abs(miss.measured / miss.bound - 1)
    return 1.0


def _previewed(made: SwapResult, spec: Spec) -> SwapResult:
    """Return a picture as a preview, made from its file, with its report."""
    small = preview_of(made.data, ordered(spec.preset, spec.output))
    marks = made.report.marks and replace(made.report.marks, c2pa=None, watermark=None)
    report = replace(made.report, preview=PreviewReport(made.width, made.height), marks=marks)
    return replace(made, data=small.data, width=small.width, height=small.height, report=report)


@dataclass(frozen=True)
class _Held:
    """A cache in front of the caller's, if there is one, so that a further try finds the first one's cut-out."""

    beyond: Cache | None
    held: dict[tuple[Kind, str], bytes] = field(default_factory=dict)

    def get(self, kind: Kind, name: str) -> bytes | None:
        found = self.held.get((kind, name))
        if found is None and self.beyond is not None:
            found = self.beyond.get(kind, name)
        if found is not None:
            self.held[kind, name] = found
        return found

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        self.held[kind, name] = data
        if self.beyond is not None:
            self.beyond.put(kind, name, data)
