"""Every link of every document leads to a file and a heading, and every file that a document names is there."""

import re
import subprocess
from functools import cache
from pathlib import Path

from scripts.docs.assemble import GENERATED
from service.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
#: Names of patterns, of files that a program writes, and of files of others.
NO_FILES = re.compile(r"(tests/)?x/(test_)?y\.py|out/.*|renderer/.*|train/.*|examples/.*|.*NNNN.*|.*…")
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|toml|md|js|json|txt|mako|jpg|png|safetensors))`")
#: Pages of the docs site that are made when it is built, by the path that they would have.
PAGES = {f"docs/{place}": page for place, page in GENERATED.items()}


def tracked() -> list[str]:
    """Every document that git tracks, or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return sorted(name for name in listed if (ROOT / name).exists())


DOCUMENTS = tracked()


def text_of(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def without_code(text: str) -> str:
    """Return a document without its blocks of code, whose lines are no headings and no links."""
    return re.sub(r"^( *)(```+).*?^\1\2 *$", "", text, flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(path: str) -> set[str]:
    """The anchors of a document, or of a generated page: of its headings, as forges make them, and its own."""
    text = without_code(PAGES[path]() if path in PAGES else text_of(path))
    found = set(re.findall(r"\bid=\"([^\"]+)\"", text)) | set(re.findall(r"\{[^{}]*#([\w-]+)[^{}]*\}", text))
    for heading in re.findall(r"^ *#+ (.+)$", text, re.MULTILINE):
        if heading.endswith("}"):  # it names its anchor
            continue
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.add(re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-"))
    return found


def leads_nowhere(document: str, target: str) -> bool:
    """Whether a link of a document leads to no file or page, or to no heading of it."""
    if re.match(r"[a-z]+:", target):
        return False
    path, _, anchor = target.partition("#")
    found = ((ROOT / document).parent / path).resolve() if path else ROOT / document
    name = found.relative_to(ROOT).as_posix()
    return not (found.exists() or name in PAGES) or bool(anchor and anchor not in anchors(name))


def test_every_link_leads_to_a_file_and_a_heading_of_it() -> None:
    texts = {one: re.sub(r"`[^`\n]+`", "`code`", without_code(text_of(one))) for one in DOCUMENTS}
    links = ((one, target) for one, text in texts.items() for target in re.findall(r"\]\(<?([^)\s>]+)", text))
    assert [link for link in links if leads_nowhere(*link)] == []


def test_a_generated_page_is_found_by_its_anchors() -> None:
    assert {"swaps", "background_swap_with_spec", "schema-jobview"} - anchors("docs/reference/api.md") == {"swaps"}
    assert "backdrop_queue_url" in anchors("docs/reference/settings.md")
    assert "swap-2048-wall" in anchors("docs/figures.md")


def test_every_file_that_is_named_is_there() -> None:
    documents = (name for name in DOCUMENTS if not name.startswith("CHANGELOG"))
    named = ((one, path) for one in documents for path in PATH.findall(text_of(one)) if not NO_FILES.fullmatch(path))
    places = ((one, path, ((ROOT / one).parent / path, ROOT / path)) for one, path in named)
    assert [(one, path) for one, path, found in places if not any(place.exists() for place in found)] == []


def test_the_retention_table_names_each_setting_with_its_default_and_a_reason() -> None:
    rows = [line.strip("| ").split(" | ") for line in text_of("docs/guides/operators/retention.md").splitlines()]
    table = {row[1].strip("`"): row for row in rows if len(row) == 4 and row[1].startswith("`")}
    kept = {name for name in Settings.model_fields if re.search("_(days|hours|ttl)$", name)}

    assert set(table) == {f"BACKDROP_{name.upper()}" for name in kept}
    for name in kept:
        _, _, said, why = table[f"BACKDROP_{name.upper()}"]
        number, unit = re.match(r"([\d.]+) (day|hour|second)", said).groups()  # type: ignore[union-attr]  # fails here
        assert float(number) == Settings.model_fields[name].default, name
        assert unit == {"days": "day", "hours": "hour", "ttl": "second"}[name.rpartition("_")[2]], name
        assert why


def test_the_readme_is_short_and_its_badges_say_what_the_package_says() -> None:
    assert len(text_of("README.md").splitlines()) <= 130
    package = text_of("pyproject.toml")
    for badge, shown, said in (
        ("licence", ">Apache-2.0<", 'license = "Apache-2.0"'),
        ("python", ">3.11 or newer<", 'requires-python = ">=3.11"'),
    ):
        assert f"docs/assets/badges/{badge}.svg" in text_of("README.md")
        assert shown in text_of(f"docs/assets/badges/{badge}.svg")
        assert said in package
