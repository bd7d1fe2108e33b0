"""What a caller asks of one swap: the record that every edge parses its input into, and the words for its options."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Annotated, Any, Literal, get_args, get_type_hints

Format = Literal["jpeg", "png", "webp", "avif"]
#: How a caller says that the product is placed. `auto`: as the photo shows it, by our guess. `standing`: on its foot,
#: seen from the side. `lying`: on the surface, seen obliquely from the side. `hanging`: from the upper edge.
#: `from_above`: on the surface, seen from straight above.
StanceWord = Literal["auto", "standing", "lying", "hanging", "from_above"]
#: Seeds are 0 to SEED_LIMIT - 1, so that they fit a signed integer of 32 bits.
SEED_LIMIT = 2**31
#: What stands beside the product. `scene`: what the scene and the mood have. `few`: one thing at most. `none`: nothing;
#: the stand under the product and the panel behind it are the scene's own, and stay.
PropsWord = Literal["scene", "few", "none"]


@dataclass(frozen=True)
class Option:
    """What each edge needs to make its parameter of a field of one of `RECORDS`, beside its type and default.

    Edges are the API's query, the command line and a batch's file.
    """

    #: A sentence of the API's document.
    description: str
    #: What `backdrop swap --help` says.
    help: str
    example: Any
    #: Least and most of a number; None: `pipeline.delivery.output` checks it, or nothing has to.
    bounds: tuple[float, float] | None = None


MAX_SHIFT, SCALES, MAX_TURN = 0.5, (0.3, 2.0), 45.0


@dataclass(frozen=True)
class Placement:
    """How a caller moves the product from where the preset and the scene put it, and says how it stands there.

    Nothing by default.
    """

    #: Shares of the canvas's width and height, right and down; at most MAX_SHIFT each way.
    shift_x: Annotated[
        float,
        Option(
            "Move the product to the right, a share of the picture's width.",
            "Right, share of the width.",
            example=0.1,
            bounds=(-MAX_SHIFT, MAX_SHIFT),
        ),
    ] = 0.0
    shift_y: Annotated[
        float,
        Option(
            "Move the product down, a share of the picture's height.",
            "Down, share of the height.",
            example=-0.05,
            bounds=(-MAX_SHIFT, MAX_SHIFT),
        ),
    ] = 0.0
    #: A factor on the product's size, within SCALES.
    scale: Annotated[
        float,
        Option(
            "Make the product larger, or smaller: a factor on the size that the preset gives it.",
            "A factor on the product's size.",
            example=0.9,
            bounds=SCALES,
        ),
    ] = 1.0
    #: Degrees clockwise, at most MAX_TURN each way.
    turn: Annotated[
        float,
        Option(
            "Turn the product clockwise by so many degrees, about its foot where it stands.",
            "Degrees clockwise.",
            example=2.5,
            bounds=(-MAX_TURN, MAX_TURN),
        ),
    ] = 0.0
    #: It beats the guess of `pipeline.cutout.stance`.
    stance: Annotated[
        StanceWord,
        Option(
            "How the product is placed, where you know it better than our guess from the photo (`auto`)."
            " `standing`: on its foot, seen from the side. `lying`: on the surface, seen obliquely from the side;"
            " in a flat lay it lies. `hanging`: from the upper edge, before a wall. `from_above`: on the surface, and"
            " every scene is shown from above; where a scene can't be, the job fails with `no_honest_placement`.",
            "How the product is placed, where you know it better than our guess, auto.",
            example="lying",
        ),
    ] = "auto"

    @property
    def moves(self) -> bool:
        """Whether the product is moved, scaled or turned."""
        return replace(self, stance="auto") != UNMOVED


#: The product goes where the preset and the scene put it.
UNMOVED = Placement()


#: Where in its photo the product is: a point (x, y) on it, or a box (left, top, right, bottom) around it; shares 0–1 of
#: the upright photo's width and height. None in its place: all that stands out is the product.
PhotoPlace = tuple[float, ...]


def photo_place(numbers: Sequence[float]) -> PhotoPlace:
    """Return a caller's numbers as a place. Raises ValueError with what is wrong with which value, and the remedy."""
    if len(numbers) not in (2, 4):
        raise ValueError(
            f"{len(numbers)} numbers are neither a point nor a box. Give x, y or left, top, right, bottom, shares of"
            " the photo's width and height"
        )
    for number in numbers:
        if not 0 <= number <= 1:
            raise ValueError(
                f"{number:g} lies outside the photo. Give shares from 0 to 1 of its width and height: 0.5, 0.5 is"
                " its middle"
            )
    if len(numbers) == 4 and not (numbers[0] < numbers[2] and numbers[1] < numbers[3]):
        raise ValueError(
            f"The box {', '.join(f'{number:g}' for number in numbers)} is empty. Give left, top, right, bottom, with"
            " left less than right and top less than bottom"
        )
    return tuple(map(float, numbers))


#: Least and most pixels of a side, and most of the whole picture: no swap may cost more than the largest preset's.
SIDES, MAX_PIXELS = (64, 4096), 6_000_000
#: Longer side over the shorter one: what scenes are composed for.
MAX_ASPECT = 4.0


