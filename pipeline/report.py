"""The report of a picture, defined once, field by field.

The JSON, the API's document (`service.schemas.openapi`) and the client's types (`backdrop_client.report`) come from
these records. The text in an `Annotated` describes its field. A field with a default is left out of the JSON where it
is None. Any other field is null there.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, is_dataclass
from typing import Annotated, Any, Literal

Status = Literal["pass", "warn", "fail", "unchecked"]


@dataclass(frozen=True)
class ColourMatch:
    """An asked colour, and the background's nearest colour to it."""

    colour: Annotated[str, "#rrggbb: the asked colour, or the scene's own."]
    nearest: Annotated[str, "#rrggbb: the background's main colour that is nearest."]
    delta_e00: Annotated[float, "CIEDE2000 between the two."]
    share: Annotated[float, "Share of the background, 0 to 1, that is nearer to this colour than to any other asked."]


@dataclass(frozen=True)
class FoundColour:
    """A main colour of the background."""

    colour: Annotated[str, "#rrggbb."]
    share: Annotated[float, "Share of the background, 0 to 1."]


@dataclass(frozen=True)
class AssignedColour:
    """A colour of the scene, and the surface that it was painted on."""

    colour: Annotated[str, "#rrggbb: the asked colour, or the surface's own."]
    surface: Annotated[str, "wall, floor, table, sky, sand, plinth, panel, props, lights, …"]
    share: Annotated[float, "Share of the background, 0 to 1."]
    asked: Annotated[bool, "Whether it is one of the asked colours; false: it is the surface's own."]


@dataclass(frozen=True)
class ColourBar:
    """Limits on the colours' errors, and whether the picture meets them."""

    mean: Annotated[float, "Limit on the mean CIEDE2000 over all colours."]
    worst: Annotated[float, "Limit on the CIEDE2000 of each colour."]
    met: bool


@dataclass(frozen=True)
class PaletteReport:
    """Asked colours and main colours of the delivered file, without the product."""

    asked: Annotated[list[ColourMatch], "Empty if the picture is transparent."]
    found: Annotated[list[FoundColour], "The main colours, the most present first."]
    mean_delta_e00: Annotated[float | None, "Mean CIEDE2000 over `asked`; null: nothing to compare."]
    bar: Annotated[ColourBar | None, "Absent if the picture is transparent."] = None
    assigned: Annotated[
        list[AssignedColour] | None,
        "The colour of each surface, the largest first. Empty: white or transparent picture. Absent: older picture.",
    ] = None


@dataclass(frozen=True)
class FidelityReport:
    """The product's colour difference inside its mask: the delivered file against the product's own pixels."""

    mean: Annotated[float | None, "CIEDE2000; null: the mask contains no fully covered pixel."]
    p99: Annotated[float | None, "CIEDE2000 that 99 of 100 pixels don't exceed."]
    max: Annotated[float | None, "CIEDE2000."]
    unit: Annotated[str, "CIEDE2000."]
    pixels: Annotated[int, "Number of compared pixels."]
    of_pixels: Annotated[int, "Number of pixels inside the mask. Above 400,000, Backdrop compares an even sample."]


@dataclass(frozen=True)
class RuleCheck:
    """The check of one rule of the place of publication, on the delivered file."""

    rule: Annotated[str, "Stable name: size, min_side, format, bytes, fill, margins, white_background, …"]
    measured: Annotated[
        float | str | list[float] | None,
        "The file's value, in the rule's unit. Pixels: size, min_side. Bytes: bytes. Shares 0 to 1: fill, margins,"
        " white_border, white_background. A factor: enlargement. 8-bit codes: white_edge, shadow. A number of tags:"
        " camera_metadata. A name: other rules. Null: none, or not measured.",
    ]
    bound: Annotated[
        float | str | list[float] | list[str] | None,
        "The rule's limit or required value, in the same unit. If the rule is unchecked, its text.",
    ]
    status: Annotated[Status, "unchecked: only a person can check this rule."]
    source_url: Annotated[str, "The page where the place of publication states the rule."]
    checked_on: Annotated[str, "Date when that page was last read, YYYY-MM-DD."]


@dataclass(frozen=True)
class CutoutReport:
    """The cut-out of the product from its photo."""

    confidence: Annotated[float, "0 to 1."]
    warnings: Annotated[list[str], "Codes, such as low_confidence."]
    cut_sides: Annotated[list[str], "Sides of the photo that crop the product: left, top, right, bottom."]
    where: Annotated[dict[str, list[list[int]]], "Boxes by warning: left, top, right, bottom, in pixels of the photo."]
    viewpoint: Annotated[dict[str, float], "Probability of above, side, …, 0 to 1; empty: no network classified it."]
    stance: Annotated[str | None, "standing, lying, hanging or cut_below."] = None
    stance_from: Annotated[Literal["guess", "caller"] | None, "Source of the stance: Backdrop's guess or you."] = None
    suits: Annotated[list[str] | None, "Kinds of scene that need no change: `kind` of GET /v1/scene-types."] = None
    elevation: Annotated[float | None, "Camera's downward angle in degrees: 0 level, 90 straight from above."] = None
    source_box: Annotated[list[float] | None, "Its box in the photo: left, top, right, bottom; shares 0 to 1."] = None
    placed_box: Annotated[list[float] | None, "Its box in the picture: left, top, right, bottom; shares 0 to 1."] = None
    subject: Annotated[list[float] | None, "The place that chose the product, as you sent it; absent: all."] = None


