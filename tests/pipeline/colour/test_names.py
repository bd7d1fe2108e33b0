"""Colour names for text encoders."""

from pipeline.colour.asked import NAMES, colour_name
from pipeline.colour.notation import parse_colour


def test_a_named_colour_and_a_close_one_have_its_name() -> None:
    assert {name: colour_name(colour) for name, colour in NAMES.items()} == {name: name for name in NAMES}
    assert colour_name("#2c4c4e") == "dark slate gray"
    assert colour_name("#e8c7b8") in ("peach", "misty rose", "wheat", "pink")


def test_the_names_are_csss_and_speakable() -> None:
    own = {"peach": "peachpuff"}
    for name, colour in NAMES.items():
        assert parse_colour(own.get(name, name.replace(" ", ""))) == colour
        assert name.isascii()
