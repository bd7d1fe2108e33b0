"""A caller's request for one swap: the record that every interface parses its input into, and its options' texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Any, Literal, TypeVar, get_type_hints

Value = TypeVar("Value")
Format = Literal["jpeg", "png", "webp", "avif"]
StanceWord = Literal["auto", "standing", "lying", "hanging", "from_above"]
#: Seeds are 0 to SEED_LIMIT - 1, so that they fit a signed integer of 32 bits.
SEED_LIMIT = 2**31
PropsWord = Literal["scene", "few", "none"]


@dataclass(frozen=True)
class Option:
    """Data from which each interface makes its parameter for a field of one of `RECORDS`, besides type and default.

    The interfaces are the API's query, the command line and a batch's file.
    """

    #: Sentences for the API's document. The first is the text in `backdrop swap --help`.
    description: str
    example: Any
    #: Minimum and maximum of a number; None: `pipeline.delivery.output` checks it, or it needs no check.
    bounds: tuple[float, float] | None = None
    #: Text in `backdrop swap --help` in place of the description's first sentence.
    help: str = ""


def option(default: Value, description: str, **more: Any) -> Value:
    """Return a record's field with its `Option`."""
    return field(default=default, metadata={"option": Option(description, **more)})


@dataclass(frozen=True)
class OptionFault:
    """A fault of an option: the field, a stable code, a sentence with the remedy, and the received value.

    `received` None: the value as it was sent.
    """

    field: str
    code: str
    message: str
    received: Any = None


MAX_SHIFT, SCALES, MAX_TURN = 0.5, (0.3, 2.0), 45.0


@dataclass(frozen=True)
class Placement:
    """A caller's move of the product from where the preset and the scene put it, and the stance that they give it.

    The default changes nothing.
    """

    shift_x: float = option(
        0.0,
        "Move the product to the right by this share of the picture's width.",
        example=0.1,
        bounds=(-MAX_SHIFT, MAX_SHIFT),
    )
    shift_y: float = option(
        0.0,
        "Move the product down by this share of the picture's height.",
        example=-0.05,
        bounds=(-MAX_SHIFT, MAX_SHIFT),
    )
    scale: float = option(
        1.0,
        "Scale the product by this factor, relative to the size that the preset gives it.",
        example=0.9,
        bounds=SCALES,
    )
    turn: float = option(
        0.0,
        "Turn the product clockwise by this many degrees. A standing product turns about its foot.",
        example=2.5,
        bounds=(-MAX_TURN, MAX_TURN),
    )
    #: Overrides the guess of `pipeline.cutout.stance`.
    stance: StanceWord = option(
        "auto",
        "How the product is placed. Set it where you know better than Backdrop's guess from the photo (`auto`)."
        " `standing`: on its foot, seen from the side. `lying`: on the surface, seen obliquely from the side, or"
        " flat in a flat lay. `hanging`: flat against the wall, as clothes. `from_above`: on the surface,"
        " with the scene shown from above. A scene without a view from above fails the job: `no_honest_placement`.",
        help="How the product is placed; auto: Backdrop guesses from the photo.",
        example="lying",
    )

    @property
    def moves(self) -> bool:
        """Whether the product is moved, scaled or turned."""
        return replace(self, stance="auto") != Placement()


#: Where the product is in its photo: a point (x, y) on it, or a box (left, top, right, bottom) around it. Shares 0–1 of
#: the upright photo's width and height. None instead of a place: everything that stands out is the product.
PhotoPlace = tuple[float, ...]


def photo_place(numbers: Sequence[float]) -> PhotoPlace:
    """Return a caller's numbers as a place. Raises ValueError with a message that names the value and the remedy."""
    if len(numbers) not in (2, 4):
        raise ValueError(
            f"{len(numbers)} numbers are neither a point nor a box. Give x, y or left, top, right, bottom as shares of"
            " the photo's width and height"
        )
    for number in numbers:
        if not 0 <= number <= 1:
            raise ValueError(
                f"{number:g} is outside the photo. Give shares from 0 to 1 of its width and height. The middle is"
                " 0.5, 0.5"
            )
    if len(numbers) == 4 and not (numbers[0] < numbers[2] and numbers[1] < numbers[3]):
        raise ValueError(
            f"The box {', '.join(f'{number:g}' for number in numbers)} is empty. Give left, top, right, bottom, with"
            " left less than right and top less than bottom"
        )
    return tuple(map(float, numbers))


