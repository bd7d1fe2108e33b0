"""A render's report as the document describes it, field by field; what is told is what was stored.

Reports are data of the release that made them: one that lacks a field of today, or has one more, is told as it is.
"""

from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field, PrivateAttr, model_serializer

_SHARES = "left, top, right, bottom, as shares of width and height (0 to 1)"


class ColourMatch(BaseModel):
    """A colour that was asked for, and what came of it."""

    colour: str = Field(description="#rrggbb: as it was asked for, or the scene's own.")
    nearest: str = Field(description="#rrggbb: the background's main colour that is nearest.")
    delta_e00: float = Field(description="CIEDE2000 between the two.")
    share: float = Field(description="Share of the background (0 to 1) that is nearer to it than to any other asked.")


class FoundColour(BaseModel):
    """A main colour of the background."""

    colour: str = Field(description="#rrggbb.")
    share: float = Field(description="Share of the background, 0 to 1.")


class AssignedColour(BaseModel):
    """A colour of the scene, and what has it."""

    colour: str = Field(description="#rrggbb: as it was asked for, or the surface's own.")
    surface: str = Field(description="wall, floor, table, sky, sand, plinth, panel, props, lights, …")
    share: float = Field(description="Share of the background, 0 to 1.")
    asked: bool = Field(description="Whether it is one of the colours asked for; else the surface has its own.")


class ColourBar(BaseModel):
    """What counts as met."""

    mean: float = Field(description="CIEDE2000 that the mean over all colours may have.")
    worst: float = Field(description="CIEDE2000 that any colour may have.")
    met: bool


class PaletteReport(BaseModel):
    """Asked and found colours of the delivered file, the product left out."""

    asked: list[ColourMatch] = Field(description="Empty of a transparent picture.")
    found: list[FoundColour] = Field(description="The main colours, the most present first.")
    mean_delta_e00: float | None = Field(description="Mean CIEDE2000 over `asked`; null: nothing to compare.")
    bar: ColourBar | None = Field(None, description="Absent of a transparent picture.")
    assigned: list[AssignedColour] | None = Field(
        None,
        description="Which colour went on what, the largest first: each surface has one that such a thing has in the"
        " world. Empty of a white or transparent picture; absent of pictures made before this field was.",
    )


class FidelityReport(BaseModel):
    """How far the product in the delivered file is from its own pixels, inside its mask."""

    mean: float | None = Field(description="CIEDE2000; null: the mask holds no whole pixel.")
    p99: float | None = Field(description="CIEDE2000 that 99 of 100 pixels don't exceed.")
    max: float | None = Field(description="CIEDE2000.")
    unit: str = Field(description="CIEDE2000.")
    pixels: int = Field(description="Pixels that were compared.")
    of_pixels: int = Field(description="Pixels inside the mask: above 400,000 an even sample is compared.")


class RuleCheck(BaseModel):
    """A rule of the place of publication, on the delivered file."""

    rule: str = Field(description="Stable name: size, min_side, format, bytes, fill, margins, white_background, …")
    measured: float | str | list[float] | None = Field(
        description="What the file has, in the rule's unit: pixels (size, min_side), bytes, shares 0 to 1 (fill,"
        " margins, white_border, white_background), a factor (enlargement), 8-bit codes (white_edge, shadow), a number"
        " of tags (camera_metadata), or a name. Null: none, or not measured."
    )
    bound: float | str | list[float] | list[str] | None = Field(
        description="What the rule asks for, in the same unit; of an unchecked rule its text."
    )
    status: Literal["pass", "warn", "fail", "unchecked"] = Field(
        description="unchecked: it takes a person to tell whether the rule is kept."
    )
    source_url: str = Field(description="The place's own page.")
    checked_on: str = Field(description="The day on which it was read, YYYY-MM-DD.")


class CutoutReport(BaseModel):
    """How the product was found in its photo."""

    confidence: float = Field(description="0 to 1.")
    warnings: list[str] = Field(description="Codes of what is doubtful.")
    cut_sides: list[str] = Field(description="Sides of the photo that cut the product: left, top, right, bottom.")
    where: dict[str, list[list[int]]] = Field(
        description="By warning the boxes that it is about: left, top, right, bottom in pixels of the photo."
    )
    viewpoint: dict[str, float] = Field(
        description="How sure the network is (0 to 1) of above, side, …; empty: none was asked."
    )
    elevation: float | None = Field(
        None, description="Degrees from which the camera looked down: 0 level, 90 from above."
    )
    stance: str | None = Field(None, description="standing, lying, hanging or cut_below.")
    stance_from: Literal["guess", "caller"] | None = Field(
        None, description="Who says so: our guess from the photo, or `stance` of the submit."
    )
    suits: list[str] | None = Field(
        None, description="Kinds of scene that are shown as they are: `kind` of GET /v1/scene-types."
    )
    source_box: list[float] | None = Field(None, description=f"The product's box in the photo: {_SHARES}.")
    placed_box: list[float] | None = Field(None, description=f"Its box in the picture: {_SHARES}.")
    subject: list[float] | None = Field(None, description="Which product was meant, as it was asked; absent: all.")


