"""The body of a swap request. The catalogue is its validation context, so that one answer lists all errors: types,
lengths, colours, unknown presets and presets that forbid the scene.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic import ValidationError as PydanticValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from pipeline.background.faults import ground_faults, shadow_faults
from pipeline.colour.notation import parse_colour
from pipeline.core.order import OptionFault, SwapOrder, photo_place
from pipeline.delivery.acceptance import acceptance_faults
from pipeline.delivery.output import output_faults
from pipeline.lettering.layers import layer_faults, placeholders
from pipeline.placement.frame import frame_faults
from pipeline.scene.surfaces import dressing_faults, tidied
from service.catalogue.catalogue import Catalogue
from service.catalogue.effects import unused
from service.catalogue.near_miss import near_miss
from service.catalogue.specs import planned_spec
from service.catalogue.templates import TEMPLATE

#: The fields of an order by the body's names.
_FIELDS = {
    "source_image_s3_key": "upload",
    "source_render_public_id": "render",
    "scene_type": "scene",
    "mood": "mood",
    "dominant_colors": "colors",
    "output_preset": "preset",
    "pilot_brand": "brand",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _no_control_characters(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("control_character", "String should have no control characters")
    return text


ShortText = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_no_control_characters)]


def _place(numbers: list[float]) -> list[float]:
    try:
        return list(photo_place(numbers))
    except ValueError as error:
        raise PydanticCustomError("subject_invalid", "{reason}", {"reason": str(error)}) from error


#: A point or a box that shows the product in its photo.
Subject = Annotated[list[float], AfterValidator(_place)]


def _parsed(colour: str) -> str:
    try:
        return parse_colour(colour)
    except ValueError as error:
        raise PydanticCustomError("colour_invalid", "{reason}", {"reason": str(error)}) from error


#: A colour in any notation, as #rrggbb.
Colour = Annotated[str, AfterValidator(_parsed)]


def _catalogue(info: ValidationInfo) -> Catalogue:
    return cast(dict[str, Catalogue], info.context)["catalogue"]


class OneSource(BaseModel):
    """A body that names a photo by one of two sources."""

    model_config = ConfigDict(extra="forbid")

    source_image_s3_key: str | None = Field(
        None, max_length=512, description="Key of the uploaded product photo, as POST /v1/uploads returned it."
    )
    source_render_public_id: str | None = Field(
        None, max_length=64, description="Public id of an earlier render. Backdrop uses its photo again."
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if wrong := _wrong_sources([self.source_image_s3_key, self.source_render_public_id]):
            raise wrong
        return self


def _wrong_sources(values: Sequence[object]) -> PydanticCustomError | None:
    """Return what is wrong with the values of the two sources."""
    match sum(bool(value) for value in values):
        case 1:
            return None
        case 0:
            text = "The source is missing. Send source_image_s3_key or source_render_public_id"
            return PydanticCustomError("source_missing", text)
        case _:
            text = "Both sources were sent. Send source_image_s3_key or source_render_public_id"
            return PydanticCustomError("source_ambiguous", text)


class BackgroundSwapWithSpecRequest(OneSource):
    """A product photo and the spec of its new background. Send exactly one of the two sources."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "source_image_s3_key": "uploads/01J9ZC4T7M3X6V2Q8R5N1B0KAD/01J9ZC5A1GZ7W6Y4T3S2R1Q0PN.jpg",
        "scene_type": "podium",
        "mood": "calm",
        "dominant_colors": ["#e8c7b8", "ivory"],
        "output_preset": "shopify_product",
    }

    scene_type: ShortText = Field(
        description="The scene: a name of GET /v1/scene-types, or free text of 1 to 120 characters."
    )
    mood: ShortText = Field(description="The light: a name of GET /v1/moods, or free text of 1 to 120 characters.")
    dominant_colors: list[Colour] = Field(
        default_factory=list,
        max_length=6,
        description="Colours of the background, most present first: #rgb, #rrggbb, a CSS name or rgb(r, g, b).",
    )
    output_preset: ShortText = Field(description="Place of publication: a name of GET /v1/output-presets.")
    pilot_brand: ShortText | None = Field(None, description="Name of the brand for this request, up to 120 characters.")

    @field_validator("scene_type", "mood")
    @classmethod
    def _named_or_described(cls, text: str, info: ValidationInfo) -> str:
        """Refuse a text that misspells a name, as a typo must not cost credits."""
        catalogue, is_scene = _catalogue(info), info.field_name == "scene_type"
        text = catalogue.scene(text).name if is_scene else catalogue.mood(text).name
        if meant := near_miss(text, catalogue.scenes if is_scene else catalogue.moods):
            raise PydanticCustomError(
                "near_miss", "Did you mean {meant}? If not, describe it in other words", {"meant": meant}
            )
        return text

    @field_validator("output_preset")
    @classmethod
    def _preset(cls, name: str, info: ValidationInfo) -> str:
        catalogue = _catalogue(info)
        if name not in catalogue.presets:
            meant = near_miss(name, catalogue.presets)
            hint = f" Did you mean {meant}?" if meant else ""
            nearest = ", ".join(catalogue.nearest_presets(name))
            raise PydanticCustomError(
                "unknown_preset",
                "There is no such output preset.{hint} The nearest are: {nearest}",
                {"hint": hint, "nearest": nearest},
            )
        return name

    @model_validator(mode="wrap")
    @classmethod
    def _together(
        cls, data: Any, handler: ModelWrapValidatorHandler["BackgroundSwapWithSpecRequest"], info: ValidationInfo
    ) -> "BackgroundSwapWithSpecRequest":
        """Report errors about several fields together with those of single fields."""
        errors: list[InitErrorDetails] = []
        request = None
        try:
            request = handler(data)
        except PydanticValidationError as error:
            errors = [error_at(one["type"], one["msg"], one["loc"], one["input"]) for one in error.errors()]
        if isinstance(data, dict):
            errors += _source_errors(data) + _scene_errors(data, _catalogue(info))
        if errors or request is None:
            raise PydanticValidationError.from_exception_data(cls.__name__, errors)
        return request

    @classmethod
    def of(cls, order: SwapOrder) -> "BackgroundSwapWithSpecRequest":
        """Return the body of an order, without another validation."""
        fields = {name: getattr(order, field) for name, field in _FIELDS.items()}
        return cls.model_construct(**fields | {"dominant_colors": list(order.colors)})

    def order(self, **query: Any) -> SwapOrder:
        """Return the order of this body and the values of its query."""
        fields = {field: getattr(self, name) for name, field in _FIELDS.items()}
        return SwapOrder(**fields | {"colors": tuple(self.dominant_colors)} | query)


