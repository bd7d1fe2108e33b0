"""The body of an order of many pictures. Each of its pictures is checked by the rules of a single swap."""

import secrets
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationInfo, model_validator
from pydantic import ValidationError as PydanticValidationError
from pydantic_core import InitErrorDetails

from pipeline.core.order import SEED_LIMIT, Dressing, Ground, SwapOrder, options_of
from service.catalogue.catalogue import Catalogue
from service.catalogue.order_options import OrderOptions
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest, OneSource, ShortText, Subject, error_at

MAX_PHOTOS, MAX_VARIANTS, MAX_PRESETS, MAX_PAIRS = 200, 8, 16, 16
#: Options without a meaning where a preset has no scene.
_OF_SCENES = frozenset(name for record in (Dressing, Ground) for name, *_ in options_of(record))
_SWAP = BackgroundSwapWithSpecRequest.model_fields
#: What makes a variant, besides its options.
_LOOK = {"scene_type", "mood", "dominant_colors", "seed"}

#: The numbers of a variant and a preset in an order's lists, and their order with a placeholder as source.
Draft = tuple[tuple[int, int], SwapOrder]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT)]
Colours = Annotated[list[str], Field(max_length=6)]
OwnId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Pairs = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")],
        Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")],
    ],
    Field(max_length=MAX_PAIRS),
]


class OrderPhoto(OneSource):
    """A photo of an order. Send exactly one of the two sources."""

    reference: OwnId | None = Field(
        None, description="Your own id for this photo's pictures, in place of the order's.", examples=["sku-1042"]
    )
    metadata: Pairs = Field(
        default_factory=dict,
        description="Your own pairs for this photo's pictures, up to 16 besides the order's.",
        examples=[{"colour": "red"}],
    )
    subject: Subject | None = Field(
        None,
        description="The product that you mean: a point x, y or a box left, top, right, bottom. Give shares from 0 to 1"
        " of the upright photo's width and height.",
        examples=[[0.42, 0.55]],
    )


class OrderVariant(BaseModel):
    """A look of every photo: what differs from the order's own fields."""

    model_config = ConfigDict(extra="forbid")

    scene_type: ShortText | None = Field(None, description="The scene of this variant, in place of the order's.")
    mood: ShortText | None = Field(None, description="The light of this variant, in place of the order's.")
    dominant_colors: Colours | None = Field(None, description="The colours of this variant, in place of the order's.")
    seed: Seed | None = Field(None, description="The seed of this variant, in place of the order's.")
    options: OrderOptions = Field(
        default_factory=OrderOptions, description="Options of this variant. Each replaces the order's of that name."
    )


class OrderRequest(BaseModel):
    """Photos, looks and presets: a picture for each combination, at most as many as the installation allows."""

    model_config = ConfigDict(extra="forbid")
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "photos": [
            {
                "source_image_s3_key": "uploads/01J9ZC4T7M3X6V2Q8R5N1B0KAD/01J9ZC5A1GZ7W6Y4T3S2R1Q0PN.jpg",
                "reference": "sku-1042",
            }
        ],
        "scene_type": "podium",
        "mood": "calm",
        "dominant_colors": ["#e8c7b8", "ivory"],
        "variants": [{"seed": 7}, {"scene_type": "marble_tabletop", "options": {"props": "none"}}],
        "presets": ["shopify_product", "instagram_portrait"],
        "reference": "spring-2027",
    }

    photos: list[OrderPhoto] = Field(min_length=1, max_length=MAX_PHOTOS, description="The product photos, 1 to 200.")
    scene_type: ShortText | None = Field(
        None, description="The scene, as in a single swap. Required unless every variant has its own."
    )
    mood: ShortText | None = Field(
        None, description="The light, as in a single swap. Required unless every variant has its own."
    )
    dominant_colors: Colours = Field(default_factory=list, description=_SWAP["dominant_colors"].description)
    pilot_brand: ShortText | None = Field(None, description="Name of the brand for all pictures of this order.")
    options: OrderOptions = Field(
        default_factory=OrderOptions,
        description="Options of every picture: the names and values of a single swap's query, such as shadow or width.",
    )
    seed: Seed | None = Field(
        None, description="Seed of the first variant; a number of variants uses the seeds after it, too."
    )
    variants: (
        Annotated[int, Field(ge=1, le=MAX_VARIANTS, strict=True)]
        | Annotated[list[OrderVariant], Field(min_length=1, max_length=MAX_VARIANTS)]
    ) = Field(
        1,
        description="How many looks each photo gets, 1 to 8: a number of seeds, or a list of what differs in each look."
        " All photos and presets of a variant share its seed.",
    )
    presets: list[ShortText] = Field(
        min_length=1,
        max_length=MAX_PRESETS,
        description="Places of publication, 1 to 16 names of GET /v1/output-presets. A preset that takes no scene gets"
        " white or transparency, without the order's colours.",
    )
    reference: OwnId | None = Field(
        None, description="Your own id for the order, and for pictures of photos without one.", examples=["spring-2027"]
    )
    metadata: Pairs = Field(
        default_factory=dict,
        description="Your own pairs, up to 16, which the order and each picture show.",
        examples=[{"season": "2027"}],
    )
    _checked: dict[tuple[int, int], BackgroundSwapWithSpecRequest] = {}

    @property
    def looks(self) -> list[OrderVariant]:
        """The variants as a list."""
        return self.variants if isinstance(self.variants, list) else [OrderVariant()] * self.variants

    @property
    def count(self) -> int:
        """The number of pictures."""
        return len(self.photos) * len(self.looks) * len(self.presets)

    def drafts(self, catalogue: Catalogue, pinned: int | None, *, draw: bool) -> Iterator[Draft]:
        """Yield each variant for each preset. `pinned`: the seed of the order's brand, for looks without one.

        `draw`: looks without any seed get a random one, the same for all presets; else they get none.
        """
        drawn = [secrets.randbelow(SEED_LIMIT) if draw else None for _ in self.looks]
        for (variant, preset), request in self._checked.items():
            look = self.looks[variant]
            step = 0 if isinstance(self.variants, list) else variant
            seed = next((one for one in (look.seed, self.seed, pinned) if one is not None), None)
            options = self.options.given() | look.options.given()
            sent = frozenset(options)
            if catalogue.presets[request.output_preset].background != "scene":
                options = {name: value for name, value in options.items() if name not in _OF_SCENES}
                sent |= _OF_SCENES  # a brand's neither
            elif (look.seed, self.seed) != (None, None):
                sent |= {"seed"}
            seed = drawn[variant] if seed is None else (seed + step) % SEED_LIMIT
            yield (variant, preset), request.order(seed=seed, sent=sent).having(options)

    def _equal_variants(self) -> Iterator[InitErrorDetails]:
        """Yield an error for each variant that repeats another: a drawn seed makes it differ, a given one does not."""
        shared = self.model_dump(include=_LOOK) | self.options.given()
        given = self.variants if isinstance(self.variants, list) else []
        looks = [shared | one.model_dump(include=_LOOK, exclude_none=True) | one.options.given() for one in given]
        for place, look in enumerate(looks):
            if (first := looks.index(look)) < place and look["seed"] is not None:
                text = f"Variants {first} and {place} are the same. Leave one out, or give it another seed"
                yield error_at("repeated", text, ("variants", place), given[place].model_dump(exclude_unset=True))

    @model_validator(mode="wrap")
    @classmethod
    def _all_errors_at_once(
        cls, data: Any, handler: ModelWrapValidatorHandler["OrderRequest"], info: ValidationInfo
    ) -> "OrderRequest":
        """Report the errors of all pictures together with those of single fields, each once."""
        found: list[InitErrorDetails] = []
        request = None
        try:
            request = handler(data)
        except PydanticValidationError as error:
            found += _own_errors(error, isinstance(data, dict) and isinstance(data.get("variants"), list))
        checked: dict[tuple[int, int], BackgroundSwapWithSpecRequest] = {}
        if isinstance(data, dict):
            found += [*_picture_errors(data, info, checked), *_repeated(data)]
        if request is not None:
            found += request._equal_variants()
        if found or request is None:
            once = {(tuple(one.get("loc", ())), str(one["type"])): one for one in found}
            raise PydanticValidationError.from_exception_data(cls.__name__, list(once.values()))
        request._checked = checked
        return request