class ExpansionReport(BaseModel):
    """How much a hub model that saw the product painted on it."""

    area: float = Field(description="Share of the product's area by which it has grown, as a network sees it.")
    colour: float = Field(
        description="How far what surrounds the product has come from the drawing's colour, 0, to its edge's, 1."
    )
    grew: bool = Field(description="Its colours say so: such a background is never delivered.")


class TriedBackground(BaseModel):
    """A background that was made and measured."""

    seed: int
    mean_delta_e00: float | None = Field(description="Mean CIEDE2000 of the colours; null: none to compare.")
    worst_delta_e00: float | None = Field(description="CIEDE2000 of the worst colour.")
    shadow: Literal["kept", "missing", "elsewhere", "unknown"] | None = Field(
        None, description="What a hub model made of the product's shadow; absent: none painted."
    )
    expansion: ExpansionReport | None = Field(None, description="Absent: no hub model saw the product.")


class SceneReport(BaseModel):
    """The scene that was asked for and the one that was painted."""

    asked: str = Field(description="Kind of scene.")
    painted: str = Field(description="Kind of scene.")
    angle: str | None = Field(description="From where it is shown: above or side; null: either.")
    changed: str | None = Field(description="What was changed and why, in a sentence; null: nothing.")


class Provenance(BaseModel):
    """What made the picture."""

    networks: dict[str, str] = Field(
        description="By role (segmenter, generator, …): name, version, device. device_warning: what runs on the CPU"
        " although there is a GPU, and why."
    )
    seed: int = Field(description="The seed that was asked for, or drawn.")
    kept_seed: int | None = Field(description="The seed of the background that was kept.")
    attempts: int = Field(description="Backgrounds that were made.")
    tried: list[TriedBackground]
    cutout: str = Field(description="computed, cached, or of a mask that its client gave: mended, subjects.")
    cut_by: str = Field(description="network, or by whose mask.")
    background: str = Field(description="computed or cached.")
    pinned: bool = Field(description="It is a pinned brand's background, the same for every product.")
    scene: SceneReport | None = Field(description="Null: no scene is drawn.")
    timings: dict[str, float] = Field(description="Seconds by stage.")
    job_attempt: int | None = Field(None, description="The job's attempt that made it, from 1.")


class PlacementReport(BaseModel):
    """Where the product was moved, and how it was said to stand, as the submit asked."""

    shift_x: float = Field(description="To the right, as a share of the width.")
    shift_y: float = Field(description="Down, as a share of the height.")
    scale: float = Field(description="A factor.")
    turn: float = Field(description="Degrees, clockwise.")
    stance: str | None = Field(
        None, description="auto, standing, lying, hanging or from_above; absent of a release before."
    )
    breaks: list[str] = Field(description="Rules that are kept without it.")


class PreviewReport(BaseModel):
    """The picture that a preview stands for, which the measurements are of."""

    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")


class Report(BaseModel):
    """The measurements of a render, on the delivered file."""

    palette: PaletteReport
    fidelity: FidelityReport
    preset: list[RuleCheck] = Field(description="Each rule of the place of publication.")
    cutout: CutoutReport
    provenance: Provenance
    placement: PlacementReport | None = Field(None, description="Absent: nothing of it was asked.")
    expansion: ExpansionReport | None = Field(None, description="Absent: no hub model saw the product.")
    preview: PreviewReport | None = Field(None, description="Absent: it is no preview.")
    _stored: msgspec.Raw = PrivateAttr()

    @classmethod
    def of(cls, stored: msgspec.Raw) -> "Report":
        """Return a stored report, to be told as it is."""
        no_fields: dict[str, Any] = {}
        report = cls.model_construct(**no_fields)
        report._stored = stored
        return report

    @model_serializer
    def _as_stored(self) -> Any:
        return self._stored
