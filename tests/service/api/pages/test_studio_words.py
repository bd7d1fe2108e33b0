"""The studio page uses plain words, and has text for every code that the service sends."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

import service.marks.c2pa  # its failures count too
from pipeline.core.errors import PipelineError
from pipeline.delivery import acceptance
from service.catalogue.effects import WARNED
from service.catalogue.warning_words import WORDS
from tests.support.plain_words import BANNED, MOST_WORDS

FOLDER = Path(str(files("service") / "studio"))
SCRIPTS = sorted(path for path in FOLDER.rglob("*.js") if "vendor" not in path.parts)
#: A regular expression begins where a value can: after an operator, never after a name or a closing bracket.
TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/"
    r"|(?:(?<=[(,=:\[!&|?{};>\n])|(?<=return))\s*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/"
    r"""|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?P<tick>`)|(?P<open>\{)|(?P<close>\})""",
    re.DOTALL,
)


def literals(script: str) -> list[str]:
    """Return the strings and templates of a script. "…" replaces the expressions in a template."""
    found: list[str] = []
    _read_code(script, 0, found)
    return found


def _read_code(script: str, at: int, found: list[str]) -> int:
    """Add the literals from there to the closing brace; return where that is."""
    depth = 0
    while token := TOKEN.search(script, at):
        at = token.end()
        if token["string"]:
            found.append(token["string"][1:-1])
        elif token["tick"]:
            at = _read_template(script, at, found)
        elif token["open"]:
            depth += 1
        elif token["close"]:
            if depth == 0:
                return at
            depth -= 1
    return len(script)


def _read_template(script: str, at: int, found: list[str]) -> int:
    parts = []
    while script[at] != "`":
        if script.startswith("${", at):
            at = _read_code(script, at + 2, found)
            parts.append("…")
        else:
            at += script[at] == "\\"
            parts.append(script[at])
            at += 1
    found.append("".join(parts))
    return at + 1


def sentences(literal: str) -> Iterator[str]:
    """Return the sentences of a literal, without tags."""
    for text in re.split(r"<[^>]*>|\n\s*\n", literal):
        yield from re.split(r"(?<=[.!?])\s+", text)


def codes_with_words(table: str) -> set[str]:
    """Return the names in one table of words.js."""
    script = (FOLDER / "words.js").read_text("utf-8")
    inside = script.split(f"const {table} = {{\n", 1)[1].split("\n};", 1)[0]
    return set(re.findall(r"^  (\w+):", inside, re.MULTILINE))


def failures(kind: type[PipelineError] = PipelineError) -> Iterator[str]:
    for one in kind.__subclasses__():
        yield one.code
        yield from failures(one)


def test_literals_are_found_and_comments_are_not() -> None:
    script = """
        /** `told` */ const a = "one", b = 6 / 2; // 'told'
        const c = text.replace(/["'`/]+/g, `two ${f({ d: "three", e: `four ${b}` })} .5 \\`five`);
    """

    assert literals(script) == ["one", "three", "four …", "two … .5 `five"]


@pytest.mark.parametrize("words", ["It is told", "Whoever asks", "moved by .5", "for nothing"])
def test_banned_words_are_found(words: str) -> None:
    assert BANNED.search(words)


def test_other_words_and_numbers_are_not_found() -> None:
    assert not BANNED.search("Moved by 0.5, or by 3.5. M3 8.5l3.2 …px, file.2")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_the_page_uses_no_banned_word(script: Path) -> None:
    for literal in literals(script.read_text("utf-8")):
        if " " not in literal:
            continue  # a name
        assert not BANNED.search(literal), literal
        for sentence in sentences(literal):
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
