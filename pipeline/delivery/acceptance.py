"""Acceptance: limits on a picture's report, documented sets of them, and what a report misses. Reads no pixels."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

from pipeline.core.order import OptionFault
from pipeline.report import AcceptanceReport, Miss, Report

#: Rules that `pipeline.delivery.preset_rules` checks on a file. No file can prove the others of a preset.
Rule = Literal[
    "size", "min_side", "format", "bytes", "colour_profile", "camera_metadata", "fill", "margins", "enlargement",
    "white_border", "white_background", "white_edge", "shadow", "ai_marking", "content_credentials",
]  # fmt: skip
RULES: tuple[Rule, ...] = get_args(Rule)
#: Warnings of a swap: that the product may be wrong, the others about it, and those that no set has.
Wrong = Literal["transparent_material_suspected", "held_by_hand", "placement_unsure"]
AboutProduct = Literal["several_subjects", "subject_touches_edge", "scene_unsuited", "cropped", "frame_overridden"]
Other = Literal[
    "low_confidence", "upscaled", "copy_space_busy", "generator_fell_back", "background_upscaled", "background_busy",
    "layer_moved", "layer_reduced", "layer_left_out", "low_contrast", "logo_enlarged",
]  # fmt: skip
#: Logistic regression of "two readers would publish this picture as it is": a constant, and the weights of the
#: logarithm of the cut-out's doubt, of a cropped product and of a plain background.
#: `scripts/publishable.py` fitted it on the ratings of `benchmarks/picture/ratings`.
PUBLISHABLE = (-4.2, -1.23, -1.35, 1.06)
Difference = Annotated[float | None, Field(ge=0, le=100)]
Probability = Annotated[float | None, Field(ge=0, le=1)]


class AcceptanceLimits(BaseModel):
    """Limits on a report. Null: not checked. Differences are CIEDE2000."""

    model_config = ConfigDict(frozen=True, strict=True)

    set: Literal["standard", "strict", "custom"] = Field(
        "custom", description="The documented set whose limits count where you send none."
    )
    fidelity_mean: Difference = Field(None, description="Greatest mean difference of the product to its cut-out.")
    fidelity_p99: Difference = Field(None, description="Greatest difference of 99 % of the product to its cut-out.")
    palette_mean: Difference = Field(None, description="Greatest mean difference of the colours to the asked ones.")
    palette_worst: Difference = Field(None, description="Greatest difference of one colour to the asked one.")
    rules: Annotated[
        tuple[Rule, ...] | None,
        Strict(False),
        BeforeValidator(lambda value: RULES if value == "all" else value, tuple[Rule, ...] | Literal["all"] | None),
    ] = Field(None, description="Rules of the place of publication that must not fail, or `all` of them.")
    publishable: Probability = Field(None, description="Least probability that the picture can be published.")
    cutout_confidence: Probability = Field(None, description="Least probability that the cut-out is right.")
    warnings: tuple[Literal[Wrong, AboutProduct, Other], ...] | None = Field(
        None, description="Warnings that must be absent."
    )
    enlargement: Annotated[float | None, Field(gt=0, le=100)] = Field(
        None, description="Greatest factor by which the photo's product was enlarged."
    )
    attempts: Annotated[int, Field(ge=1, le=3)] = Field(3, description="Most pictures to make, 1 to 3.")


_STANDARD = AcceptanceLimits(
    set="standard",
    fidelity_mean=1.0,  # `pipeline.delivery.fidelity.MEAN`, P99: the search for a file's quality ends there
    fidelity_p99=3.0,
    palette_mean=5.0,  # `pipeline.colour.palette.MEAN_BAR`, WORST_BAR: the report's own `palette.bar`
    palette_worst=10.0,
    rules=RULES,
    publishable=0.29,  # `scripts/publishable.py` chose it and that of `strict`
    # Out of fold, absurd placements are six times as frequent with `placement_unsure`. `several_subjects` and the
    # enlargement did not sort good pictures from bad ones.
    warnings=get_args(Wrong),
)
#: The documented sets: the only place of their numbers, which `docs/guides/callers/acceptance.md` repeats.
SETS: Mapping[str, AcceptanceLimits] = {
    "standard": _STANDARD,
    "strict": _STANDARD.model_copy(
        update={
            "set": "strict",
            "publishable": 0.55,
            "warnings": get_args(Literal[Wrong, AboutProduct]),
            "enlargement": 1.5,  # `pipeline.placement.place.MAX_ENLARGED`, above which the product looks soft
        }
    ),
}
#: The least limits that a picture can keep. Enlargement: 64 pixels from a photo of 50 megapixels have 0.009.
FLOORS = {"enlargement": 0.005}
#: The same on a scene that Backdrop composes. The best of 16 pictures had 0.32; plain backgrounds have 0.
SCENERY_FLOORS = FLOORS | {"palette_mean": 0.1, "palette_worst": 0.1}
#: All words of an `accept`, for near misses.
NAMES = [*SETS, "none", *AcceptanceLimits.model_fields, *RULES, *get_args(Literal[Wrong, AboutProduct, Other])]


def limits_of(accept: str) -> AcceptanceLimits | None:
    """Return the limits of a checked `accept`; None: it has none. Unknown limits are ignored, as a newer release's."""
    if accept in ("", "none", *SETS):
        return SETS.get(accept)
    asked = AcceptanceLimits.model_validate_json(accept)
    start = SETS.get(asked.set, asked)
    whole = start.model_copy(update={name: getattr(asked, name) for name in asked.model_fields_set})
    return start if whole == start else whole.model_copy(update={"set": "custom"})