def _own_errors(error: PydanticValidationError, listed: bool) -> Iterator[InitErrorDetails]:
    """Yield pydantic's errors. `listed`: the variants are a list, so errors about a number don't matter."""
    for one in error.errors():
        loc = one["loc"]
        if loc[:1] == ("variants",) and len(loc) > 1:  # pydantic adds the type of the union that it tried
            if str(loc[1]).startswith("list[") != listed:
                continue
            loc = ("variants", *loc[2:])
        yield error_at(one["type"], one["msg"], loc, one["input"])


def _picture_errors(
    data: dict[str, Any], info: ValidationInfo, checked: dict[tuple[int, int], BackgroundSwapWithSpecRequest]
) -> Iterator[InitErrorDetails]:
    """Check each variant for each preset as a single swap, and put the valid requests into `checked`."""
    catalogue = cast(dict[str, Catalogue], info.context)["catalogue"]
    variants, presets = data.get("variants", 1), data.get("presets")
    many = variants if type(variants) is int and 1 <= variants <= MAX_VARIANTS else 1  # else reported by the type check
    given = variants if isinstance(variants, list) else [{}] * many
    if not isinstance(presets, list):
        return
    for number, look in enumerate(given[:MAX_VARIANTS]):
        if not isinstance(look, dict):
            return  # reported by the type check
        own = {name for name in ("scene_type", "mood", "dominant_colors") if look.get(name) is not None}
        for place, preset in enumerate(presets[:MAX_PRESETS]):
            body = {name: data.get(name) for name in ("scene_type", "mood", "dominant_colors", "pilot_brand")}
            body |= {name: look[name] for name in own} | {"output_preset": preset, "source_image_s3_key": "photo"}
            known = catalogue.presets.get(preset) if isinstance(preset, str) else None
            if known is not None and known.background != "scene":
                body |= {"scene_type": "white", "dominant_colors": []}
            try:
                body = {name: value for name, value in body.items() if value is not None}
                checked[number, place] = BackgroundSwapWithSpecRequest.model_validate(body, context=info.context)
            except PydanticValidationError as error:
                for one in error.errors():
                    name, *rest = one["loc"]
                    loc: tuple[str | int, ...] = ("presets", place) if name == "output_preset" else (name, *rest)
                    loc = ("variants", number, *loc) if name in own else loc
                    yield error_at(one["type"], one["msg"], loc, one["input"])


def _repeated(data: dict[str, Any]) -> Iterator[InitErrorDetails]:
    presets = data.get("presets")
    listed = presets if isinstance(presets, list) else []
    for place, preset in enumerate(listed):
        if preset in listed[:place]:
            text = "This preset was sent before. Send each preset once"
            yield error_at("repeated", text, ("presets", place), preset)
