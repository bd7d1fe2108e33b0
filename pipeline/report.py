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

    colour: Annotated[str, "The asked colour as #rrggbb, or the scene's own if you asked for none."]
    nearest: Annotated[str, "The background's main colour that is nearest to it, as #rrggbb."]
    delta_e00: Annotated[float, "CIEDE2000 between `colour` and `nearest`."]
    share: Annotated[float, "Share of the background, 0 to 1, that is nearer to this colour than to the others."]


@dataclass(frozen=True)
class FoundColour:
    """A main colour of the background."""

    colour: Annotated[str, "The colour as #rrggbb."]
    share: Annotated[float, "Share of the background, 0 to 1."]


@dataclass(frozen=True)
class AssignedColour:
    """A colour of the scene, and the surface that it was painted on."""

    colour: Annotated[str, "The asked colour as #rrggbb, or the surface's own."]
    surface: Annotated[str, "Name of the surface, such as wall, floor, table, plinth or props."]
    share: Annotated[float, "Share of the background, 0 to 1."]
    asked: Annotated[bool, "Whether you asked for this colour. If false, it is the surface's own."]


@dataclass(frozen=True)
class ColourBar:
    """Limits on the colours' errors, and whether the picture meets them."""

    mean: Annotated[float, "Limit on the mean CIEDE2000 over all colours."]
    worst: Annotated[float, "Limit on the CIEDE2000 of each colour."]
    met: Annotated[bool, "Whether the colours meet both limits; true if there are no colours to compare."]


@dataclass(frozen=True)
class PaletteReport:
    """Asked colours and main colours of the delivered file, without the product."""

    asked: Annotated[list[ColourMatch], "Each asked colour and its match. Empty if the picture is transparent."]
    found: Annotated[list[FoundColour], "The main colours, the most present first."]
    mean_delta_e00: Annotated[float | None, "Mean CIEDE2000 over `asked`. Null if there is nothing to compare."]
    bar: Annotated[ColourBar | None, "The limits on the errors. Absent if the picture is transparent."] = None
    assigned: Annotated[
        list[AssignedColour] | None,
        "The colour of each surface, the largest first. Empty if the picture is white or transparent. Absent in older"
        " reports.",
    ] = None


@dataclass(frozen=True)
class FidelityReport:
    """The product's colour difference inside its mask: the delivered file against the product's own pixels."""

    mean: Annotated[float | None, "Mean CIEDE2000. Null if the mask contains no fully covered pixel."]
    p99: Annotated[float | None, "CIEDE2000 that 99 of 100 pixels don't exceed. Null if `mean` is null."]
    max: Annotated[float | None, "Largest CIEDE2000 of a pixel. Null if `mean` is null."]
    unit: Annotated[str, "Unit of the differences, always CIEDE2000."]
    pixels: Annotated[int, "Number of compared pixels."]
    of_pixels: Annotated[int, "Number of pixels inside the mask. Above 400,000, Backdrop compares an even sample."]


@dataclass(frozen=True)
class RuleCheck:
    """The check of one rule of the place of publication, on the delivered file."""

    rule: Annotated[str, "Stable name of the rule, such as size, format, bytes, fill or white_background."]
    measured: Annotated[
        float | str | list[float] | None,
        "The file's value, in the rule's unit. size and min_side are in pixels, bytes in bytes. fill, margins,"
        " white_border and white_background are shares, 0 to 1. enlargement is a factor. white_edge and shadow are"
        " 8-bit codes. camera_metadata is a number of tags. The value of other rules is a name. Null if the file has"
        " none, or if it is not measured.",
    ]
    bound: Annotated[
        float | str | list[float] | list[str] | None,
        "The rule's limit or required value, in the same unit. If the rule is unchecked, its text.",
    ]
    status: Annotated[Status, "Result of the check. unchecked means that only a person can check this rule."]
    source_url: Annotated[str, "The page where the place of publication states the rule."]
    checked_on: Annotated[str, "Date when that page was last read, YYYY-MM-DD."]


