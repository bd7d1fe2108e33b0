"""The spec of a swap."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backdrop_client.photo import Photo

#: Fields that the request sends in its query.
_IN_QUERY = (
    "seed", "shift_x", "shift_y", "scale", "turn", "stance", "width", "height", "format", "quality", "props",
    "colors_on", "background", "background_color", "background_image", "background_render", "background_fit",
    "background_x", "background_y", "background_zoom", "shadow", "shadow_strength", "shadow_softness",
    "shadow_direction", "margins", "align", "copy_space",
)  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """The scene around the product, and the preset for the picture's place of publication.

    The server checks it. `plan` returns errors, warnings and the cost before anything is charged.
    """

    #: A scene from `scene_types()`, or free text.
    scene: str
    #: A mood from `moods()`, or free text.
    mood: str
    #: A preset from `output_presets()`.
    preset: str
    #: Up to six colours, largest area first: #rrggbb, a CSS name or rgb(r, g, b). A single text is one colour.
    colors: Sequence[str] | str = ()
    #: A brand from `brands()`, which fills in missing fields. Another name is only recorded.
    brand: str | None = None
    #: 0 to 2**31 - 1. The same seed and spec repeat the same background. None: the server draws one.
    seed: int | None = None
    #: Shift of the product to the right and down, in shares of the picture's width and height, -0.5 to 0.5.
    shift_x: float = 0.0
    shift_y: float = 0.0
    #: Factor on the product's size in the preset, 0.3 to 2.
    scale: float = 1.0
    #: Rotation in degrees, clockwise, -45 to 45.
    turn: float = 0.0
    #: How the product is placed: "standing", "lying", "hanging" or "from_above". With "auto" the server decides from
    #: the photo.
    stance: str = field(default="auto", kw_only=True)
    #: Size in pixels in place of the preset's, 64 to 4096 a side. Give both or neither.
    width: int | None = None
    height: int | None = None
    #: Format in place of the preset's: "jpeg", "png", "webp" or "avif".
    format: str | None = None
    #: First quality to try, 1 to 100. Backdrop raises it until the product keeps its colours.
    quality: int | None = None
    #: Props next to the product: "scene" (the scene's own), "few" (at most one) or "none".
    props: str = field(default="scene", kw_only=True)
    #: Colours by surface, such as "wall:#f4ead9,floor:#5b3a26". `plan` lists the surfaces. "accent" means stand, panel
    #: and props.
    colors_on: str = field(default="", kw_only=True)
    #: What goes behind the product: "scene", "color", "image", "reference" or "render".
    background: str = field(default="scene", kw_only=True)
    #: Colour of the background "color".
    background_color: str = field(default="", kw_only=True)
    #: The picture of the backgrounds "image" and "reference": the key of an upload, or a path, bytes or file, which the
    #: client uploads for each call. With an idempotency key of your own, upload it once and give its key.
    background_image: Photo = field(default="", kw_only=True)
    #: Public id of the earlier render of the background "render".
    background_render: str = field(default="", kw_only=True)
    #: How that picture fills the canvas: "cover", "contain" or "position".
    background_fit: str = field(default="cover", kw_only=True)
    #: Its point that stays visible, in shares of its width and height, and its enlargement, 1 to 4, for "position".
    background_x: float = field(default=0.5, kw_only=True)
    background_y: float = field(default=0.5, kw_only=True)
    background_zoom: float = field(default=1.0, kw_only=True)
    #: The product's shadow: "scene", "none", "soft", "hard" or "floating".
    shadow: str = field(default="scene", kw_only=True)
    #: How dark and how soft it is, 0 to 1. None: the shadow's own.
    shadow_strength: float | None = field(default=None, kw_only=True)
    shadow_softness: float | None = field(default=None, kw_only=True)
    #: Where it falls, in degrees: 0 is away from the viewer, 90 to the right, 180 towards the viewer, 270 to the left.
    shadow_direction: float | None = field(default=None, kw_only=True)
    #: Free space around the product, as "10%" or "40px 8%", in the order of CSS: top, right, bottom, left.
    margins: str = field(default="", kw_only=True)
    #: Where the product is within it, such as "center" or "bottom_left".
    align: str = field(default="preset", kw_only=True)
    #: The side that stays free for copy: "left", "right" or "top".
    copy_space: str = field(default="none", kw_only=True)
    #: Text and logos: up to 8 layers, or "template:NAME" (guide to layers).
    layers: Sequence[Mapping[str, Any]] | str = field(default="", kw_only=True)
    #: Limits that the picture must keep: "standard", "strict", "none", or limits by name (guide to acceptance).
    accept: Mapping[str, Any] | str = field(default="", kw_only=True)
    #: Up to 16 pairs of your own, which the job, its render and its webhook message repeat.
    metadata: Mapping[str, str] = field(default_factory=dict)
    #: A point (x, y) on the product, or a box (left, top, right, bottom) around it. In shares 0 to 1 of the upright
    #: photo's width and height. None: all objects that stand out.
    subject: Sequence[float] | None = None

    def __post_init__(self) -> None:
        """Replace a single colour by a list, because a text is a sequence of letters."""
        if isinstance(self.colors, str):
            object.__setattr__(self, "colors", (self.colors,))

    def query(self) -> dict[str, str | int | list[str]]:
        """Return the request's query, without default values."""
        given = {name: getattr(self, name) for name in _IN_QUERY if getattr(self, name) != getattr(Spec, name)}
        query = {name: value if isinstance(value, int) else str(value) for name, value in given.items()}
        for name, one in self._texts().items():
            query[name] = one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        if self.subject is not None:
            query["subject"] = ",".join(map(repr, map(float, self.subject)))
        pairs = [f"{name}:{value}" for name, value in self.metadata.items()]
        return query | ({"metadata": pairs} if pairs else {})

    def options(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, as the JSON of an order has them."""
        names = [name for name in _IN_QUERY if name != "seed"]
        given = {name: getattr(self, name) for name in names if getattr(self, name) != getattr(Spec, name)}
        return given | self._texts()

    def _texts(self) -> dict[str, Any]:
        """Return the options that a query has as JSON texts, if they are set."""
        layers = self.layers if isinstance(self.layers, str) else list(self.layers)
        accept = self.accept if isinstance(self.accept, str) else dict(self.accept)
        return {name: one for name, one in (("layers", layers), ("accept", accept)) if one}

    def body(self, *, source_key: str | None, source_render: str | None) -> dict[str, Any]:
        """Return the request's JSON without missing fields, so that older servers accept it."""
        body: dict[str, Any] = {
            "source_image_s3_key": source_key,
            "source_render_public_id": source_render,
            "scene_type": self.scene,
            "mood": self.mood,
            "dominant_colors": list(self.colors),
            "output_preset": self.preset,
            "pilot_brand": self.brand,
        }
        return {name: value for name, value in body.items() if value is not None}
