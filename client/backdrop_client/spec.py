"""What a swap is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What of a spec is asked for beside the body.
_IN_QUERY = (
    "seed", "shift_x", "shift_y", "scale", "turn", "stance", "width", "height", "format", "quality", "props",
    "colors_on",
)  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """The scene that the product stands in, and where the picture will be published.

    The server checks it: `plan` says what is wrong or doubtful, and what it costs, before anything is charged.
    """

    #: A scene of `scene_types()`, or free text.
    scene: str
    #: A mood of `moods()`, or free text.
    mood: str
    #: A preset of `output_presets()`.
    preset: str
    #: Up to six, the most present first: #rrggbb, a CSS name or rgb(r, g, b). A text alone is one colour.
    colors: Sequence[str] | str = ()
    #: A brand of `brands()` fills in what is left out; another name is only recorded.
    brand: str | None = None
    #: 0 to 2**31 - 1: the same seed and spec give the same background. None: the server draws one.
    seed: int | None = None
    #: Where the product is moved: shares of the picture's width and height, right and down, -0.5 to 0.5.
    shift_x: float = 0.0
    shift_y: float = 0.0
    #: A factor on the size that the preset gives it, 0.3 to 2.
    scale: float = 1.0
    #: Degrees clockwise, -45 to 45.
    turn: float = 0.0
    #: How the product is placed, where you know it better than the server's guess from the photo ("auto"):
    #: "standing", "lying", "hanging" or "from_above".
    stance: str = field(default="auto", kw_only=True)
    #: A size of your own in place of the preset's, both or neither: sides of 64 to 4096 pixels.
    width: int | None = None
    height: int | None = None
    #: A format in place of the preset's: "jpeg", "png", "webp" or "avif".
    format: str | None = None
    #: 1 to 100, where the search for a quality starts; it rises until the product's colours arrive.
    quality: int | None = None
    #: What stands beside the product: "scene" (as the scene has it), "few" (one thing at most) or "none".
    props: str = field(default="scene", kw_only=True)
    #: Which of the colours goes on which surface, as "wall:#f4ead9,floor:#5b3a26"; `plan` lists the surfaces. "accent"
    #: stands for stand, panel and props.
    colors_on: str = field(default="", kw_only=True)
    #: Your own pairs, up to 16, told with the job, its render and its webhook.
    metadata: Mapping[str, str] = field(default_factory=dict)
    #: Which product of the photo is meant: a point (x, y) on it or a box (left, top, right, bottom) around it, shares 0
    #: to 1 of the upright photo's width and height. None: all that stands out.
    subject: Sequence[float] | None = None

    def __post_init__(self) -> None:
        """Make a list of one of a colour alone: its letters are none."""
        if isinstance(self.colors, str):
            object.__setattr__(self, "colors", (self.colors,))

    def query(self) -> dict[str, str | int | list[str]]:
        """Return the request's query, without what is left as it comes."""
        given = {name: getattr(self, name) for name in _IN_QUERY if getattr(self, name) != getattr(Spec, name)}
        query = {name: value if isinstance(value, int) else str(value) for name, value in given.items()}
        if self.subject is not None:
            query["subject"] = ",".join(map(repr, map(float, self.subject)))
        pairs = [f"{name}:{value}" for name, value in self.metadata.items()]
        return query | ({"metadata": pairs} if pairs else {})

    def body(self, *, source_key: str | None, source_render: str | None) -> dict[str, Any]:
        """Return the request's JSON. What is not given is left out, so that an older server is asked nothing new."""
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
