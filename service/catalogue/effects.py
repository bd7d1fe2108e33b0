"""What each field of an order needs to have an effect on its picture: the one table of all fields and options."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.colour.notation import parse_colour
from pipeline.core.order import RECORDS, OptionFault, SwapOrder, all_options
from pipeline.core.spec import Spec


@dataclass(frozen=True)
class Need:
    """A condition on the resolved order, without which a field has no effect."""

    met: Callable[[Spec], bool]
    #: What the order has instead, and what to do, as words of a sentence.
    instead: Callable[[Spec], str]
    remedy: str
    #: Code of the 422 for a field without it, {} being the field; empty: the field is accepted with a warning.
    refused: str = ""


def _behind(spec: Spec) -> str:
    if (rule := spec.preset.background) != "scene":
        return f"output_preset={spec.preset.name}, whose background is {rule}"
    return f"scene_type={spec.scene.name}" if spec.ground.composed and spec.plain is not None else _ground(spec)


def _ground(spec: Spec) -> str:
    return f"background={spec.ground.background}"


def _shows_its_ground(spec: Spec) -> bool:
    word, plain = spec.ground.background, spec.plain
    if word == "color":
        return bool(plain) and parse_colour(plain or "") == parse_colour(spec.ground.background_color)
    return word == "scene" or plain is None


def _word(*words: str) -> Need:
    return Need(
        lambda spec: spec.ground.background in words, _ground, f"Send background={' or '.join(words)}", "{}_unused"
    )


def _fitted(spec: Spec) -> str:
    return f"background_fit={spec.ground.background_fit}"


def _fit(*words: str) -> Need:
    remedy = f"Send background_fit={' or '.join(words)}"
    return Need(lambda s: s.ground.background_fit in words, _fitted, remedy)


_ANOTHER = "Order a picture with a scene"
_SCENE = Need(lambda spec: spec.plain is None and spec.ground.composed, _behind, _ANOTHER)
_COLOURED = Need(lambda spec: _SCENE.met(spec) or "palette:" in spec.lettering.layers, _behind, _ANOTHER)
_SHOWN = Need(_shows_its_ground, _behind, _ANOTHER)
_IMAGE = Need(lambda spec: spec.plain is None and spec.ground.background == "image", _behind, "Send background=image")
_CAST = Need(lambda s: s.shadow.shadow != "none", lambda _: "shadow=none", "Choose another shadow", "shadow_unused")
#: The scene of an earlier render keeps its lamp.
_LAMP = Need(lambda spec: spec.ground.background != "render", _ground, "Choose another background")
_NO_LAMP = Need(
    lambda s: _LAMP.met(s) or s.shadow.shadow in ("none", "floating"), _ground, "Send shadow=none or floating"
)
#: By the name that callers send: what it needs. A field without needs always counts.
NEEDS: Mapping[str, tuple[Need, ...]] = {
    **dict.fromkeys((name for name, *_ in all_options()), ()),
    **dict.fromkeys(("output_preset", "pilot_brand", "preview", "subject", "reference", "metadata"), ()),
    "scene_type": (_COLOURED,),
    "mood": (_SCENE,),
    "dominant_colors": (_COLOURED,),
    **dict.fromkeys(("seed", "props", "colors_on"), (_SCENE,)),
    "background": (_SHOWN,),
    "background_color": (_word("color"), _SHOWN),
    "background_image": (_word("image", "reference"), _SHOWN),
    "background_render": (_word("render"), _SHOWN),
    "background_fit": (_IMAGE,),
    **dict.fromkeys(("background_x", "background_y"), (_IMAGE, _fit("cover", "position"))),
    "background_zoom": (_IMAGE, _fit("position")),
    "shadow": (_NO_LAMP,),
    "shadow_strength": (_CAST,),
    **dict.fromkeys(("shadow_softness", "shadow_direction"), (_CAST, _LAMP)),
}
#: Fields with a warning if they have no effect. Every request must send a scene and a mood, so these have none.
WARNED = {name: f"{name}_unused" for name, needs in NEEDS.items() if any(not one.refused for one in needs)}
del WARNED["scene_type"], WARNED["mood"]
WARNED["dominant_colors"] = "colors_unused"


def unused(order: SwapOrder, spec: Spec, *, refused: bool) -> Iterator[OptionFault]:
    """Yield a fault for each field that the caller sent without effect: those that are refused, or the others.

    `spec` is the resolved order. An earlier render's values are in `spec` alone.
    """
    sent = {name: value for name, value in order.given.items() if order.sends(name)}
    sent |= {"dominant_colors": ", ".join(order.colors)} if order.colors else {}
    sent |= {"seed": order.seed} if "seed" in order.sent else {}
    for name, value in sent.items():
        need = next((one for one in NEEDS[name] if bool(one.refused) == refused and not one.met(spec)), None)
        if need is not None:
            code = need.refused.format(name) if refused else WARNED[name]
            text = f"{name} has no effect with {need.instead(spec)}. {need.remedy}, or leave it out"
            yield OptionFault(name, code, text, None if refused else f"{value}"[:80])


def in_effect(order: SwapOrder, spec: Spec) -> dict[str, Any]:
    """Return every option of a resolved order: its default where it has no effect, and the preset's own output."""
    given = {name: value for record in RECORDS for name, value in vars(getattr(order, record)).items()}
    options = ((name, default) for name, _, default, _ in all_options())
    found = {name: given[name] if all(one.met(spec) for one in NEEDS[name]) else default for name, default in options}
    (width, height), preset = spec.preset.size or (None, None), spec.preset
    lossless = preset.formats[0] == "png" or preset.background == "transparent"
    quality = None if lossless else preset.quality[0]
    return found | {"width": width, "height": height, "format": preset.formats[0], "quality": quality}
