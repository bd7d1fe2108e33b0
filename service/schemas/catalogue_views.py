"""The catalogues' answers, and the place that a scene gives a product.

The API also passes on fields of the catalogue that are not listed here.
"""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class Mood(BaseModel):
    """A named mood."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(description="Name to use in a request.")
    title: str = Field(description="Name to show to people.")
    description: str = Field(description="Description to show to people.")


class Scene(Mood):
    """A named scene."""

    kind: str = Field(description="Kind of set. `report.cutout.suits` lists kinds.")
    palette: list[str] = Field(description="Colours as #rrggbb for requests that send none.")


class PresetRule(BaseModel):
    """One rule of a place of publication."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(description="Stable name of the rule, as in `report.preset`.")
    text: str = Field(description="What the rule demands, in words.")
    source_url: str = Field(description="The place's own page with the rule.")
    checked_on: str = Field(description="The date on which the rule was last checked there.")


class Preset(Mood):
    """A place of publication, and the properties of its pictures."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "name": "shopify_product",
        "title": "Shopify product media",
        "description": "Square product media of a Shopify shop, sharp enough to zoom into.",
        "width": 2048,
        "height": 2048,
        "formats": ["jpeg", "webp", "png"],
        "credits": 2,
        "max_bytes": 20000000,
        "background": "scene",
        "fill": 0.7,
        "margins": [0.08, 0.08, 0.08, 0.08],
        "shadow": True,
        "scene_allowed": True,
        "scene_sibling": None,
        "rules": [
            {
                "name": "bytes",
                "text": "At most 20 MB.",
                "source_url": "https://shopify.dev/docs/apps/online-store/media/products",
                "checked_on": "2026-11-24",
            }
        ],
        "source_url": "https://shopify.dev/docs/apps/online-store/media/products",
        "checked_on": "2026-11-24",
        "digital_source_type": "compositeWithTrainedAlgorithmicMedia",
    }

    width: int | None = Field(description="Width in pixels; null: the photo's own width.")
    height: int | None = Field(description="Height in pixels; null: the photo's own height.")
    formats: list[str] = Field(description="jpeg, png, webp or avif. Backdrop uses the first that keeps all rules.")
    credits: int = Field(description="Cost of a swap in credits.")
    max_bytes: int | None = Field(description="Largest file that the place accepts, in bytes; null: no known limit.")
    background: str = Field(description="scene: generated. white: pure white. transparent: none.")
    fill: float = Field(description="Share of the frame that the product fills, from 0 to 1.")
    margins: list[float] = Field(
        description="Smallest free margins at the left, top, right and bottom, as shares of the width or height."
    )
    shadow: bool = Field(description="Whether a soft shadow may fall on a white background.")
    scene_allowed: bool = Field(description="Whether a request may send a scene other than white.")
    scene_sibling: str | None = Field(None, description="The preset with a scene for the same place; null if none.")
    rules: list[PresetRule] = Field(description="Rules of the place, each with its source.")
    source_url: str = Field(description="Page where the place states its requirements.")
    checked_on: str = Field(description="The date on which that page was last read, YYYY-MM-DD.")
    digital_source_type: str | None = Field(
        description="IPTC DigitalSourceType that marks the preset's files; null: no mark."
    )


class SceneItems(BaseModel):
    """The named scenes."""

    items: list[Scene] = Field(description="All scenes of the catalogue.")


class MoodItems(BaseModel):
    """The named moods."""

    items: list[Mood] = Field(description="All moods of the catalogue.")


class PresetItems(BaseModel):
    """The output presets."""

    items: list[Preset] = Field(description="All presets of the catalogue.")


class PlannedPlace(BaseModel):
    """Where preset and scene put the product, before `shift_x` and the other placement parameters."""

    box: list[float] = Field(
        description="Left, top, right and bottom of the product, as shares of the picture. A side that the photo crops"
        " may be outside the picture."
    )
    anchor: Literal["foot", "hook", "middle"] = Field(description="The point that `scale` and `turn` keep in place.")
    edges: list[Literal["left", "top", "right", "bottom"]] = Field(
        description="Sides of the picture that the product must touch, because the photo crops it there."
    )