@dataclass(frozen=True)
class CutoutReport:
    """The cut-out of the product from its photo."""

    confidence: Annotated[float, "Probability, 0 to 1, that the cut-out's outline is right."]
    warnings: Annotated[list[str], "Codes of possible faults, such as low_confidence."]
    cut_sides: Annotated[list[str], "Sides of the photo that crop the product: left, top, right, bottom."]
    where: Annotated[dict[str, list[list[int]]], "Boxes by warning: left, top, right, bottom, in pixels of the photo."]
    viewpoint: Annotated[
        dict[str, float],
        "Probability of each viewpoint, such as above or side, 0 to 1. Empty if no network classified it.",
    ]
    stance: Annotated[str | None, "Stance of the product: standing, lying, hanging or cut_below."] = None
    stance_from: Annotated[
        Literal["guess", "caller"] | None, "Source of the stance: Backdrop's guess, or caller if you sent it."
    ] = None
    suits: Annotated[list[str] | None, "Kinds of scene that need no change, as `kind` in GET /v1/scene-types."] = None
    elevation: Annotated[float | None, "Camera's downward angle in degrees. 0 is level, 90 straight from above."] = None
    source_box: Annotated[
        list[float] | None, "The product's box in the photo: left, top, right, bottom, as shares 0 to 1."
    ] = None
    placed_box: Annotated[
        list[float] | None, "The product's box in the picture: left, top, right, bottom, as shares 0 to 1."
    ] = None
    subject: Annotated[
        list[float] | None, "The place that chose the product, as you sent it. Absent if you sent none."
    ] = None


@dataclass(frozen=True)
class ExpansionReport:
    """How much a hub model that saw the product enlarged it in the background."""

    area: Annotated[float, "Growth of the product as a share of its area, measured by a network."]
    colour: Annotated[float, "Colour around the product. 0 is the drawing's colour, 1 the product's."]
    grew: Annotated[bool, "Whether the colours show growth. Backdrop never delivers such a background."]


@dataclass(frozen=True)
class TriedBackground:
    """A background that was generated and measured."""

    seed: Annotated[int, "The seed of this background."]
    mean_delta_e00: Annotated[float | None, "Mean CIEDE2000 of the colours. Null if there are none to compare."]
    worst_delta_e00: Annotated[float | None, "CIEDE2000 of the worst colour. Null if `mean_delta_e00` is null."]
    rejected: Annotated[
        Literal["grew", "withheld"] | None,
        "Reason for the rejection, absent if there was none. grew: the model enlarged the product. withheld: its safety"
        " checker withheld the picture.",
    ] = None
    seconds: Annotated[float | None, "Seconds that a hub model took, its check included. Absent if none painted."] = (
        None
    )
    shadow: Annotated[
        Literal["kept", "missing", "elsewhere", "unknown"] | None,
        "The product's shadow in a hub model's painting. missing: the model painted none of it, or a part."
        " elsewhere: it painted a shadow that falls another way. unknown: Backdrop can't detect it. Absent if no hub"
        " model painted.",
    ] = None
    expansion: Annotated[ExpansionReport | None, "Growth of the product. Absent if no hub model saw it."] = None


@dataclass(frozen=True)
class SceneReport:
    """The scene that you asked for, and the painted scene."""

    asked: Annotated[str, "Kind of the requested scene."]
    painted: Annotated[str, "Kind of the painted scene."]
    angle: Annotated[str | None, "Viewing angle, above or side. Null if the scene shows no surface."]
    changed: Annotated[str | None, "The change and its reason, in a sentence. Null if nothing was changed."]
    own_view: Annotated[
        str | None, "The `stance` to send for the scene's own view. Null if nothing was changed, and in older reports."
    ] = None
    elevation: Annotated[float | None, "Camera's downward angle in degrees, as in `cutout.elevation`."] = None
    hovering: Annotated[
        int | None,
        "Number of feet that stand before a wall or a thing, or beyond a stand or a table, and of parts above a gap. If"
        " there are any, there is the warning placement_unsure.",
    ] = None


