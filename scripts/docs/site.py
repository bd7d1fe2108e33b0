"""The site: its pages assembled, its navigation checked, and built strictly by Zensical."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.docs.assemble import DOCS, ROOT, PageBroken, assemble

#: Where a build works; git ignores it.
WORK = ROOT / "build" / "docs"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class BuildFailed(Exception):
    """Raised when Zensical refuses the pages; holds its warnings."""


def build(work: Path = WORK, docs: Path = DOCS, progress: Callable[[str], None] = lambda _: None) -> Path:
    """Build the site in the folder `work`, which is emptied before, and return the folder of its files.

    Raises PageBroken, BuildFailed and FileNotFoundError, each with the remedy.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    config = work / "zensical.toml"
    shutil.copyfile(docs / "zensical.toml", config)
    progress("assembling the pages …")
    assemble(work / "docs", docs)
    check_navigation(tomllib.loads(config.read_text("utf-8")), work / "docs")
    progress("building the site …")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(config)]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        said = _COLOURS.sub("", done.stderr or done.stdout).partition("Traceback")[0].strip()
        raise BuildFailed(f"{said}\nThe pages have warnings. Correct the links and anchors above.")
    return work / "site"


def check_navigation(config: dict[str, Any], pages: Path) -> None:
    """Raise PageBroken where the navigation names a page that is not there, twice, or leaves a page out.

    Copies of the repository's documents are reached by links alone.
    """
    named = Counter(_pages_of(config["project"]["nav"]))
    there = {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")}
    there = {name for name in there if not name.startswith("repository/")}
    for about, names in (
        ("names pages that are not there", set(named) - there),
        ("leaves out pages", there - set(named)),
        ("names pages twice", {name for name, count in named.items() if count > 1}),
    ):
        if names:
            raise PageBroken(f"docs/zensical.toml: nav {about}: {', '.join(sorted(names))}. Correct it.")


def _pages_of(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
        return
    for entry in nav if isinstance(nav, list) else nav.values():
        yield from _pages_of(entry)


def serve(site: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve a folder on localhost until Ctrl-C; port 0 takes a free port. Raises OSError where the port is taken."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(site), **kwargs)

    with ThreadingHTTPServer(("127.0.0.1", port), Quiet) as server:
        ready(f"http://127.0.0.1:{server.server_port}")
        server.serve_forever()
