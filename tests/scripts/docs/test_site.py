"""The docs site builds strictly: a broken link, picture or navigation fails the build. `backdrop docs` runs it."""

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts.docs.__main__ import main as built
from scripts.docs.assemble import DOCS, PageBroken, assemble
from scripts.docs.site import BuildFailed, build, check_navigation
from service.cli import checkout as command
from service.cli.main import main

#: What a build may take. CPU time, since other tests run at the same time.
CPU_SECONDS = 20


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    return sum(os.times()[:4])


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A copy of docs/ to break."""
    return Path(shutil.copytree(DOCS, tmp_path / "docs"))


def append(page: Path, text: str) -> None:
    page.write_text(f"{page.read_text('utf-8')}\n{text}\n", "utf-8")


@pytest.mark.gate  # a process of Zensical's
def test_the_site_builds_strictly_and_asks_no_other_host(tmp_path: Path) -> None:
    started = cpu_seconds()
    site = build(tmp_path / "work")

    assert cpu_seconds() - started < CPU_SECONDS
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        text = page.read_text("utf-8")
        # A link is followed by a reader alone; the rest is loaded by the browser.
        loaded = re.findall(r'<(?:script|img|link|iframe|source)[^>]*?(?:src|href)="?((?:https?:)?//[^" >]+)', text)
        assert loaded == [], page
    for sheet in site.rglob("*.css"):
        assert re.findall(r"url\(\"?https?:|@import", sheet.read_text("utf-8")) == [], sheet


@pytest.mark.nightly  # the gate builds the site strictly above, and tests/test_documents.py follows its links
def test_each_broken_link_and_anchor_fails_the_build(tmp_path: Path, docs: Path) -> None:
    broken = (
        "[a page](start/nowhere.md)",
        "[an anchor](limits.md#nowhere)",
        "[a generated page's](reference/api.md#no_such_route)",
        "[a figure](figures.md#no-such-figure)",
    )
    append(docs / "index.md", "\n\n".join(broken))

    with pytest.raises(BuildFailed) as refused:
        build(tmp_path / "work", docs)
    said = str(refused.value)
    assert said.count("Warning: page does not exist") == 1
    assert said.count("Warning: anchor does not exist") == 3
    assert all(link in said for link in broken)


@pytest.mark.parametrize(
    "text",
    ["![a picture](assets/nowhere.png)", "[a file](../service/nowhere.py)", "![a picture](../service/sample/no.jpg)"],
)
def test_a_missing_picture_or_file_of_the_repository_fails_the_assembly(tmp_path: Path, docs: Path, text: str) -> None:
    append(docs / "index.md", text)

    with pytest.raises(PageBroken, match=r"docs/index\.md"):
        assemble(tmp_path / "pages", docs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda nav: [*nav, {"More": "more.md"}], "not there: more.md"),
        (lambda nav: nav[1:], r"leaves out pages: index\.md"),
        (lambda nav: [*nav, {"Again": [{"Home": "index.md"}]}], r"twice: index\.md"),
    ],
)
def test_a_navigation_that_misses_or_repeats_a_page_fails_the_build(
    tmp_path: Path, change: Callable[[list[object]], list[object]], said: str
) -> None:
    for name in ("index.md", "limits.md", "repository/README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    nav: list[object] = [{"Home": "index.md"}, {"More": [{"Limits": "limits.md"}]}]
    check_navigation({"project": {"nav": nav}}, tmp_path)

    with pytest.raises(PageBroken, match=said):
        check_navigation({"project": {"nav": change(nav)}}, tmp_path)


def test_links_that_leave_the_docs_lead_to_a_page_a_copied_picture_or_the_name_of_a_file(
    tmp_path: Path, docs: Path
) -> None:
    append(
        docs / "limits.md",
        "[scenes](../service/catalogue/scenes.toml) [`LICENSE`](../LICENSE) [tests](../tests/README.md#x)\n"
        "![bottle](../service/sample/bottle.jpg) `[code](../nowhere.md)`\n\n```md\n[code](../nowhere.md)\n```",
    )
    assemble(tmp_path / "pages", docs)

    text = (tmp_path / "pages" / "limits.md").read_text("utf-8")
    assert (
        "scenes (`service/catalogue/scenes.toml` in the repository) `LICENSE` [tests](repository/tests/README.md#x)"
        in text
    )
    assert "![bottle](pictures/service/sample/bottle.jpg)" in text
    assert (tmp_path / "pages" / "pictures" / "service" / "sample" / "bottle.jpg").is_file()
    assert (tmp_path / "pages" / "repository" / "tests" / "README.md").is_file()
    assert text.count("[code](../nowhere.md)") == 2


def test_it_hands_its_process_to_the_build_in_the_checkouts_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execv", lambda program, command: started.append((program, command, Path.cwd())))

    CliRunner().invoke(main, ["docs", "--port", "0", "--build", "site"], catch_exceptions=False)

    expected = [sys.executable, "-m", "scripts.docs", "--port", "0", "--build", str(tmp_path / "site")]
    assert started == [(sys.executable, expected, command.ROOT)]


def test_without_a_checkout_or_zensical_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    done = CliRunner().invoke(main, ["docs"])
    assert done.exit_code == 1
    assert "pip install '.[docs]'" in done.output

    monkeypatch.setattr(command, "ROOT", tmp_path)
    done = CliRunner().invoke(main, ["docs"])
    assert done.exit_code == 1
    assert "Run this command in a clone of Backdrop." in done.output
    assert importlib.util.find_spec("zensical") is not None, "the group dev has it"


def test_a_folder_that_is_not_empty_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").touch()
    monkeypatch.setattr(sys, "argv", ["docs", "--build", str(tmp_path)])

    assert built() == 1
    assert "is not empty. Name a new or an empty folder." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