#: Minimum and maximum pixels of a side, and maximum pixels of the picture: no swap may cost more than the largest
#: preset's.
SIDES, MAX_PIXELS = (64, 4096), 6_000_000
#: Longer side over the shorter side, the limit that scenes are composed for.
MAX_ASPECT = 4.0


@dataclass(frozen=True)
class Output:
    """A caller's size, format and quality in place of the preset's; None: the preset's own."""

    width: int | None = option(
        None,
        f"Width in pixels, with `height`, in place of the preset's size. Each side has {SIDES[0]} to {SIDES[1]}"
        f" pixels, the picture at most {MAX_PIXELS:,}. No side is longer than {MAX_ASPECT:g} times the other. The"
        " report still checks the preset's rules. Not allowed where the picture keeps its photo's size.",
        example=1200,
    )
    height: int | None = option(
        None,
        "Height in pixels, with `width`, in place of the preset's size.",
        example=900,
    )
    format: Format | None = option(
        None,
        "File format in place of the preset's first. A transparent picture can't be a JPEG.",
        help="File format; default: from the suffix of -o.",
        example="webp",
    )
    quality: int | None = option(
        None,
        "Starting quality for a JPEG, WebP or AVIF file, in place of the preset's. Backdrop raises it until the"
        " product's colours are kept, and lowers it until the file is small enough for the preset.",
        example=85,
        bounds=(1, 100),
    )


@dataclass(frozen=True)
class Dressing:
    """A caller's dressing of the scene: its props, and the surfaces of the colours."""

    props: PropsWord = option(
        "scene",
        "Props beside the product. `scene`: those of the scene. `few`: at most one. `none`: no props."
        " The stand under the product and the panel behind it stay. An asked colour that no other surface has then"
        " goes to them, if there are enough of them. `report.palette.assigned` lists the painted colours.",
        example="none",
    )
    #: `pipeline.scene.surfaces` reads it.
    colors_on: str = option(
        "",
        "Surfaces for some of the `dominant_colors`, as `wall:#f4ead9,floor:#5b3a26`. A dry run lists the scene's"
        " surfaces in `surfaces`. `accent` means stand, panel and props. Backdrop chooses the surfaces of the"
        " other colours.",
        help="Surfaces for the colours: wall:#f4ead9,accent:teal.",
        example="wall:#e8c7b8",
    )


BackgroundWord = Literal["scene", "color", "image", "reference", "render"]
FitWord = Literal["cover", "contain", "position"]
#: The greatest enlargement of a picture that a background is cut from.
MAX_ZOOM = 4.0