def error_at(kind: str, text: str, loc: tuple[str | int, ...], value: Any) -> InitErrorDetails:
    """Return an error at a place of a body, for an exception with all of its errors."""
    custom = PydanticCustomError(cast(Any, kind), cast(Any, text.removeprefix("Value error, ")))
    return InitErrorDetails(type=custom, loc=loc, input=value)


def _source_errors(data: dict[str, Any]) -> list[InitErrorDetails]:
    names = ("source_image_s3_key", "source_render_public_id")
    values = [data.get(name) for name in names]
    if any(value is not None and not isinstance(value, str) for value in values):
        return []  # reported by the type check
    wrong = _wrong_sources(values)
    return [] if wrong is None else [InitErrorDetails(type=wrong, loc=names, input=values)]


def _scene_errors(data: dict[str, Any], catalogue: Catalogue) -> list[InitErrorDetails]:
    preset = catalogue.presets.get(str(data.get("output_preset")))
    try:
        scene = catalogue.scene(data.get("scene_type") or "")
    except (ValueError, TypeError, AttributeError):
        return []  # reported as the field's own error
    if preset is None or preset.background == "scene" or scene.name == "white":
        return []
    if near_miss(scene.name, catalogue.scenes):
        return []  # reported as a near miss
    kind = PydanticCustomError(
        "scene_forbidden",
        "{preset} allows only a white background. Send scene_type white, or output_preset {sibling} for a scene",
        {"preset": preset.name, "sibling": preset.scene_sibling or "shopify_product"},
    )
    return [InitErrorDetails(type=kind, loc=("scene_type",), input=data.get("scene_type"))]


class OrderRefused(ValueError):
    """Raised when an order is invalid. `wrong` has pairs of a request's field, such as `name[0]`, and a sentence."""

    def __init__(self, wrong: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(sentence for _, sentence in wrong))
        self.wrong = tuple(wrong)


def checked(catalogue: Catalogue, order: SwapOrder) -> SwapOrder:
    """Return an order that came without a request, checked by the same rules. Raises OrderRefused."""
    wrong = list[tuple[str, str]]()
    body = BackgroundSwapWithSpecRequest.of(replace(order, upload="a photo at hand", brand=None)).model_dump()
    try:
        request = BackgroundSwapWithSpecRequest.model_validate(body, context={"catalogue": catalogue})
        order = replace(order, scene=request.scene_type, mood=request.mood, colors=tuple(request.dominant_colors))
    except PydanticValidationError as error:
        for one in error.errors():
            field, *index = one["loc"]
            wrong.append((f"{field}" + "".join(f"[{number}]" for number in index), one["msg"]))
    for fault in () if wrong else option_faults(catalogue, order):
        received = "" if fault.received is None else f" (received {fault.received!r})"
        wrong.append((fault.field, fault.message + received))
    if wrong:
        raise OrderRefused(wrong)
    return catalogue.lettered(replace(order, dressing=tidied(order.dressing)))


def option_faults(catalogue: Catalogue, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults of the order's options. Its scene and preset must be valid."""
    preset, scene = catalogue.presets[order.preset], catalogue.scene(order.scene)
    yield from output_faults(preset, order.output)
    yield from dressing_faults(scene, preset, order.colors, order.dressing)
    yield from unused(order, planned_spec(catalogue, order), refused=True)
    for faults in (ground_faults, shadow_faults, frame_faults):
        yield from faults(preset, order)
    scenery = order.ground.composed and preset.background == "scene" and scene.kind != "white"
    yield from acceptance_faults(order.acceptance.accept, scenery=scenery)
    layers = catalogue.lettered(order).lettering.layers
    if layers.startswith(TEMPLATE):
        near = ", ".join(difflib.get_close_matches(layers, catalogue.templates, 3, cutoff=0)) or "none"
        message = f"There is no template {layers.removeprefix(TEMPLATE)!r}. The nearest of the catalogue: {near}"
        yield OptionFault("layers", "template_unknown", message, layers)
    elif layers:
        colours = order.colors or scene.palette
        yield from layer_faults(layers, preset, colours, catalogue.fonts, placeholders(order))