@dataclass(frozen=True)
class Provenance:
    """The networks, seeds and steps that made the picture."""

    networks: Annotated[
        dict[str, str],
        "Name, version and device of each network, by role such as segmenter. device_warning explains which networks"
        " run on the CPU despite a GPU, and why.",
    ]
    seed: Annotated[int, "The seed that you sent, or that Backdrop drew."]
    kept_seed: Annotated[int | None, "The seed of the kept background."]
    attempts: Annotated[int, "Number of backgrounds that Backdrop made."]
    tried: Annotated[list[TriedBackground], "Each background that Backdrop made, in order."]
    cutout: Annotated[
        str, "Origin of the cut-out: computed, cached, mended (your mask) or subjects (your choice of subjects)."
    ]
    cut_by: Annotated[str, "Origin of the mask: network, mended (your mask) or subjects (your choice of subjects)."]
    background: Annotated[str, "Origin of the background: computed or cached."]
    pinned: Annotated[bool, "Whether the background is a pinned brand's, the same for every product."]
    scene: Annotated[SceneReport | None, "The requested and the painted scene. Null if no scene is drawn."]
    timings: Annotated[dict[str, float], "Seconds of each stage, by its name."]
    painted_by: Annotated[
        Literal["renderer"] | None,
        "Set if the renderer replaced `networks.generator`. Absent if the generator painted.",
    ] = None
    job_attempt: Annotated[int | None, "Number of the job's attempt that made the picture, from 1."] = None


@dataclass(frozen=True, kw_only=True)
class BackgroundReport:
    """The background that you sent or named, and what Backdrop estimated from it."""

    source: Annotated[str, "Source of the background: color, image, reference or render."]
    fit: Annotated[str | None, "How your picture fills the canvas. Absent unless it is the background."] = None
    enlarged: Annotated[
        float | None, "Factor of its enlargement; above 1.5 it looks soft. Absent unless it is the background."
    ] = None
    horizon: Annotated[
        float | None, "Height of the horizon, in heights of the picture from the top. Negative if it is above."
    ] = None
    horizon_confidence: Annotated[float | None, "How much surer the horizon is than a guess, 0 to 1."] = None
    above: Annotated[float | None, "Probability, 0 to 1, that your picture was taken from straight above."] = None
    light_side: Annotated[float | None, "Side of the light: -1 is left, 1 is right."] = None
    light_confidence: Annotated[float | None, "Confidence in the side of the light, 0 to 1."] = None
    shadow_direction: Annotated[
        float | None, "Direction of the product's shadow in degrees, as in the request's shadow_direction."
    ] = None
    shadow_softness: Annotated[float | None, "Softness of the product's shadow, 0 to 1."] = None
    palette: Annotated[list[str] | None, "Main colours of your picture as #rrggbb, the most present first."] = None


@dataclass(frozen=True, kw_only=True)
class PlacementReport:
    """The placement that you asked for, and the rules that it breaks."""

    shift_x: Annotated[float, "Shift to the right, as a share of the width."]
    shift_y: Annotated[float, "Shift down, as a share of the height."]
    scale: Annotated[float, "A factor on the size that the preset gives the product."]
    turn: Annotated[float, "Clockwise turn in degrees."]
    stance: Annotated[
        str | None, "How the product is placed: auto, standing, lying, hanging or from_above. Absent in older reports."
    ] = None
    breaks: Annotated[list[str], "Rules that the picture would keep without this placement."]


@dataclass(frozen=True, kw_only=True)
class ShadowReport:
    """The product's shadow that you asked for."""

    mode: Annotated[str, "Kind of the shadow: scene, none, soft, hard or floating."]
    cast: Annotated[bool, "Whether a shadow of the product falls on the ground."]
    reason: Annotated[
        Literal["asked", "preset", "hanging", "cropped"] | None,
        "Why there is none. asked: you asked for none. preset: the place allows none. hanging: the product hangs."
        " cropped: the photo crops its foot. Absent if there is one.",
    ] = None
    strength: Annotated[float | None, "Strength of the shadow, 0 to 1. Absent without a shadow."] = None
    softness: Annotated[float | None, "Softness of the lamp, 0 to 1. Absent without a shadow."] = None
    direction: Annotated[
        float | None, "Direction in which it falls, in degrees as on a compass. Absent without a shadow."
    ] = None


