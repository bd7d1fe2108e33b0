"""Layers: what is read, what is refused, and with which remedy."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.core.order import Lettering, SwapOrder
from pipeline.lettering.layers import MAX_LAYERS, Layer, filled, keys, layer_faults, layers_of, placeholders
from service.catalogue.catalogue import load_catalogue
from service.catalogue.templates import bundled_fonts

ORDER = SwapOrder("podium", "calm", "shopify_product", metadata=(("price", "€ 12"),))
PALETTE = ("#e8c7b8", "#203040")
NEW = {"text": "New"}


def order_of(layers: Any, **more: Any) -> SwapOrder:
    text = layers if isinstance(layers, str) else json.dumps(layers)
    return replace(ORDER, lettering=Lettering(text), **more)


def faults(layers: Any, preset: str = "shopify_product", **more: Any) -> list[tuple[str, str, str]]:
    order = order_of(layers, **more)
    allowed = load_catalogue().presets[preset]
    found = layer_faults(order.lettering.layers, allowed, PALETTE, bundled_fonts(), placeholders(order))
    return [(one.field, one.code, one.message) for one in found]


def test_a_layer_that_names_every_key_is_read_as_it_was_sent() -> None:
    sent = {name: value for name, _, value, _ in keys() if name not in ("logo", "alt")}
    sent |= NEW | {"to": "product", "anchor": "below", "color": "palette:2", "plate": "rgb(1, 2, 3)", "margin": 2}

    assert faults([sent]) == []
    assert layers_of(json.dumps([sent])) == (Layer(**sent),)
    assert faults([{"logo": "uploads/a/b.png", "alt": "Acme"}]) == faults("") == faults("[]") == []


BAD: dict[str, tuple[Any, str, str]] = {
    "text": ("", "layer_value_invalid", "characters"),
    "logo": ("", "layer_value_invalid", "characters"),
    "alt": ("Acme", "layer_key_unused", "Leave it out"),
    "font": ("comic", "font_unknown", "source_sans_pro"),
    "weight": (1000, "layer_value_invalid", "100 to 900"),
    "size": (0.1, "layer_value_invalid", "0.5 to 100"),
    "size_of": ("depth", "layer_value_invalid", "height, width"),
    "color": ("palette:3", "colour_invalid", "2 colours"),
    "align": ("justify", "layer_value_invalid", "left"),
    "line_height": (9, "layer_value_invalid", "0.7 to 3"),
    "max_width": (float("nan"), "layer_value_invalid", "5 to 100"),
    "plate": ("hsl(1, 2, 3)", "colour_invalid", "#rrggbb"),
    "plate_opacity": (2, "layer_value_invalid", "0 to 1"),
    "to": ("page", "layer_value_invalid", "canvas, product"),
    "anchor": ("above", "layer_anchor", '"to": "product"'),
    "x": ("1", "layer_value_invalid", "a number"),
    "y": (101, "layer_value_invalid", "-100 to 100"),
    "margin": (True, "layer_value_invalid", "a number"),
    "opacity": (0, "layer_value_invalid", "0.05 to 1"),
    "over_product": ("yes", "layer_value_invalid", "true or false"),
    "colour": ("red", "layer_key_unknown", "Did you mean color?"),
}


def test_every_key_has_a_bad_value_here() -> None:
    assert {name for name, *_ in keys()} <= set(BAD)


@pytest.mark.parametrize("key", BAD)
def test_a_bad_value_is_named_with_its_remedy(key: str) -> None:
    value, code, remedy = BAD[key]
    content = {} if key in ("text", "logo") else NEW

    found = faults([NEW, content | {key: value}])

    assert (f"layers[1].{key}", code) in [one[:2] for one in found], found
    assert remedy in next(message for field, _, message in found if field == f"layers[1].{key}")


@pytest.mark.parametrize("text", ["{", "[" * 5000, '{"text": "New"}', json.dumps([NEW] * (MAX_LAYERS + 1)), "[1e999"])
def test_what_is_no_list_of_layers_is_refused_whole(text: str) -> None:
    assert [one[:2] for one in faults(text)] == [("layers", "layers_invalid")]


def test_a_layer_is_a_text_or_a_logo() -> None:
    for wrong in ({}, {"text": "New", "logo": "a.png"}, {"anchor": "top"}):
        assert ("layers[0]", "layer_content") in [one[:2] for one in faults([wrong])]
    assert [one[1] for one in faults([7])] == ["layer_invalid"]


def test_a_place_that_forbids_text_names_its_sibling() -> None:
    ((field, code, message),) = faults([NEW], "amazon_main")
    assert (field, code) == ("layers", "layers_forbidden")
    assert "amazon_lifestyle" in message


def test_missing_characters_are_named_with_a_font_that_has_them() -> None:
    ((_, code, message),) = faults([{"text": "Café Ж", "font": "amatic_sc"}])
    assert code == "characters_missing"
    assert "lacks Ж" in message
    assert "source_sans_pro" in message
    assert "none here" in faults([{"text": "茶"}])[0][2]


def test_placeholders_are_filled_from_the_order_and_unknown_ones_refused() -> None:
    asked = order_of([{"text": "{reference}: {metadata.price}"}], reference="Jar 5")

    assert layers_of(filled(asked).layers)[0].text == "Jar 5: € 12"
    assert filled(order_of([NEW])) == order_of([NEW]).lettering
    ((_, code, message),) = faults([{"text": "{metadata.colour}"}])
    assert code == "layer_placeholder_unknown"
    assert "{metadata.price}" in message
    # the value is checked as well as the text
    assert faults([{"text": "{reference}"}], reference="茶")[0][1] == "characters_missing"