@dataclass(frozen=True)
class Ground:
    """What is behind the product: the scene, or a colour, a picture or an earlier background of the caller's."""

    background: BackgroundWord = option(
        "scene",
        "What goes behind the product. `scene`: a scene made from `scene_type`, `mood` and `dominant_colors`."
        " `color`: the flat `background_color`. `image`: your own picture, `background_image`, with the product's"
        " shadow on it. `reference`: a scene that takes colours, light and composition from `background_image`."
        " `render`: the background of your earlier render `background_render`.",
        example="color",
    )
    background_color: str = option(
        "",
        "The colour of `background=color`: #rgb, #rrggbb, a CSS name or rgb(r, g, b).",
        example="#f4ead9",
    )
    background_image: str = option(
        "",
        "Key of the uploaded picture of `background=image` or `background=reference`, as POST /v1/uploads returned it.",
        help="File of --background image or reference.",
        example="uploads/01J9ZC4T7M3X6V2Q8R5N1B0KAD/01J9ZC5A1GZ7W6Y4T3S2R1Q0PN.jpg",
    )
    background_render: str = option(
        "",
        "Public id of the earlier render of `background=render`.",
        example="01J9ZC6M8J5X7Z9Q1W3R5T7Y9V",
    )
    background_fit: FitWord = option(
        "cover",
        "How the picture of `background=image` fills the canvas. `cover`: it fills the canvas, cropped around"
        " `background_x` and `background_y`. `contain`: all of it is visible. `position`: as `cover`, enlarged by"
        " `background_zoom`.",
        example="contain",
    )
    background_x: float = option(
        0.5,
        "The point of the background's picture that stays visible: share of its width, from the left.",
        example=0.4,
        bounds=(0.0, 1.0),
    )
    background_y: float = option(
        0.5,
        "The point of the background's picture that stays visible: share of its height, from the top.",
        example=0.4,
        bounds=(0.0, 1.0),
    )
    background_zoom: float = option(
        1.0,
        "Enlarge the background's picture by this factor with `background_fit=position`.",
        example=1.5,
        bounds=(1.0, MAX_ZOOM),
    )

    @property
    def composed(self) -> bool:
        """Whether Backdrop composes a scene behind the product."""
        return self.background in ("scene", "reference")


ShadowWord = Literal["scene", "none", "soft", "hard", "floating"]


@dataclass(frozen=True)
class Shadow:
    """A caller's shadow for the product, on every background."""

    shadow: ShadowWord = option(
        "scene",
        "The product's shadow. `scene`: from the light of scene and mood; on white, the preset's. `none`: no"
        " shadow. `soft` and `hard`: from a large or a small lamp. `floating`: the product floats above its shadow."
        " In a transparent picture the shadow is in the alpha channel.",
        example="soft",
    )
    shadow_strength: float | None = option(
        None,
        "How dark the shadow is: 0 is invisible, 1 is as dark as light allows. If omitted, the shadow's own.",
        example=0.6,
        bounds=(0.0, 1.0),
    )
    shadow_softness: float | None = option(
        None,
        "How soft the shadow's edge is: 0 is a bare bulb, 1 an overcast sky. If omitted, the shadow's own.",
        example=0.4,
        bounds=(0.0, 1.0),
    )
    shadow_direction: float | None = option(
        None,
        "The direction in which the shadow falls, in degrees, as on a compass on the floor. 0 is away from the"
        " viewer, 90 to the right, 180 towards the viewer, 270 to the left. If omitted, the light's own.",
        help="Direction in which the shadow falls, in degrees: 0 back, 90 right, 180 front, 270 left.",
        example=60,
        bounds=(0.0, 360.0),
    )


AlignWord = Literal[
    "preset", "center", "left", "right", "top", "bottom", "top_left", "top_right", "bottom_left", "bottom_right"
]  # fmt: skip
CopySpaceWord = Literal["none", "left", "right", "top"]


@dataclass(frozen=True)
class Frame:
    """A caller's framing: free margins, the product's alignment, and room for copy."""

    #: `pipeline.placement.margins` reads it.
    margins: str = option(
        "",
        "Free space around the product in place of the preset's, in pixels or percent, such as `40px 8% 120px`."
        " Give one to four lengths in the order of CSS: top, right, bottom, left. The product is as large as they"
        " allow. The report still checks the preset's rules.",
        example="8% 10%",
    )
    align: AlignWord = option(
        "preset",
        "Where the product is in the space that margins and `copy_space` leave. `preset`: where the preset puts it.",
        example="bottom_left",
    )
    copy_space: CopySpaceWord = option(
        "none",
        "The side that stays free for copy: the product is outside it, and the scene keeps it calm.",
        example="left",
    )


@dataclass(frozen=True)
class Lettering:
    """A caller's text and logos on the picture."""

    #: `pipeline.lettering` reads it.
    layers: str = option(
        "",
        "Text and logos on the picture: a JSON list of at most 8 layers, or `template:NAME`, a template of the"
        " catalogue. The guide to layers lists a layer's fields.",
        example='[{"text": "New", "anchor": "top_left"}]',
    )