@dataclass(frozen=True)
class Output:
    """What a caller has in place of the preset's size, format and quality; None: as the preset has it."""

    width: Annotated[
        int | None,
        Option(
            f"With `height`, a size of your own in place of the preset's: sides of {SIDES[0]} to {SIDES[1]}"
            f" pixels, {MAX_PIXELS:,} pixels in all, one side at most {MAX_ASPECT:g} times the other. The preset's"
            " rules are measured all the same. Not where the picture keeps its photo's size.",
            "With --height: a size of your own in place of the preset's, pixels.",
            example=1200,
        ),
    ] = None
    height: Annotated[int | None, Option("See `width`.", "See --width.", example=900)] = None
    format: Annotated[
        Format | None,
        Option(
            "A format in place of the preset's first one. No JPEG where the picture is transparent.",
            "Default: by -o's suffix.",
            example="webp",
        ),
    ] = None
    quality: Annotated[
        int | None,
        Option(
            "Where the search for a JPEG's, WebP's or AVIF's quality starts, in place of the preset's: it"
            " rises until the product's colours arrive, and falls until the file is light enough for the place.",
            "Where the search for the file's quality starts.",
            example=85,
            bounds=(1, 100),
        ),
    ] = None


#: Size, format and quality are the preset's.
AS_PRESET = Output()


@dataclass(frozen=True)
class Dressing:
    """How a caller wants the scene dressed: with which props, and which colour on which surface."""

    props: Annotated[
        PropsWord,
        Option(
            "What stands beside the product: `scene`, as the scene has it; `few`, one thing at most; `none`, nothing."
            " The stand under the product and the panel behind it stay. An asked colour that no surface has then goes"
            " to those, if there are enough of them; `report.palette.assigned` says which colours were painted.",
            "What stands beside the product: as the scene has it, one thing at most, or nothing.",
            example="none",
        ),
    ] = "scene"
    #: `pipeline.scene.surfaces` reads it.
    colors_on: Annotated[
        str,
        Option(
            "Which of the `dominant_colors` goes on which surface of the scene, as `wall:#f4ead9,floor:#5b3a26`."
            " `surfaces` of a dry run lists the surfaces. `accent` stands for stand, panel and props. Backdrop chooses"
            " the surfaces of the other colours.",
            "Which of the colours goes on which surface: wall:#f4ead9,accent:teal.",
            example="wall:#e8c7b8",
        ),
    ] = ""


#: Props and the surfaces of the colours are the scene's.
AS_SCENE = Dressing()

#: What of an order has a parameter for each of its fields, by the order's name for it.
RECORDS: Mapping[str, type[Placement | Output | Dressing]] = {
    "placement": Placement,
    "output": Output,
    "dressing": Dressing,
}


def all_options() -> Iterator[tuple[str, Any, Any, Option]]:
    """Give what `options_of` gives of each record."""
    return chain.from_iterable(map(options_of, RECORDS.values()))


def options_of(record: type[Placement | Output | Dressing]) -> Iterator[tuple[str, Any, Any, Option]]:
    """Give the name, the type, the default and the `Option` of each field."""
    kinds = get_type_hints(record, include_extras=True)
    for field in fields(record):
        kind, option = get_args(kinds[field.name])
        yield field.name, kind, field.default, option


def given(options: Placement | Output | Dressing) -> dict[str, Any]:
    """Return what is asked for, by name, without what is as it comes."""
    defaults = ((name, default) for name, _, default, _ in options_of(type(options)))
    return {name: value for name, default in defaults if (value := getattr(options, name)) != default}


@dataclass(frozen=True)
class SwapOrder:
    """What a caller asks of one swap of a photo, as every edge parses it: the API, the command line, a batch, Python.

    `service.catalogue.specs` stores it, and makes the `Spec` of it.
    """

    #: Names of the catalogue, or free text.
    scene: str
    mood: str
    #: A name of the catalogue; empty: none was given, and the brand's is to be taken.
    preset: str
    #: #rrggbb, the first the most present; empty: the scene's own palette. Notations of CSS until they are checked.
    colors: tuple[str, ...] = ()
    brand: str | None = None
    #: 0 to SEED_LIMIT - 1; None: one is drawn.
    seed: int | None = None
    preview: bool = False
    placement: Placement = UNMOVED
    #: Which product of the photo is meant.
    subject: PhotoPlace | None = None
    output: Output = AS_PRESET
    dressing: Dressing = AS_SCENE
    #: The caller's own id, and its own pairs.
    reference: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    #: What the brand fills in: words for the prompt, and whether the background is made without the product.
    style_words: tuple[str, ...] = ()
    pinned: bool = False

    @property
    def given(self) -> dict[str, Any]:
        """The options of its records that are asked for, by name."""
        return {option: value for name in RECORDS for option, value in given(getattr(self, name)).items()}

    def having(self, options: Mapping[str, Any]) -> "SwapOrder":
        """Return the order with these options; those of its records stand among the others."""
        flat = dict(options)
        for name in RECORDS:
            record = getattr(self, name)
            changes = {one.name: flat.pop(one.name) for one in fields(record) if one.name in flat}
            flat[name] = replace(record, **changes)
        return replace(self, **flat)
