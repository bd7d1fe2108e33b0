"""A request for one swap with every default resolved: scene, mood, palette, preset, seed.

All records are frozen. `service.catalogue.catalogue` makes the named records from its TOML files.
"""

from dataclasses import dataclass
from typing import Literal

from pipeline.core.order import Format, Picture, Shadow

#: A preset's background. `white`: pure 255, 255, 255. `scene`: generated. `transparent`: none, straight alpha.
BackgroundRule = Literal["scene", "white", "transparent"]
#: The set behind and under the product; each kind is one way to draw the sketch.
SceneKind = Literal[
    "white", "sweep", "podium", "tabletop", "niche", "window", "room", "sand", "bokeh", "curtain", "neon", "flatlay"
]
#: The last four are words of stored specs: no scene and no prop has them, and they have no texture.
Finish = Literal[
    "plain", "plaster", "marble", "wood", "concrete", "terrazzo", "sand", "fabric", "velvet",
    "linen", "stone", "page", "leaf",
]  # fmt: skip
#: Families of props, for a mood's own list; `pipeline/assets/props/props.toml` says which props each has. Some
#: have none any more, and stay for stored specs.
PropName = Literal[
    "stones", "pebbles", "books", "folded_cloth", "towels", "tray", "bowl", "vase", "potted_plant",
    "water", "metal_ball", "candles", "fruit", "cup", "basket",
]  # fmt: skip
Far = Literal[
    "lights", "foliage", "kitchen", "living_room", "window", "bathroom", "loft", "cafe", "hall", "street", "park",
    "wood", "sea", "sunset",
]  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A place. `kind` decides the sketch's composition, `prompt` is for the network."""

    name: str
    title: str
    description: str
    prompt: str
    kind: SceneKind
    wall: Finish = "plain"
    surface: Finish = "plain"
    #: The place out of focus behind a scene of the kind "bokeh". `lights` is a town at night, `foliage` a garden.
    far: Far = "lights"
    #: Colours used where the caller asks for none, the most present first, as #rrggbb.
    palette: tuple[str, ...] = ("#e9e4dc",)


@dataclass(frozen=True)
class Mood:
    """The light and atmosphere of a scene, and words for the network."""

    name: str
    title: str
    description: str
    prompt: str
    #: Direction of the key light, degrees: 0 is straight above the product, -90 from the left, 90 from the right.
    light_angle: float = -35.0
    #: 0 is a bare bulb (hard shadows), 1 an overcast sky (hardly any).
    softness: float = 0.6
    #: Stops of exposure added to the background; negative is darker.
    exposure: float = 0.0
    #: Strength of the light's falloff over the wall, 0 flat to 1 dramatic.
    contrast: float = 0.3
    #: Colour of the key light: -1 cold, 0 neutral, 1 warm.
    warmth: float = 0.0
    #: Blur of the background, 0 sharp everywhere to 1; the product's own depth is always sharp.
    depth_of_field: float = 0.25
    #: Share of the light that the background's corners lose, 0–1.
    vignette: float = 0.06
    #: Grain of the background: its standard deviation in the mid tones, sRGB values 0–1.
    grain: float = 0.004
    #: Families of props beside the product; empty: all that suit the mood.
    props: tuple[PropName, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One rule of a place of publication, as the catalogue lists it."""

    name: str
    text: str
    source_url: str
    checked_on: str


@dataclass(frozen=True)
class Preset:
    """A place of publication: size, fill, format, file size and rules. Lengths are pixels, shares are 0–1."""

    name: str
    title: str
    description: str
    credits: int
    #: Width and height of the delivered picture; None: the source's own size.
    size: tuple[int, int] | None
    #: Backdrop delivers the first; the place also accepts the others.
    formats: tuple[Format, ...]
    #: Maximum number of bytes of the delivered file; None: no known limit.
    max_bytes: int | None
    #: Quality from which the search starts, and its minimum, 1–100.
    quality: tuple[int, int]
    background: BackgroundRule
    #: Share of the canvas (the tighter of width and height) that the product's box fills.
    fill: float
    #: Minimum free margin on each side as a share of that side: left, top, right, bottom.
    margins: tuple[float, float, float, float]
    #: Horizontal position of the product's centre, 0 left edge to 1 right edge.
    centre_x: float
    #: IPTC DigitalSourceType term, e.g. compositeWithTrainedAlgorithmicMedia; None: unmarked.
    digital_source_type: str | None
    #: The preset to offer when this preset forbids a scene.
    scene_sibling: str | None
    source_url: str
    checked_on: str
    rules: tuple[Rule, ...] = ()
    #: Bounds of the product's share of the frame that the report checks, minimum and maximum; None: not checked.
    fill_bounds: tuple[float, float] | None = None
    #: Minimum side in pixels that the place accepts.
    min_side: int = 1
    #: Whether a soft shadow may fall on a white background.
    shadow: bool = True


@dataclass(frozen=True)
class Spec(Picture):
    """One swap, fully specified. Free-text scenes and moods arrive as records whose `prompt` quotes the text."""

    scene: Scene
    mood: Mood
    #: #rrggbb, the first the most present; empty: the scene's own palette.
    palette: tuple[str, ...]
    preset: Preset
    #: 0 to SEED_LIMIT - 1. The same seed and spec give the same background.
    seed: int
    #: Words of the brand's style, for the prompt only.
    style_words: str = ""
    #: Whether the picture has the previews' visible watermark and detail at its full size.
    sandbox: bool = False
    #: The render whose background is used again, with the ground "render".
    earlier: "Earlier | None" = None

    @property
    def plain(self) -> str | None:
        """The flat colour that the product goes on, in CSS notation; empty: on nothing; None: on a scene or picture.

        A preset's rule comes first.
        """
        if self.preset.background != "scene":
            return "" if self.preset.background == "transparent" else "#ffffff"
        if self.ground.background == "color":
            return self.ground.background_color
        return "#ffffff" if self.ground.composed and self.scene.kind == "white" else None

    @property
    def traces_shadow(self) -> bool:
        """Whether a plain spec asks for a shadow that is traced, and its preset allows it."""
        allowed = self.preset.background != "white" or self.preset.shadow
        return allowed and self.shadow.shadow != "none" and self.shadow != Shadow()


@dataclass(frozen=True)
class Earlier:
    """An earlier render: its spec, with the seed of its background, and the name of its photo's file."""

    spec: Spec
    photo: str
    #: Its product's box on this spec's canvas, pixels: left, top, right, bottom; None until that is known.
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Limits:
    """Limits on a photo's file size and dimensions."""

    max_bytes: int = 40 * 1024 * 1024
    max_pixels: int = 50_000_000
    min_side: int = 64
