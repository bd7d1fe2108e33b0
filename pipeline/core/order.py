"""A caller's request for one swap: the record that every interface parses its input into, and its options' texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Annotated, Any, Literal, get_args, get_type_hints

Format = Literal["jpeg", "png", "webp", "avif"]
#: The caller's stance for the product. `auto`: as the photo shows it, by Backdrop's guess. `standing`: on its foot,
#: seen from the side. `lying`: on the surface, seen obliquely from the side. `hanging`: from the upper edge.
#: `from_above`: on the surface, seen from straight above.
StanceWord = Literal["auto", "standing", "lying", "hanging", "from_above"]
#: Seeds are 0 to SEED_LIMIT - 1, so that they fit a signed integer of 32 bits.
SEED_LIMIT = 2**31
#: Props beside the product. `scene`: those of scene and mood. `few`: at most one. `none`: no props. The stand under
#: the product and the panel behind it belong to the scene and stay.
PropsWord = Literal["scene", "few", "none"]


@dataclass(frozen=True)
class Option:
    """Data from which each interface makes its parameter for a field of one of `RECORDS`, besides type and default.

    The interfaces are the API's query, the command line and a batch's file.
    """

    #: Sentences for the API's document.
    description: str
    #: Text in `backdrop swap --help`.
    help: str
    example: Any
    #: Minimum and maximum of a number; None: `pipeline.delivery.output` checks it, or it needs no check.
    bounds: tuple[float, float] | None = None


MAX_SHIFT, SCALES, MAX_TURN = 0.5, (0.3, 2.0), 45.0


@dataclass(frozen=True)
class Placement:
    """A caller's move of the product from where the preset and the scene put it, and the stance that they give it.

    The default changes nothing.
    """

    #: Shares of the canvas's width and height, right and down; at most MAX_SHIFT each way.
    shift_x: Annotated[
        float,
        Option(
            "Move the product to the right by this share of the picture's width.",
            "Shift to the right, as a share of the width.",
            example=0.1,
            bounds=(-MAX_SHIFT, MAX_SHIFT),
        ),
    ] = 0.0
    shift_y: Annotated[
        float,
        Option(
            "Move the product down by this share of the picture's height.",
            "Shift down, as a share of the height.",
            example=-0.05,
            bounds=(-MAX_SHIFT, MAX_SHIFT),
        ),
    ] = 0.0
    #: A factor on the product's size, within SCALES.
    scale: Annotated[
        float,
        Option(
            "Scale the product by this factor, relative to the size that the preset gives it.",
            "A factor on the product's size.",
            example=0.9,
            bounds=SCALES,
        ),
    ] = 1.0
    #: Degrees clockwise, at most MAX_TURN each way.
    turn: Annotated[
        float,
        Option(
            "Turn the product clockwise by this many degrees. A standing product turns about its foot.",
            "Turn clockwise, in degrees.",
            example=2.5,
            bounds=(-MAX_TURN, MAX_TURN),
        ),
    ] = 0.0
    #: Overrides the guess of `pipeline.cutout.stance`.
    stance: Annotated[
        StanceWord,
        Option(
            "How the product is placed. Set it where you know better than Backdrop's guess from the photo (`auto`)."
            " `standing`: on its foot, seen from the side. `lying`: on the surface, seen obliquely from the side, or"
            " flat in a flat lay. `hanging`: from the upper edge, in front of a wall. `from_above`: on the surface,"
            " with the scene shown from above. A scene without a view from above fails the job: `no_honest_placement`.",
            "How the product is placed; auto: Backdrop guesses from the photo.",
            example="lying",
        ),
    ] = "auto"

    @property
    def moves(self) -> bool:
        """Whether the product is moved, scaled or turned."""
        return replace(self, stance="auto") != UNMOVED


#: The product goes where the preset and the scene put it.
UNMOVED = Placement()


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

    width: Annotated[
        int | None,
        Option(
            f"Width in pixels, with `height`, in place of the preset's size. Each side has {SIDES[0]} to {SIDES[1]}"
            f" pixels, the picture at most {MAX_PIXELS:,}. No side is longer than {MAX_ASPECT:g} times the other. The"
            " report still checks the preset's rules. Not allowed where the picture keeps its photo's size.",
            "Width in pixels, with --height, in place of the preset's size.",
            example=1200,
        ),
    ] = None
    height: Annotated[
        int | None,
        Option(
            "Height in pixels, with `width`, in place of the preset's size.",
            "Height in pixels: see --width.",
            example=900,
        ),
    ] = None
    format: Annotated[
        Format | None,
        Option(
            "File format in place of the preset's first. A transparent picture can't be a JPEG.",
            "File format; default: from the suffix of -o.",
            example="webp",
        ),
    ] = None
    quality: Annotated[
        int | None,
        Option(
            "Starting quality for a JPEG, WebP or AVIF file, in place of the preset's. Backdrop raises it until the"
            " product's colours are kept, and lowers it until the file is small enough for the preset.",
            "Starting quality of the search for the file's quality.",
            example=85,
            bounds=(1, 100),
        ),
    ] = None


#: Size, format and quality are the preset's.
AS_PRESET = Output()


@dataclass(frozen=True)
class Dressing:
    """A caller's dressing of the scene: its props, and the surfaces of the colours."""

    props: Annotated[
        PropsWord,
        Option(
            "Props beside the product. `scene`: those of the scene. `few`: at most one. `none`: no props."
            " The stand under the product and the panel behind it stay. An asked colour that no other surface has then"
            " goes to them, if there are enough of them. `report.palette.assigned` lists the painted colours.",
            "Props beside the product: those of the scene, at most one, or none.",
            example="none",
        ),
    ] = "scene"
    #: `pipeline.scene.surfaces` reads it.
    colors_on: Annotated[
        str,
        Option(
            "Surfaces for some of the `dominant_colors`, as `wall:#f4ead9,floor:#5b3a26`. A dry run lists the scene's"
            " surfaces in `surfaces`. `accent` means stand, panel and props. Backdrop chooses the surfaces of the"
            " other colours.",
            "Surfaces for the colours: wall:#f4ead9,accent:teal.",
            example="wall:#e8c7b8",
        ),
    ] = ""


