"""The studio page uses plain words, and has text for every code that the service sends."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

import service.marks.c2pa  # its failures count too
from pipeline.core.errors import PipelineError
from pipeline.delivery import acceptance
from service.catalogue.effects import WARNED, WORDS
from tests.support.plain_words import BANNED, MOST_WORDS

FOLDER = Path(str(files("service") / "studio"))
SCRIPTS = sorted(path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts)
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`\w])//[^\n]*", re.DOTALL)
#: Strings and templates. A template within another is read in pieces.
LITERAL = re.compile(r'"((?:\\.|[^"\\\n])*)"|`((?:\\.|[^`\\])*)`', re.DOTALL)


def codes_with_words(table: str) -> set[str]:
    """Return the names in one table of words.js."""
    script = (FOLDER / "page" / "words.js").read_text("utf-8")
    inside = script.split(f"const {table} = {{\n", 1)[1].split("\n};", 1)[0]
    return set(re.findall(r"^  (\w+):", inside, re.MULTILINE))


def failures(kind: type[PipelineError] = PipelineError) -> Iterator[str]:
    for one in kind.__subclasses__():
        yield one.code
        yield from failures(one)


@pytest.mark.parametrize("words", ["It is told", "Whoever asks", "moved by .5", "for nothing"])
def test_banned_words_are_found(words: str) -> None:
    assert BANNED.search(words)


def test_other_words_and_numbers_are_not_found() -> None:
    assert not BANNED.search("Moved by 0.5, or by 3.5. M3 8.5l3.2 …px, file.2")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_the_page_uses_no_banned_word(script: Path) -> None:
    for parts in LITERAL.findall(COMMENT.sub("", script.read_text("utf-8"))):
        text = re.sub(r"\$\{[^}]*\}", "…", "".join(parts))
        assert " " not in text or not BANNED.search(text), text
        if "\n" not in text:
            for sentence in re.split(r"(?<=[.!?])\s+|<[^>]*>", text):
                assert len(sentence.split()) <= MOST_WORDS, sentence


def test_every_warning_has_text_on_the_page() -> None:
    # The page does not show those of fields without effect: it sends such fields itself.
    assert set(WORDS) - codes_with_words("WARNED") == set(WARNED.values()) - {"colors_unused"}


def test_every_limit_of_a_picture_has_text_on_the_page() -> None:
    numbers = set(acceptance.AcceptanceLimits.model_fields) - {"set", "rules", "warnings", "attempts"}
    assert numbers - codes_with_words("LIMITS") == set()
    assert set(acceptance.RULES) - codes_with_words("RULES") == set()
    assert set(acceptance.NAMES) & set(WORDS) - codes_with_words("WARNED") == set()


def test_every_failure_has_a_remedy_on_the_page() -> None:
    assert service.marks.c2pa.SigningFailed.code in set(failures())
    others = {"cancelled", "internal_error", "queue_timeout", "source_deleted", "store_unavailable", "worker_lost"}
    assert {*failures(), *others} - {PipelineError.code} - codes_with_words("REMEDIES") == set()
