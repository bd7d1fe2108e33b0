"""No banned word in any file, and no long sentence in documents."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.plain_words import BANNED, MOST_WORDS, markdown_sentences, markdown_text, python_text

ROOT = Path(__file__).resolve().parents[1]
#: Tests that quote the banned words, and files without Backdrop's own text: licences, the lock file, modules from
#: elsewhere, pictures and weights.
LEFT_OUT = re.compile(
    r"^tests/(test_words|support/plain_words|service/api/pages/test_studio_words)\.py$"
    r"|^LICENSE|^client/LICENSE|requirements|/vendor/|\.(jpg|png|webp|svg|npz|onnx|safetensors|json|txt)$"
)


def worded_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if not LEFT_OUT.search(name) and (ROOT / name).is_file()]


def texts_of(name: str) -> list[str]:
    text = (ROOT / name).read_text("utf-8")
    if name.endswith(".py"):
        return list(python_text(text))
    return list(markdown_text(text)) if name.endswith(".md") else text.splitlines()


@pytest.mark.parametrize(
    "source",
    [
        "def told(): pass",
        '"It is told."',
        "x = 1  # whoever asks",
        '"""As it stands."""',
        "a = f'for nothing {b}'",
        "# .5 s",
    ],
)
def test_banned_words_are_found(source: str) -> None:
    assert any(BANNED.search(text) for text in python_text(source))


@pytest.mark.parametrize("source", ["x = .5", 'open("mask.2.png")', "# 0.5 of 3.5", '"retold"', "toldest = 1"])
def test_other_words_and_code_are_not_found(source: str) -> None:
    assert not any(BANNED.search(text) for text in python_text(source))


def test_no_file_has_a_banned_word() -> None:
    found = [
        f"{name}: …{text[max(0, match.start() - 40) : match.end() + 40]}…"
        for name in worded_files()
        for text in texts_of(name)
        if (match := BANNED.search(text))
    ]
    assert found == []


def test_no_sentence_of_a_document_has_more_than_25_words() -> None:
    documents = (name for name in worded_files() if name.endswith(".md"))
    sentences = ((name, one) for name in documents for one in markdown_sentences((ROOT / name).read_text("utf-8")))
    assert [f"{name}: {one}" for name, one in sentences if len(one.split()) > MOST_WORDS] == []
