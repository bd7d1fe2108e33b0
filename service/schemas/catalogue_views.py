"""The catalogues as the API lists them, and the place that they give a product.

What the catalogue says beyond these fields is passed on.
"""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class Mood(BaseModel):
    """A mood that has a name."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(description="What a request calls it.")
    title: str
    description: str


class Scene(Mood):
    """A scene that has a name."""

    kind: str = Field(description="What it is built as: `report.cutout.suits` names kinds.")
    palette: list[str] = Field(description="#rrggbb: its colours where none are asked for.")


class PresetRule(BaseModel):
    """One rule of a place of publication."""

    model_config = ConfigDict(extra="allow")
    name: str
    text: str
    source_url: str = Field(description="The place's own page.")
    checked_on: str = Field(description="The day on which it was read.")


class Preset(Mood):
    """A place of publication, and what its pictures are."""

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
                "text": "20 MB at most.",
                "source_url": "https://shopify.dev/docs/apps/online-store/media/products",
                "checked_on": "2026-11-24",
            }
        ],
        "source_url": "https://shopify.dev/docs/apps/online-store/media/products",
        "checked_on": "2026-11-24",
        "digital_source_type": "compositeWithTrainedAlgorithmicMedia",
    }

    width: int | None = Field(description="Pixels; null: as the product is.")
    height: int | None
    formats: list[str] = Field(description="jpeg, png, webp, avif: the first that keeps all rules is delivered.")
    credits: int = Field(description="What a swap for it costs.")
    max_bytes: int | None
    background: str
    fill: float = Field(description="The share of the frame that the product takes, 0 to 1.")
    margins: list[float]
    shadow: bool
    scene_allowed: bool
    scene_sibling: str | None = Field(None, description="The preset with a scene beside one without.")
    rules: list[PresetRule]
    source_url: str
    checked_on: str
    digital_source_type: str | None


class SceneItems(BaseModel):
    """The scenes that have a name."""

    items: list[Scene]


class MoodItems(BaseModel):
    """The moods that have a name."""

    items: list[Mood]


class PresetItems(BaseModel):
    """The places of publication."""

    items: list[Preset]


class PlannedPlace(BaseModel):
    """Where preset and scene put the product by themselves: what a placement moves it from."""

    box: list[float] = Field(
        description="Left, top, right, bottom of the product, shares of the picture; a side that the photo cuts may be"
        " beyond it."
    )
    anchor: Literal["foot", "hook", "middle"] = Field(description="What `scale` and `turn` leave where it is.")
    edges: list[Literal["left", "top", "right", "bottom"]] = Field(
        description="Sides of the picture that the product has to reach, since the photo cuts it there or it hangs."
    )