def acceptance_faults(accept: str, *, scenery: bool = True) -> Iterator[OptionFault]:
    """Yield the faults of an `accept`, at most eight; a message names the limit.

    `scenery`: whether the picture shows a scene that Backdrop composes.
    """
    if accept in ("", "none", *SETS):
        return
    try:
        limits = AcceptanceLimits.model_validate_json(accept, extra="forbid")
    except ValidationError as error:
        for one in error.errors(include_url=False)[:8]:
            word = one["loc"][-1] if one["type"] == "extra_forbidden" else one["input"]
            near = difflib.get_close_matches(f"{word}"[:80], NAMES if one["loc"] else [*SETS, "none"], 1)
            remedy = f"Did you mean {near[0]}?" if near else f"Send {', '.join(SETS)}, none, or a JSON object of limits"
            about = f"{'.'.join(('accept', *map(str, one['loc'])))} is invalid. {one['msg']}. {remedy}"
            yield OptionFault("accept", "accept_invalid", about, f"{one['input']}"[:80])
        return
    for name, floor in (SCENERY_FLOORS if scenery else FLOORS).items():
        if (asked := getattr(limits, name)) is not None and asked < floor:
            about = f"accept.{name} is {asked}, which no picture can keep. Send {floor} or more, or null for no limit"
            yield OptionFault("accept", "accept_impossible", about, f"{asked}")


def _measured(report: Report) -> dict[str, float | None]:
    enlarged = [row.measured for row in report.preset if row.rule == "enlargement"]
    return {
        "fidelity_mean": report.fidelity.mean,
        "fidelity_p99": report.fidelity.p99,
        "palette_mean": report.palette.mean_delta_e00,
        "palette_worst": max((one.delta_e00 for one in report.palette.asked), default=None),
        "publishable": report.publishable,
        "cutout_confidence": report.cutout.confidence,
        "enlargement": enlarged[0] if enlarged and isinstance(enlarged[0], float | int) else None,
    }


def publishable(confidence: float, *, cropped: bool, plain: bool) -> float:
    """Return the probability, 0–1, that a person would publish a picture.

    `confidence`: the cut-out's, 0–1. `cropped`: whether the photo crops the product. `plain`: whether Backdrop
    composes no scene; only white and transparent ones were rated.
    """
    constant, doubt, *weights = PUBLISHABLE
    score = constant + doubt * math.log(1.02 - confidence) + weights[0] * cropped + weights[1] * plain
    return round(1 / (1 + math.exp(-score)), 3)


def most_bad(bad: int, accepted: int) -> float:
    """Return the upper 95 % limit of a share of `bad` among `accepted` (Clopper and Pearson, Biometrika 26, 1934)."""
    from scipy.special import betaincinv  # the API, which judges nothing, need not load it

    return 1.0 if bad >= accepted else float(betaincinv(bad + 1, accepted - bad, 0.95))


def judge(report: Report, warnings: Sequence[str], limits: AcceptanceLimits) -> list[Miss]:
    """Return the limits that a picture misses, by its report and its warnings' codes: also rules.NAME, warnings.CODE.

    A value that the report lacks is no miss: `unchecked` names it.
    """
    found = [
        Miss(limit=name, measured=value, bound=bound)
        for name, value in _measured(report).items()
        if value is not None and (bound := getattr(limits, name)) is not None
        if (value < bound if name in ("publishable", "cutout_confidence") else value > bound)
    ]
    failed = (row for row in report.preset if row.status == "fail" and row.rule in (limits.rules or ()))
    found += [Miss(limit=f"rules.{row.rule}", measured=row.measured, bound=row.bound) for row in failed]
    codes = (code for code in dict.fromkeys(warnings) if code in (limits.warnings or ()))
    return found + [Miss(limit=f"warnings.{code}", measured="present", bound="absent") for code in codes]


def unchecked(report: Report, limits: AcceptanceLimits) -> list[str] | None:
    """Return the limits for which the report has no value; None: it has all."""
    values = _measured(report).items()
    return [name for name, value in values if value is None and getattr(limits, name) is not None] or None


def in_words(found: AcceptanceReport) -> str:
    """Return sentences for a person that name each missed limit with its measured value and its bound."""
    missed = "; ".join(f"{one.limit} is {one.measured}, the limit is {one.bound}" for one in found.missed)
    return (
        f"The picture misses limits of accept={found.set}. {missed}. Pictures made: {len(found.tries)}. Send another"
        " photo, scene or colours, or other limits."
    )
