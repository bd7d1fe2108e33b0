"""Acceptance: limits on a picture's report, the documented sets of them, and what a report misses. Reads no pixels."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from pipeline.core.order import OptionFault
from pipeline.report import AcceptanceReport, Miss, Report

#: Rules that `pipeline.delivery.preset_rules` checks on a file. No file can prove the others of a preset.
RULES = (
    "size", "min_side", "format", "bytes", "colour_profile", "camera_metadata", "fill", "margins", "enlargement",
    "white_border", "white_background", "white_edge", "shadow", "ai_marking", "content_credentials",
)  # fmt: skip
#: Warnings that the product in the picture may be wrong.
WRONG_PRODUCT = ("transparent_material_suspected", "several_subjects", "held_by_hand")
#: All warnings about the product, but for two that are limits of numbers: low_confidence and upscaled.
ABOUT_PRODUCT = (
    *WRONG_PRODUCT,
    *("subject_touches_edge", "scene_unsuited", "placement_unsure", "cropped", "frame_overridden"),
)
#: All warnings that a swap gives.
WARNINGS = (
    *ABOUT_PRODUCT,
    *("low_confidence", "upscaled"),
    *("copy_space_busy", "generator_fell_back", "background_upscaled", "background_busy"),
    *("layer_moved", "layer_reduced", "layer_left_out", "low_contrast", "logo_enlarged"),
)
#: Most pictures that Backdrop makes for one order, and most characters of the JSON text.
MAX_ATTEMPTS, MAX_JSON = 3, 4_000
#: Least and greatest value of each limit that is a number.
BOUNDS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("fidelity_mean", "fidelity_p99", "palette_mean", "palette_worst"), (0, 100)),
    "cutout_confidence": (0, 1),
    "enlargement": (0.01, 100),
}


@dataclass(frozen=True)
class AcceptanceLimits:
    """Limits on a report. None: not checked. Colour differences are CIEDE2000."""

    #: Greatest difference of the product's colours from its cut-out: on average, and in 99 % of its pixels.
    fidelity_mean: float | None = None
    fidelity_p99: float | None = None
    #: Greatest difference of the background's colours from the asked colours: on average, and of the worst.
    palette_mean: float | None = None
    palette_worst: float | None = None
    #: Rules of the place of publication that must not fail.
    rules: Literal["all"] | tuple[str, ...] | None = None
    #: Least confidence in the cut-out, 0–1.
    cutout_confidence: float | None = None
    #: Codes of warnings that must be absent.
    warnings: tuple[str, ...] | None = None
    #: Greatest factor by which the photo's product was enlarged.
    enlargement: float | None = None
    #: Whether the text on the product must read the same in the photo and in the file.
    text: bool | None = None
    #: Most pictures to make, 1 to MAX_ATTEMPTS.
    attempts: int = MAX_ATTEMPTS

    @property
    def set(self) -> str:
        """The name of the set that has these limits, or custom."""
        return next((name for name, limits in SETS.items() if limits == self), "custom")

    def held(self) -> dict[str, Any]:
        """Return the limits that are checked, and the attempts, by name, as JSON types."""
        held = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in held.items()}


#: The documented sets, the only place of their numbers; `docs/guides/callers/acceptance.md` repeats them.
SETS: Mapping[str, AcceptanceLimits] = {
    "standard": AcceptanceLimits(
        fidelity_mean=1.0,  # `pipeline.delivery.fidelity.MEAN` and P99: where the search for a file's quality ends
        fidelity_p99=3.0,
        palette_mean=5.0,  # `pipeline.colour.palette.MEAN_BAR` and WORST_BAR: the report's own `palette.bar`
        palette_worst=10.0,
        rules="all",
        cutout_confidence=0.878,  # `pipeline.cutout.confidence.LOW_CONFIDENCE`: warns of 12 % of good cut-outs
        warnings=WRONG_PRODUCT,
        enlargement=1.5,  # `pipeline.placement.place.MAX_ENLARGED`: the product looks soft above it
    ),
    "strict": AcceptanceLimits(
        fidelity_mean=1.0,
        fidelity_p99=3.0,
        palette_mean=5.0,
        palette_worst=10.0,
        rules="all",
        cutout_confidence=0.878,
        warnings=ABOUT_PRODUCT,
        enlargement=1.0,  # the photo has a pixel for each pixel of the product
    ),
}


def limits_of(accept: str) -> AcceptanceLimits | None:
    """Return the limits of a checked `accept`; None: it has none. Unknown keys are ignored, as of a newer release."""
    if accept in ("", "none"):
        return None
    if accept in SETS:
        return SETS[accept]
    asked = json.loads(accept)
    known = {one.name for one in fields(AcceptanceLimits)} & asked.keys()
    values: Any = {name: tuple(asked[name]) if isinstance(asked[name], list) else asked[name] for name in known}
    return replace(SETS.get(asked.get("set"), AcceptanceLimits()), **values)


def acceptance_faults(accept: str) -> Iterator[OptionFault]:
    """Yield the faults of an `accept`. A fault of one limit names it in its message."""
    if accept in ("", "none", *SETS):
        return
    if not accept.lstrip().startswith("{"):
        about = f"accept has no such set. {_near(accept, (*SETS, 'none'))} A JSON object of limits is possible, too"
        yield OptionFault("accept", "accept_unknown", about, accept[:80])
        return
    try:
        asked = json.loads(accept if len(accept) <= MAX_JSON else "")
    except (ValueError, RecursionError):
        about = f'accept must be JSON of at most {MAX_JSON:,} characters, such as {{"set": "strict"}}. Check its quotes'
        yield OptionFault("accept", "accept_invalid", about, accept[:80])
        return
    for name, value in asked.items():
        yield from _faults(name, value)


def _faults(name: str, value: Any) -> Iterator[OptionFault]:
    known = ("set", *(one.name for one in fields(AcceptanceLimits)))
    if name not in known:
        about = f"accept has no limit of that name. {_near(name, known)}"
        yield OptionFault("accept", "accept_limit_unknown", about, name[:80])
    elif name in ("rules", "warnings") and isinstance(value, list):
        there = RULES if name == "rules" else WARNINGS
        for one in value:
            if one not in there:
                about = f"accept.{name} has an entry that Backdrop does not check. {_near(f'{one}', there)}"
                yield OptionFault("accept", "accept_name_unknown", about, f"{one}"[:80])
    elif allowed := _allowed(name, value):
        yield OptionFault("accept", "accept_value_invalid", f"accept.{name} must be {allowed}", f"{value}"[:80])


def _allowed(name: str, value: Any) -> str:
    """Return what a limit's value must be, or nothing where it is right."""
    if name == "set":
        return "" if isinstance(value, str) and value in SETS else f"one of {', '.join(SETS)}"
    if name == "attempts":
        right = type(value) is int and 1 <= value <= MAX_ATTEMPTS
        return "" if right else f"a whole number from 1 to {MAX_ATTEMPTS}"
    if value is None:
        return ""
    if name == "text":
        return "" if isinstance(value, bool) else "true, false or null"
    if name == "rules":
        return "" if value == "all" else "all, a list of rules, or null"
    if name == "warnings":
        return "a list of warnings, or null"
    least, most = BOUNDS[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if number and least <= value <= most else f"a number from {least:g} to {most:g}, or null"


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean {near[0]}?" if near else f"Send one of {', '.join(known)}."


def judge(report: Report, warnings: Sequence[str], limits: AcceptanceLimits) -> list[Miss]:
    """Return the limits that a picture misses, by its report and the codes of its warnings.

    A missed rule is named rules.NAME, a warning warnings.CODE. A value that the report lacks misses nothing
    (`unchecked`).
    """
    found = [
        Miss(limit=name, measured=value, bound=bound)
        for name, value in _measured(report).items()
        if (bound := getattr(limits, name)) is not None and value is not None
        if (value < bound if name == "cutout_confidence" else value > bound)
    ]
    rules = RULES if limits.rules == "all" else limits.rules or ()
    found += [
        Miss(limit=f"rules.{row.rule}", measured=row.measured, bound=row.bound)
        for row in report.preset
        if row.status == "fail" and row.rule in rules
    ]
    found += [
        Miss(limit=f"warnings.{code}", measured="present", bound="absent")
        for code in dict.fromkeys(warnings)
        if code in (limits.warnings or ())
    ]
    return found


def unchecked(report: Report, limits: AcceptanceLimits) -> list[str] | None:
    """Return the limits for which the report has no value; None: it has all."""
    found = [name for name, value in _measured(report).items() if value is None and getattr(limits, name) is not None]
    return found or None


def _measured(report: Report) -> dict[str, float | None]:
    enlarged = [row.measured for row in report.preset if row.rule == "enlargement"]
    return {
        "fidelity_mean": report.fidelity.mean,
        "fidelity_p99": report.fidelity.p99,
        "palette_mean": report.palette.mean_delta_e00,
        "palette_worst": max((one.delta_e00 for one in report.palette.asked), default=None),
        "cutout_confidence": report.cutout.confidence,
        "enlargement": enlarged[0] if enlarged and isinstance(enlarged[0], float | int) else None,
    }


def in_words(found: AcceptanceReport) -> str:
    """Return sentences that name each missed limit with its measured value and its bound, for a person."""
    missed = "; ".join(f"{one.limit} is {one.measured}, the limit is {one.bound}" for one in found.missed)
    made = len(found.tries)
    return (
        f"The picture misses the limits of accept={found.set} after {made} {'try' if made == 1 else 'tries'}: {missed}."
        " Send another photo, scene or colours, or other limits in accept."
    )
