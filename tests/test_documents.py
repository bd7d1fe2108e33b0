"""The documents for people who look for something: what they point at is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "service/README.md", "pipeline/README.md", "benchmarks/README.md"),
    *("tests/README.md", "models/README.md", "models/cutout/README.md", "models/renderer/README.md"),
    *("client/README.md", "service/sample/README.md", "docs/limits.md", "docs/command-line.md"),
)
#: Patterns of names, files that a program writes, and files of others.
NO_FILES = re.compile(r"(tests/)?x/(test_)?y\.py|out/.*|renderer/.*|train/.*|examples/.*|.*NNNN.*|.*…")
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|toml|md|js|json|txt|mako|jpg|png|safetensors))`")


def text_of(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def anchors(text: str) -> set[str]:
    """The anchors that its headings get, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading_of_it(document: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / document).parent / path if path else ROOT / document
        assert found.exists(), target
        assert not anchor or anchor in anchors(found.read_text("utf-8")), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_is_there(document: str) -> None:
    folder = (ROOT / document).parent
    for path in PATH.findall(text_of(document)):
        assert NO_FILES.fullmatch(path) or (folder / path).exists() or (ROOT / path).exists(), path


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 130
