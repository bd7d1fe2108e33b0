"""The report that goes with every picture, field by field: the only spelling of it.

JSON, the API's document (`service.schemas.openapi`) and the client's types (`backdrop_client.report`) follow from these
records. The text of an `Annotated` describes a field. A field that has a default is absent from the JSON where it is
None; another field is null there.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, is_dataclass
from typing import Annotated, Any, Literal

Status = Literal["pass", "warn", "fail", "unchecked"]


@dataclass(frozen=True)
class ColourMatch:
    """A colour that was asked for, and the background's nearest to it."""

    colour: Annotated[str, "#rrggbb: as it was asked for, or the scene's own."]
    nearest: Annotated[str, "#rrggbb: the background's main colour that is nearest."]
    delta_e00: Annotated[float, "CIEDE2000 between the two."]
    share: Annotated[float, "Share of the background (0 to 1) that is nearer to it than to any other asked."]


@dataclass(frozen=True)
class FoundColour:
    """A main colour of the background."""

    colour: Annotated[str, "#rrggbb."]
    share: Annotated[float, "Share of the background, 0 to 1."]


@dataclass(frozen=True)
class AssignedColour:
    """A colour of the scene, and the surface that has it."""

    colour: Annotated[str, "#rrggbb: as it was asked for, or the surface's own."]
    surface: Annotated[str, "wall, floor, table, sky, sand, plinth, panel, props, lights, …"]
    share: Annotated[float, "Share of the background, 0 to 1."]
    asked: Annotated[bool, "Whether it is one of the colours asked for; else the surface has its own."]


@dataclass(frozen=True)
class ColourBar:
    """Bars for the colours' errors, and whether they are met."""

    mean: Annotated[float, "CIEDE2000 that the mean over all colours may have."]
    worst: Annotated[float, "CIEDE2000 that any colour may have."]
    met: bool


@dataclass(frozen=True)
class PaletteReport:
    """Asked and found colours of the delivered file, the product left out."""

    asked: Annotated[list[ColourMatch], "Empty of a transparent picture."]
    found: Annotated[list[FoundColour], "The main colours, the most present first."]
    mean_delta_e00: Annotated[float | None, "Mean CIEDE2000 over `asked`; null: nothing to compare."]
    bar: Annotated[ColourBar | None, "Absent of a transparent picture."] = None
    assigned: Annotated[
        list[AssignedColour] | None,
        "Which colour went on what, the largest first. Empty of a white or transparent picture; absent of old ones.",
    ] = None


@dataclass(frozen=True)
class FidelityReport:
    """How far the product in the delivered file is from its own pixels, inside its mask."""

    mean: Annotated[float | None, "CIEDE2000; null: the mask holds no whole pixel."]
    p99: Annotated[float | None, "CIEDE2000 that 99 of 100 pixels don't exceed."]
    max: Annotated[float | None, "CIEDE2000."]
    unit: Annotated[str, "CIEDE2000."]
    pixels: Annotated[int, "Pixels that were compared."]
    of_pixels: Annotated[int, "Pixels inside the mask: above 400,000 an even sample is compared."]


@dataclass(frozen=True)
class RuleCheck:
    """A rule of the place of publication, on the delivered file."""

    rule: Annotated[str, "Stable name: size, min_side, format, bytes, fill, margins, white_background, …"]
    measured: Annotated[
        float | str | list[float] | None,
        "What the file has, in the rule's unit: pixels (size, min_side), bytes, shares 0 to 1 (fill, margins,"
        " white_border, white_background), a factor (enlargement), 8-bit codes (white_edge, shadow), a number of tags"
        " (camera_metadata), or a name. Null: none, or not measured.",
    ]
    bound: Annotated[
        float | str | list[float] | list[str] | None,
        "What the rule asks for, in the same unit; of an unchecked rule its text.",
    ]
    status: Annotated[Status, "unchecked: it takes a person to tell whether the rule is kept."]
    source_url: Annotated[str, "The place's own page."]
    checked_on: Annotated[str, "The day on which it was read, YYYY-MM-DD."]


@dataclass(frozen=True)
class CutoutReport:
    """How the product was found in its photo."""

    confidence: Annotated[float, "0 to 1."]
    warnings: Annotated[list[str], "Codes of what is doubtful."]
    cut_sides: Annotated[list[str], "Sides of the photo that cut the product: left, top, right, bottom."]
    where: Annotated[dict[str, list[list[int]]], "By warning its boxes: left, top, right, bottom; pixels of the photo."]
    viewpoint: Annotated[dict[str, float], "How sure the network is (0 to 1) of above, side, …; empty: none was asked."]
    stance: Annotated[str | None, "standing, lying, hanging or cut_below."] = None
    stance_from: Annotated[Literal["guess", "caller"] | None, "Who says so: our guess, or the caller's word."] = None
    suits: Annotated[list[str] | None, "Kinds of scene shown as they are: `kind` of GET /v1/scene-types."] = None
    elevation: Annotated[float | None, "Degrees from which the camera looked down: 0 level, 90 from above."] = None
    source_box: Annotated[list[float] | None, "Its box in the photo: left, top, right, bottom; shares 0 to 1."] = None
    placed_box: Annotated[list[float] | None, "Its box in the picture: left, top, right, bottom; shares 0 to 1."] = None
    subject: Annotated[list[float] | None, "Which product was meant, as it was asked; absent: all."] = None