@dataclass(frozen=True)
class ExpansionReport:
    """How much a hub model that saw the product enlarged it in the background."""

    area: Annotated[float, "Growth of the product as a share of its area, measured by a network."]
    colour: Annotated[float, "Colour around the product: 0 is the drawing's colour, 1 the product's."]
    grew: Annotated[bool, "Whether the colours show growth; Backdrop never delivers such a background."]


@dataclass(frozen=True)
class TriedBackground:
    """A background that was generated and measured."""

    seed: int
    mean_delta_e00: Annotated[float | None, "Mean CIEDE2000 of the colours; null: none to compare."]
    worst_delta_e00: Annotated[float | None, "CIEDE2000 of the worst colour."]
    rejected: Annotated[
        Literal["grew", "withheld"] | None,
        "Reason for the rejection. grew: the model enlarged the product. withheld: its safety checker withheld it.",
    ] = None
    seconds: Annotated[float | None, "Seconds that a hub model took, its check included. Absent: none painted."] = None
    shadow: Annotated[
        Literal["kept", "missing", "elsewhere", "unknown"] | None,
        "The product's shadow in a hub model's painting; absent: no hub model painted.",
    ] = None
    expansion: Annotated[ExpansionReport | None, "Absent: no hub model saw the product."] = None


@dataclass(frozen=True)
class SceneReport:
    """The scene that you asked for, and the painted scene."""

    asked: Annotated[str, "Kind of scene."]
    painted: Annotated[str, "Kind of scene."]
    angle: Annotated[str | None, "Viewing angle: above or side; null: either."]
    changed: Annotated[str | None, "The change and its reason, in a sentence; null: no change."]


@dataclass(frozen=True)
class Provenance:
    """The networks, seeds and steps that made the picture."""

    networks: Annotated[
        dict[str, str],
        "By role (segmenter, …): name, version, device. device_warning: the networks that run on the CPU despite a GPU,"
        " and why.",
    ]
    seed: Annotated[int, "The seed that you sent, or a random seed."]
    kept_seed: Annotated[int | None, "The seed of the kept background."]
    attempts: Annotated[int, "Number of backgrounds that Backdrop made."]
    tried: list[TriedBackground]
    cutout: Annotated[str, "computed or cached; mended or subjects: from a mask that you gave."]
    cut_by: Annotated[str, "network, or the kind of mask that you gave."]
    background: Annotated[str, "computed or cached."]
    pinned: Annotated[bool, "Whether the background is a pinned brand's, the same for every product."]
    scene: Annotated[SceneReport | None, "Null: no scene is drawn."]
    timings: Annotated[dict[str, float], "Seconds by stage."]
    painted_by: Annotated[
        Literal["renderer"] | None, "Set if the renderer replaced `networks.generator`; absent: the generator painted."
    ] = None
    job_attempt: Annotated[int | None, "Number of the job's attempt that made the picture, from 1."] = None


@dataclass(frozen=True, kw_only=True)
class PlacementReport:
    """The placement that you asked for, and the rules that it breaks."""

    shift_x: Annotated[float, "To the right, as a share of the width."]
    shift_y: Annotated[float, "Down, as a share of the height."]
    scale: Annotated[float, "A factor on the product's size."]
    turn: Annotated[float, "Degrees, clockwise."]
    stance: Annotated[str | None, "auto, standing, lying, hanging or from_above; absent in older reports."] = None
    breaks: Annotated[list[str], "Rules that the picture would keep without this placement."]


@dataclass(frozen=True)
class PreviewReport:
    """The size of the full picture behind a preview. The measurements are of that picture."""

    width: Annotated[int, "Pixels."]
    height: Annotated[int, "Pixels."]


@dataclass(frozen=True)
class Report:
    """The measurements of a render, taken on the delivered file."""

    palette: PaletteReport
    fidelity: FidelityReport
    preset: Annotated[list[RuleCheck], "Each rule of the place of publication."]
    cutout: CutoutReport
    provenance: Provenance
    placement: Annotated[PlacementReport | None, "Absent: you asked for no placement."] = None
    preview: Annotated[PreviewReport | None, "Absent: the picture is no preview."] = None
    expansion: Annotated[ExpansionReport | None, "Absent: no hub model saw the product."] = None


def to_json(value: Any) -> Any:
    """Return a record of this file, or any of its values, as JSON types."""
    if is_dataclass(value):
        kinds = value.__dataclass_fields__
        held = {name: one for name, one in vars(value).items() if one is not None or kinds[name].default is MISSING}
        return to_json(held)
    if isinstance(value, Mapping):
        return {name: to_json(one) for name, one in value.items()}
    return [to_json(one) for one in value] if isinstance(value, list | tuple) else value