@dataclass(frozen=True)
class CopyRoomReport:
    """The room for copy in the delivered picture, measured."""

    box: Annotated[
        list[float],
        "The measured room: left, top, right, bottom, as shares 0 to 1. In a scene with a floor it ends at the floor's"
        " edge.",
    ]
    deviation: Annotated[
        float, "Standard deviation of the lightness L* (0 to 100) in the room, without its even gradient."
    ]
    different: Annotated[float, "Share of the room, 0 to 1, whose L* is more than 10 from that gradient."]
    calm: Annotated[bool, "Whether `different` is 0.02 or less. If not, there is the warning copy_space_busy."]
    legible: Annotated[
        Literal["black", "white"] | None,
        "The text colour with a WCAG contrast of 4.5 or more on at least 95 % of the room. Null if neither has.",
    ]


@dataclass(frozen=True, kw_only=True)
class FrameReport:
    """The frame that you asked for, as achieved."""

    margins: Annotated[
        list[int], "Free pixels around the product in the picture, in the order of CSS: top, right, bottom, left."
    ]
    align: Annotated[str, "Where you aligned the product, preset if you did not."]
    copy_space: Annotated[str, "The side that you kept free for copy, or none."]
    copy_room: Annotated[
        CopyRoomReport | None, "Measurements of the room for copy. Absent if there is none, or no background."
    ] = None
    breaks: Annotated[list[str], "Rules that the picture would keep without this frame."]


@dataclass(frozen=True)
class PreviewReport:
    """The size of the full picture behind a preview. The measurements are of that picture."""

    width: Annotated[int, "Width of the full picture in pixels."]
    height: Annotated[int, "Height of the full picture in pixels."]


@dataclass(frozen=True)
class LayerContrast:
    """Contrast of a text's letters with what is behind them, as WCAG 2.2 defines it: 1 to 21."""

    minimum: Annotated[float, "Ratio that 99 of 100 pixels of the letters reach."]
    median: Annotated[float, "Median ratio of the letters' pixels."]
    required: Annotated[
        float,
        "Ratio of WCAG level AA for the letters' size: 4.5, or 3 for large letters. Backdrop assumes that the picture"
        " is shown with 1,000 pixels on its longer side.",
    ]


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """A text or a logo on the picture."""

    kind: Annotated[Literal["text", "logo"], "Kind of the layer."]
    drawn: Annotated[bool, "Whether it was drawn. If false, it had no place beside the product."]
    text: Annotated[str | None, "The text. Absent for a logo."] = None
    logo: Annotated[str | None, "The logo, as you sent it. Absent for a text."] = None
    font: Annotated[str | None, "Name of the font. Absent for a logo."] = None
    weight: Annotated[int | None, "Weight of the font that was used, 100 to 900."] = None
    lines: Annotated[list[str] | None, "The lines of the text."] = None
    size: Annotated[float | None, "Size of the letters in pixels."] = None
    color: Annotated[str | None, "Colour of the text as #rrggbb."] = None
    box: Annotated[list[int] | None, "Its box in the picture: left, top, right, bottom, in pixels."] = None
    shares: Annotated[list[float] | None, "The same box as shares of the picture's width and height, 0 to 1."] = None
    contrast: Annotated[
        LayerContrast | None, "Contrast of a text. Absent for a logo, and where nothing is behind a text."
    ] = None
    passes: Annotated[bool | None, "Whether `contrast.minimum` reaches `contrast.required`."] = None
    moved: Annotated[bool | None, "Whether it was moved onto the canvas, or away from the product."] = None
    scale: Annotated[float | None, "Factor on the ordered size; below 1 where the layer had no room."] = None
    over_product: Annotated[float | None, "Share of its pixels that cover the product, 0 to 1."] = None


@dataclass(frozen=True, kw_only=True)
class Miss:
    """A limit of the acceptance that a picture missed."""

    limit: Annotated[str, "Name of the limit, such as palette_mean. A rule is rules.NAME, a warning warnings.CODE."]
    measured: Annotated[
        float | str | list[float] | list[str] | None, "The picture's value, in the limit's unit. Null if it has none."
    ]
    bound: Annotated[float | str | list[float] | list[str] | None, "The limit's value."]