@dataclass(frozen=True)
class ExpansionReport:
    """How much a hub model that saw the product painted on it."""

    area: Annotated[float, "Share of the product's area by which it has grown, as a network sees it."]
    colour: Annotated[float, "How far the surroundings have come from the drawing's colour, 0, to the product's, 1."]
    grew: Annotated[bool, "Its colours say so: such a background is never delivered."]


@dataclass(frozen=True)
class TriedBackground:
    """A background that was made and measured."""

    seed: int
    mean_delta_e00: Annotated[float | None, "Mean CIEDE2000 of the colours; null: none to compare."]
    worst_delta_e00: Annotated[float | None, "CIEDE2000 of the worst colour."]
    rejected: Annotated[
        Literal["grew", "withheld"] | None,
        "Why it can't be delivered: the model painted the product on, or its safety checker let nothing out.",
    ] = None
    seconds: Annotated[float | None, "What a hub model's painting took, with the look at it. Absent: none painted."] = (
        None
    )
    shadow: Annotated[
        Literal["kept", "missing", "elsewhere", "unknown"] | None,
        "What a hub model made of the product's shadow; absent: none painted.",
    ] = None
    expansion: Annotated[ExpansionReport | None, "Absent: no hub model saw the product."] = None


@dataclass(frozen=True)
class SceneReport:
    """The scene that was asked for and the one that was painted."""

    asked: Annotated[str, "Kind of scene."]
    painted: Annotated[str, "Kind of scene."]
    angle: Annotated[str | None, "From where it is shown: above or side; null: either."]
    changed: Annotated[str | None, "What was changed and why, in a sentence; null: nothing."]


@dataclass(frozen=True)
class Provenance:
    """What made the picture."""

    networks: Annotated[
        dict[str, str],
        "By role (segmenter, …): name, version, device. device_warning: what runs beside the GPU on the CPU, and why.",
    ]
    seed: Annotated[int, "The seed that was asked for, or drawn."]
    kept_seed: Annotated[int | None, "The seed of the background that was kept."]
    attempts: Annotated[int, "Backgrounds that were made."]
    tried: list[TriedBackground]
    cutout: Annotated[str, "computed, cached, or of a mask that its client gave: mended, subjects."]
    cut_by: Annotated[str, "network, or by whose mask."]
    background: Annotated[str, "computed or cached."]
    pinned: Annotated[bool, "It is a pinned brand's background, the same for every product."]
    scene: Annotated[SceneReport | None, "Null: no scene is drawn."]
    timings: Annotated[dict[str, float], "Seconds by stage."]
    painted_by: Annotated[
        Literal["renderer"] | None, "What painted the background in place of `networks.generator`; absent: that did."
    ] = None
    job_attempt: Annotated[int | None, "The job's attempt that made it, from 1."] = None


@dataclass(frozen=True, kw_only=True)
class PlacementReport:
    """Where the product was moved, and how it was said to stand, as the submit asked."""

    shift_x: Annotated[float, "To the right, as a share of the width."]
    shift_y: Annotated[float, "Down, as a share of the height."]
    scale: Annotated[float, "A factor."]
    turn: Annotated[float, "Degrees, clockwise."]
    stance: Annotated[str | None, "auto, standing, lying, hanging or from_above; absent of older reports."] = None
    breaks: Annotated[list[str], "Rules that are kept without it."]


@dataclass(frozen=True)
class PreviewReport:
    """The picture that a preview stands for, which the measurements are of."""

    width: Annotated[int, "Pixels."]
    height: Annotated[int, "Pixels."]


@dataclass(frozen=True)
class Report:
    """The measurements of a render, on the delivered file."""

    palette: PaletteReport
    fidelity: FidelityReport
    preset: Annotated[list[RuleCheck], "Each rule of the place of publication."]
    cutout: CutoutReport
    provenance: Provenance
    placement: Annotated[PlacementReport | None, "Absent: nothing of it was asked."] = None
    preview: Annotated[PreviewReport | None, "Absent: it is no preview."] = None
    expansion: Annotated[ExpansionReport | None, "Absent: no hub model saw the product."] = None


def to_json(value: Any) -> Any:
    """Return a record of this file, or anything that it holds, as JSON has it."""
    if is_dataclass(value):
        kinds = value.__dataclass_fields__
        held = {name: one for name, one in vars(value).items() if one is not None or kinds[name].default is MISSING}
        return to_json(held)
    if isinstance(value, Mapping):
        return {name: to_json(one) for name, one in value.items()}
    return [to_json(one) for one in value] if isinstance(value, list | tuple) else value