#: The scene chooses the props and the surfaces of the colours.
AS_SCENE = Dressing()

#: Records whose fields each have a parameter, by their name in `SwapOrder`.
RECORDS: Mapping[str, type[Placement | Output | Dressing]] = {
    "placement": Placement,
    "output": Output,
    "dressing": Dressing,
}


def all_options() -> Iterator[tuple[str, Any, Any, Option]]:
    """Yield the fields of every record, as `options_of` does."""
    return chain.from_iterable(map(options_of, RECORDS.values()))


def options_of(record: type[Placement | Output | Dressing]) -> Iterator[tuple[str, Any, Any, Option]]:
    """Yield the name, the type, the default and the `Option` of each field."""
    kinds = get_type_hints(record, include_extras=True)
    for field in fields(record):
        kind, option = get_args(kinds[field.name])
        yield field.name, kind, field.default, option


def given(options: Placement | Output | Dressing) -> dict[str, Any]:
    """Return the options that differ from their default, by name."""
    defaults = ((name, default) for name, _, default, _ in options_of(type(options)))
    return {name: value for name, default in defaults if (value := getattr(options, name)) != default}


@dataclass(frozen=True)
class SwapOrder:
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
    preview: bool = False
    placement: Placement = UNMOVED
    #: Place in the photo of the product that the caller means.
    subject: PhotoPlace | None = None
    output: Output = AS_PRESET
    dressing: Dressing = AS_SCENE
    #: The caller's own id, and its own key-value pairs.
    reference: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    #: Filled in from the brand: words for the prompt, and whether the background is made without the product.
    style_words: tuple[str, ...] = ()
    pinned: bool = False

    @property
    def given(self) -> dict[str, Any]:
        """The options of its records that differ from their defaults, by name."""
        return {option: value for name in RECORDS for option, value in given(getattr(self, name)).items()}

    def having(self, options: Mapping[str, Any]) -> "SwapOrder":
        """Return the order with these options; an option's name finds its record."""
        flat = dict(options)
        for name in RECORDS:
            record = getattr(self, name)
            changes = {one.name: flat.pop(one.name) for one in fields(record) if one.name in flat}
            flat[name] = replace(record, **changes)
        return replace(self, **flat)
