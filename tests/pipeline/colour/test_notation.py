"""Colour notation: the accepted spellings, and hex in both directions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageColor

from pipeline.colour.notation import hex_to_rgb, parse_colour, rgb_to_hex


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#abc", "#aabbcc"),
        ("#A1B2C3", "#a1b2c3"),
        ("  Teal ", "#008080"),
        ("rebeccapurple", "#663399"),
        ("rgb(1,2,3)", "#010203"),
        ("RGB( 255 , 0, 128 )", "#ff0080"),
    ],
)
def test_the_four_spellings_are_read(text: str, colour: str) -> None:
    assert parse_colour(text) == colour


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "#ab", "#abcd", "#aabbccdd", "#ggg", "aabbcc", "notacolour", "transparent", "x" * 5000),
        *("rgb(1,2)", "rgb(256,0,0)", "rgb(10%,0%,0%)", "rgb(-1,0,0)", "rgb(1.5,0,0)", "rgba(1,2,3,0.5)"),
        *("hsl(0,100%,50%)", "#\u0661\u0662\u0663", "rgb(\u0661,2,3)"),  # Arabic-Indic digits
    ],
)
def test_any_other_spelling_is_refused_with_the_accepted_ones(text: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb") as refused:
        parse_colour(text)
    assert len(str(refused.value)) < 250


def test_every_css_name_is_read_and_restored_from_its_six_digits() -> None:
    assert len(ImageColor.colormap) > 140
    for name in ImageColor.colormap:
        colour = parse_colour(name)
        assert rgb_to_hex(hex_to_rgb(colour)) == colour


@given(st.text(max_size=30))
def test_any_text_is_a_colour_or_a_value_error(text: str) -> None:
    try:
        colour = parse_colour(text)
    except ValueError:
        return
    assert rgb_to_hex(hex_to_rgb(colour)) == colour


@pytest.mark.parametrize("text", ["red", "#abc", "abcdef", "#abcdeg"])
def test_hex_to_rgb_takes_six_digits_only(text: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        hex_to_rgb(text)
