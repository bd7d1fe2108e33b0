"""Warnings in words: each that the page knows has a sentence for those who read text, and the other way round."""

import re
from importlib.resources import files

from service.catalogue.warning_words import WORDS, in_words


def test_command_line_and_page_have_words_for_the_same_warnings() -> None:
    script = (files("service") / "studio" / "words.js").read_text("utf-8")
    (page,) = re.findall(r"export const WARNINGS = \{(.*?)^\};", script, re.MULTILINE | re.DOTALL)

    assert set(WORDS) == set(re.findall(r"^  (\w+): \[", page, re.MULTILINE))


def test_a_warning_is_a_sentence_with_its_code_and_an_unknown_one_the_code() -> None:
    assert in_words("upscaled") == f"{WORDS['upscaled']} [upscaled]"
    assert in_words("of_a_newer_server") == "of_a_newer_server"
    for words in WORDS.values():
        assert words[0].isupper()
        assert words.endswith(".")
