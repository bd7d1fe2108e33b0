"""The catalogues' answers, and the place that a scene gives a product.

The API also passes on fields of the catalogue that are not listed here.
"""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class Mood(BaseModel):
    """A named mood."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(description="Name to use in a request.")
    title: str
    description: str


class Scene(Mood):
    """A named scene."""

    kind: str = Field(description="Its kind of set. `report.cutout.suits` lists kinds.")
    palette: list[str] = Field(description="Colours as #rrggbb for requests that send none.")


class PresetRule(BaseModel):
    """One rule of a place of publication."""

    model_config = ConfigDict(extra="allow")
    name: str
    text: str
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

    width: int | None = Field(description="Width in pixels; null: the product's own size decides.")
    height: int | None
    formats: list[str] = Field(description="jpeg, png, webp or avif. Backdrop uses the first that keeps all rules.")
    credits: int = Field(description="Cost of a swap in credits.")
    max_bytes: int | None
    background: str
    fill: float = Field(description="Share of the frame that the product fills, from 0 to 1.")
    margins: list[float]
    shadow: bool
    scene_allowed: bool
    scene_sibling: str | None = Field(None, description="The preset with a scene for the same place; null if none.")
    rules: list[PresetRule]
    source_url: str
    checked_on: str
    digital_source_type: str | None


class SceneItems(BaseModel):
    """The named scenes."""

    items: list[Scene]


class MoodItems(BaseModel):
    """The named moods."""

    items: list[Mood]


class PresetItems(BaseModel):
    """The output presets."""

    items: list[Preset]


class PlannedPlace(BaseModel):
    """Where preset and scene put the product, before `shift_x` and the other placement parameters."""

    box: list[float] = Field(
        description="Left, top, right and bottom of the product, as shares of the picture. A side that the photo crops"
        " may be outside the picture."
    )
    anchor: Literal["foot", "hook", "middle"] = Field(description="The point that `scale` and `turn` keep in place.")
    edges: list[Literal["left", "top", "right", "bottom"]] = Field(
        description="Sides of the picture that the product must touch, because the photo crops it there or it hangs."
    )
