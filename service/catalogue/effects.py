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

#: The warnings of pictures as sentences with a remedy, for the command line and tables. The studio page has its own
#: (`service/studio/page/words.js`).
WORDS = {
    "scene_in_words": "The scene is in your own words, so Backdrop built the nearest scene.",
    "scene_lacks": "Your scene's words name things that Backdrop does not draw. A hub model can paint them.",
    "mood_in_words": "The mood is in your own words. Only a generator that reads prompts uses them.",
    "colors_unused": "Some of your colours were not used: nothing in this preset or scene is painted in them.",
    "brand_unknown": "You have no brand with this name, so it changed nothing in this picture.",
    "low_confidence": "The cut-out is uncertain. Check the outline; a plainer backdrop or more light helps.",
    "transparent_material_suspected": "The product looks transparent. The old background may show through.",
    "several_subjects": "The photo seems to show several things, and all were kept. Crop the photo to keep only one.",
    "held_by_hand": "A hand holds the product. Erase fingers that were left, or photograph the product standing.",
    "subject_touches_edge": "The photo crops the product, so the product stays at that edge of the picture.",
    "scene_unsuited": "The scene does not suit how the product stands, so it is shown from another angle.",
    "placement_unsure": "Backdrop is not sure that all of the product stands. Check that it stands well in the scene.",
    "cropped": "The picture crops a part of the product that the photo shows. Choose a preset of the photo's shape.",
    "frame_overridden": "The photo crops the product, so it stays at the picture's edge against your frame.",
    "copy_space_busy": "The room for copy is not calm. Try another seed or scene, or put a plain shape under the text.",
    "generator_fell_back": "The model's paintings were rejected, so Backdrop composed a background. Try another seed.",
    "background_upscaled": "Your background picture is small, so it was enlarged and looks soft. Send a larger one.",
    "background_busy": "Your background is busy around the product, which draws the eye away. Choose a calmer picture.",
    "layer_moved": "A text or logo had no room at its place, so it was moved. Choose another place, or a smaller size.",
    "layer_reduced": "A text or logo was too large for its place, so it was made smaller. Choose a smaller size.",
    "layer_left_out": "A text or logo had no room beside the product, so it was left out. Allow it over the product.",
    "low_contrast": "A text is hard to read on what is behind it. Use the colour auto, or a plate.",
    "logo_enlarged": "A logo has too few pixels for its size, so it looks soft. Send an SVG or a larger picture.",
    "upscaled": "The photo is smaller than this preset needs, so the product was enlarged. Send a larger photo.",
}
_NAMED = ((code, name) for name, code in WARNED.items() if code not in WORDS)
WORDS |= {code: f"The field {name} had no effect on this picture. Leave it out." for code, name in _NAMED}


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


def in_words(code: str) -> str:
    """Return a warning as a sentence with its code, or only the code if it is unknown."""
    return f"{WORDS[code]} [{code}]" if code in WORDS else code