@dataclass(frozen=True, kw_only=True)
class AcceptanceTry:
    """A picture that Backdrop made and judged."""

    seed: Annotated[int, "The seed of this picture."]
    changed: Annotated[
        Literal["seed", "ground"] | None, "The change to the order: another seed, or a calmer ground. Absent at first."
    ] = None
    missed: Annotated[list[str], "Names of the limits that it missed. Empty if it was accepted."]


@dataclass(frozen=True, kw_only=True)
class AcceptanceReport:
    """The limits that the picture must keep, and whether it keeps them."""

    set: Annotated[str, "Name of the set of limits: standard, strict, or custom for limits of your own."]
    limits: Annotated[dict[str, float | bool | str | list[str]], "Each limit that was checked, by its name."]
    accepted: Annotated[bool, "Whether the picture keeps all limits."]
    missed: Annotated[list[Miss], "The limits that this picture misses. Empty if it is accepted."]
    tries: Annotated[list[AcceptanceTry], "Each picture that Backdrop made, in order."]
    unchecked: Annotated[list[str] | None, "Limits that could not be checked. Absent if there are none."] = None


@dataclass(frozen=True, kw_only=True)
class WatermarkReport:
    """The imperceptible watermark in the background."""

    installation: Annotated[str, "The installation that it names: 5 hexadecimal digits."]
    job: Annotated[str, "The last 6 characters of the job's id, which it names."]


@dataclass(frozen=True, kw_only=True)
class CredentialsReport:
    """The signed content credentials (C2PA) in the file."""

    issuer: Annotated[str, "The name in the certificate."]
    trusted: Annotated[
        bool, "Whether the operator set the certificate. If false, it is the installation's own, which no list trusts."
    ]


@dataclass(frozen=True, kw_only=True)
class MarksReport:
    """The machine-readable marks of how the picture was made. A mark that the file lacks is absent."""

    xmp: Annotated[str | None, "The IPTC term, DigitalSourceType, in the file's XMP packet."] = None
    c2pa: Annotated[CredentialsReport | None, "The signed content credentials."] = None
    watermark: Annotated[WatermarkReport | None, "The imperceptible watermark."] = None


@dataclass(frozen=True)
class Report:
    """The measurements of a render, taken on the delivered file."""

    palette: Annotated[PaletteReport, "Colours of the background."]
    fidelity: Annotated[FidelityReport, "Colour difference of the product."]
    preset: Annotated[list[RuleCheck], "Each rule of the place of publication, checked."]
    cutout: Annotated[CutoutReport, "The cut-out of the product."]
    provenance: Annotated[Provenance, "Networks, seeds and steps that made the picture."]
    placement: Annotated[PlacementReport | None, "The placement that you asked for. Absent if you asked for none."] = (
        None
    )
    frame: Annotated[FrameReport | None, "The frame that you asked for. Absent if you asked for none."] = None
    preview: Annotated[PreviewReport | None, "Size of the full picture. Absent unless this is a preview."] = None
    background: Annotated[
        BackgroundReport | None, "The background that you sent or named. Absent if the scene is Backdrop's own."
    ] = None
    expansion: Annotated[ExpansionReport | None, "Growth of the product. Absent if no hub model saw it."] = None
    shadow: Annotated[
        ShadowReport | None, "The shadow that you asked for. Absent if you asked for none of your own."
    ] = None
    layers: Annotated[list[LayerReport] | None, "Each text and logo. Absent if you asked for none."] = None
    alt: Annotated[str | None, "Text alternative of the picture, with its layers' texts. Absent without layers."] = None
    publishable: Annotated[
        float | None, "Probability, 0 to 1, that a person would publish the picture as it is. Absent in older reports."
    ] = None
    acceptance: Annotated[
        AcceptanceReport | None, "The limits that the picture must keep. Absent if there are none."
    ] = None
    marks: Annotated[MarksReport | None, "The marks in the file. Absent if there are none."] = None


def to_json(value: Any) -> Any:
    """Return a record of this file, or any of its values, as JSON types."""
    if is_dataclass(value):
        kinds = value.__dataclass_fields__
        held = {name: one for name, one in vars(value).items() if one is not None or kinds[name].default is MISSING}
        return to_json(held)
    if isinstance(value, Mapping):
        return {name: to_json(one) for name, one in value.items()}
    return [to_json(one) for one in value] if isinstance(value, list | tuple) else value
