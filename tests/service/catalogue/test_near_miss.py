"""Which words are a misspelt name, and which are free text."""

import pytest

from service.catalogue.catalogue import load_catalogue
from service.catalogue.effects import WORDS, in_words
from service.catalogue.near_miss import near_miss

SCENES, MOODS = load_catalogue().scenes, load_catalogue().moods


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("podum", "podium"),
        ("Poduim", "podium"),
        ("podiums", "podium"),
        ("whte", "white"),
        ("noen", "neon"),
        ("marbel tabeltop", "marble_tabletop"),
        ("terrazo-counter", "terrazzo_counter"),
        ("wooden tables", "wooden_table"),
        ("flat lay lnen", "flat_lay_linen"),
    ],
)
def test_a_typing_slip_is_matched_to_the_intended_name(typed: str, meant: str) -> None:
    assert near_miss(typed, SCENES) == meant


@pytest.mark.parametrize(
    "words",
    ["marble table", "flat lay", "a window", "stadium", "velvet", "sand", "whitewash", "a mossy stone by a waterfall"],
)
def test_free_text_is_no_slip(words: str) -> None:
    assert near_miss(words, SCENES) is None


@pytest.mark.parametrize("words", ["clam", "cosy", "dramtic", "luxurios"])
def test_a_slip_in_a_mood_is_reported(words: str) -> None:
    assert near_miss(words, MOODS) is not None


@pytest.mark.parametrize("words", ["quiet", "bright", "romance", "luxury", "nature", "like a rainy sunday"])
def test_a_mood_in_words_is_no_slip(words: str) -> None:
    assert near_miss(words, MOODS) is None


def test_an_exact_name_is_no_slip_of_another() -> None:
    for names in (SCENES, MOODS, load_catalogue().presets):
        for name in names:
            assert near_miss(name, names) is None, "even etsy_listing, with ebay_listing in the list"


def test_other_digits_and_short_names_are_names_of_their_own() -> None:
    assert near_miss("spring_2026", ["spring_2025"]) is None
    assert near_miss("spirng_2025", ["spring_2025"]) == "spring_2025"
    assert near_miss("Spring 2025", ["spring_2025"]) == "spring_2025", "another case, where case counts"
    assert near_miss("abd", ["abc"]) is None
    assert near_miss("ABC", ["abc"]) is None
    assert near_miss("", ["abc", "podium"]) is None


def test_of_several_names_the_nearest_is_returned() -> None:
    assert near_miss("instagram_portrat", ["instagram_portraits", "instagram_portrait"]) == "instagram_portrait"


# Warnings as sentences, for readers of text


def test_a_warning_is_a_sentence_with_its_code_and_an_unknown_warning_its_code() -> None:
    assert in_words("upscaled") == f"{WORDS['upscaled']} [upscaled]"
    assert in_words("of_a_newer_server") == "of_a_newer_server"
    for words in WORDS.values():
        assert words[0].isupper()
        assert words.endswith(".")
