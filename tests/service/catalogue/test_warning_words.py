"""Warnings as sentences, for people who read text."""

from service.catalogue.warning_words import WORDS, in_words


def test_a_warning_is_a_sentence_with_its_code_and_an_unknown_warning_its_code() -> None:
    assert in_words("upscaled") == f"{WORDS['upscaled']} [upscaled]"
    assert in_words("of_a_newer_server") == "of_a_newer_server"
    for words in WORDS.values():
        assert words[0].isupper()
        assert words.endswith(".")