@dataclass(frozen=True)
class Acceptance:
    """A caller's limits on the report: the caller pays only for a picture that keeps them."""

    #: `pipeline.delivery.acceptance` reads it.
    accept: str = option(
        "",
        "Limits that the picture must keep: `strict`, `standard`, `none`, or a JSON object of limits. Backdrop"
        " tries a picture that misses again, up to three times in all. A job without an accepted picture fails"
        " with `not_accepted`, and its credits come back. If omitted, the brand's or the client's limits. The"
        " guide to acceptance lists them.",
        example="standard",
    )


OptionRecord = Placement | Output | Dressing | Ground | Shadow | Frame | Lettering | Acceptance


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What an order and the `Spec` that is made of it share: the records of options, and what the picture is for."""

    placement: Placement = Placement()
    output: Output = Output()
    dressing: Dressing = Dressing()
    ground: Ground = Ground()
    shadow: Shadow = Shadow()
    frame: Frame = Frame()
    lettering: Lettering = Lettering()
    acceptance: Acceptance = Acceptance()
    #: Place in the photo of the product that the caller means; None: everything that stands out.
    subject: PhotoPlace | None = None
    #: Whether the background is made without the product, so that it is the same for all of them.
    pinned: bool = False
    #: Whether the picture is small and watermarked.
    preview: bool = False


#: Records whose fields each have a parameter, by their name in an order and a spec.
RECORDS: Mapping[str, type[OptionRecord]] = {
    one.name: type(one.default) for one in fields(Picture) if isinstance(one.default, OptionRecord)
}


def all_options() -> Iterator[tuple[str, Any, Any, Option]]:
    """Yield the fields of every record, as `options_of` does."""
    return chain.from_iterable(map(options_of, RECORDS.values()))


def options_of(record: type[OptionRecord]) -> Iterator[tuple[str, Any, Any, Option]]:
    """Yield the name, the type, the default and the `Option` of each field."""
    kinds = get_type_hints(record)
    for one in fields(record):
        yield one.name, kinds[one.name], one.default, one.metadata["option"]


def given(options: OptionRecord) -> dict[str, Any]:
    """Return the options that differ from their default, by name."""
    return {one.name: value for one in fields(options) if (value := getattr(options, one.name)) != one.default}


@dataclass(frozen=True)
class SwapOrder(Picture):
    """A caller's request for one swap of a photo; the API, the command line, a batch and Python all parse into it.

    `service.catalogue.specs` stores it and makes the `Spec` from it.
    """

    #: Names of the catalogue, or free text.
    scene: str
    mood: str
    #: A name of the catalogue; empty: none was given, and the brand's is used.
    preset: str
    #: #rrggbb, the first the most present; empty: the scene's own palette. Any CSS notation until they are checked.
    colors: tuple[str, ...] = ()
    brand: str | None = None
    #: 0 to SEED_LIMIT - 1; None: Backdrop draws a seed.
    seed: int | None = None
    #: The photo at a server: an upload's key, or the public id of the render whose photo it is.
    upload: str | None = None
    render: str | None = None
    #: The caller's own id, and its own key-value pairs.
    reference: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    #: Words for the prompt, filled in from the brand, as `pinned` is.
    style_words: tuple[str, ...] = ()
    #: Options that the caller sent, even with their default value; a brand's don't replace them. Also `seed` if sent.
    sent: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def given(self) -> dict[str, Any]:
        """The options of its records that differ from their defaults, by name."""
        return {option: value for name in RECORDS for option, value in given(getattr(self, name)).items()}

    def sends(self, name: str) -> bool:
        """Return whether the caller gave an option, and not only its brand."""
        return self.brand is None or name in self.sent

    def having(self, options: Mapping[str, Any]) -> "SwapOrder":
        """Return the order with these options; an option's name finds its record."""
        flat = dict(options)
        for name in RECORDS:
            record = getattr(self, name)
            changes = {one.name: flat.pop(one.name) for one in fields(record) if one.name in flat}
            flat[name] = replace(record, **changes)
        return replace(self, **flat)
