"""All pages and pictures of the site in one folder: those of docs/, those generated, and what they link to."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from scripts.docs import figures
from scripts.docs.api import api_page
from scripts.docs.catalogue import moods_page, picture_files, presets_page, scenes_page
from scripts.docs.client import client_page
from scripts.docs.commands import commands_page
from scripts.docs.errors import errors_page
from scripts.docs.settings import settings_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: The pages that are made of the sources, by their place in the site.
GENERATED: dict[str, Callable[[], str]] = {
    "reference/api.md": api_page,
    "reference/client.md": client_page,
    "reference/command-line.md": commands_page,
    "reference/settings.md": settings_page,
    "reference/scenes.md": scenes_page,
    "reference/moods.md": moods_page,
    "reference/presets.md": presets_page,
    "reference/errors.md": errors_page,
    # Without the empty column of the navigation: its tables are wide.
    "figures.md": lambda: f"---\nhide: [navigation]\n---\n\n{figures.page()}",
    "changelog.md": lambda: (ROOT / "CHANGELOG.md").read_text("utf-8"),
}
#: Documents of the repository that are pages of the site; others that a page links to come under `repository/`.
_PLACES = {PurePosixPath("CHANGELOG.md"): PurePosixPath("changelog.md")}
_PICTURES = {".jpg", ".jpeg", ".png", ".svg", ".webp"}
#: A link or picture of Markdown, but for those in code: its text with brackets, and its target.
_LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s]+)\)")
_CODE = re.compile(r"^( *)(```+|~~~+).*?^\1\2[ ]*$|(`+)(?!`)(?:(?!\n\n).)+?\3(?!`)", re.MULTILINE | re.DOTALL)


class PageBroken(Exception):
    """Raised when a page names a file that is not there; says which page, which file and what to do."""


@dataclass
class Assembly:
    """A folder of pages that grows by what its pages link to."""

    folder: Path
    #: Documents of the repository that are copied, or are about to be.
    known: set[PurePosixPath] = field(default_factory=set)
    due: list[PurePosixPath] = field(default_factory=list)

    def write(self, place: PurePosixPath, source: PurePosixPath, text: str) -> None:
        """Write a page; `place` is in the site, `source` in the repository. Raises PageBroken."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(self._parts(text, place, source)), "utf-8")

    def _parts(self, text: str, place: PurePosixPath, source: PurePosixPath) -> Iterator[str]:
        end = 0
        for code in _CODE.finditer(text):
            # A link's text may hold code: that link is looked at as a whole.
            if code.group().startswith("`") and not code.group(2) and _in_link(text, code.start()):
                continue
            yield _LINK.sub(lambda found: self._link(found, place, source), text[end : code.start()])
            yield code.group()
            end = code.end()
        yield _LINK.sub(lambda found: self._link(found, place, source), text[end:])

    def _link(self, found: "re.Match[str]", place: PurePosixPath, source: PurePosixPath) -> str:
        label, target = found.groups()
        path, hash_sign, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", target):
            return found.group()
        named = PurePosixPath(os.path.normpath(source.parent / path))
        if named.parts[:1] == ("docs",):
            within = PurePosixPath(*named.parts[1:])
            self._check(label, within, source)
            return f"{label}({_from(place, within)}{hash_sign}{anchor})"
        if not (ROOT / named).exists():
            raise PageBroken(f"{source}: the link to {target} leads to no file. Correct it or remove it.")
        if named.suffix == ".md":
            return f"{label}({_from(place, self._document(named))}{hash_sign}{anchor})"
        if label.startswith("!") or named.suffix in _PICTURES:
            copied = PurePosixPath("pictures", *named.parts)
            (self.folder / copied).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / named, self.folder / copied)
            return f"{label}({_from(place, copied)})"
        words = label[1:-1]
        return words if str(named) in words else f"{words} (`{named}` in the repository)"

    def _check(self, label: str, within: PurePosixPath, source: PurePosixPath) -> None:
        """Raise PageBroken for a picture that is not in docs/: the strict build looks at pages alone."""
        pictured = label.startswith("!") or within.suffix != ".md"
        if pictured and not (self.folder / within).exists():
            raise PageBroken(f"{source}: docs/{within} is not there. Correct the link or add the file.")

    def _document(self, named: PurePosixPath) -> PurePosixPath:
        place = _PLACES.get(named, PurePosixPath("repository") / named)
        if named not in _PLACES and named not in self.known:
            self.known.add(named)
            self.due.append(named)
        return place


def _in_link(text: str, at: int) -> bool:
    line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]
    column = at - text.rfind("\n", 0, at) - 1
    return any(found.start() < column < found.end() for found in _LINK.finditer(line))


def _from(place: PurePosixPath, target: PurePosixPath) -> str:
    return os.path.relpath(target, place.parent)


def assemble(folder: Path, docs: Path = DOCS) -> None:
    """Write all pages and pictures of the site into an empty folder.

    Raises PageBroken for a link to a file that is not there, and FileNotFoundError for a picture that set-up makes.
    """
    shutil.copytree(docs, folder, ignore=shutil.ignore_patterns("*.md", "*.toml"))
    (folder / "pictures").mkdir(exist_ok=True)
    for picture in picture_files():
        shutil.copyfile(picture, folder / "pictures" / picture.name)
    figures.plots(folder / "plots")
    assembly = Assembly(folder)
    for page in sorted(docs.rglob("*.md")):
        within = PurePosixPath(page.relative_to(docs).as_posix())
        assembly.write(within, PurePosixPath("docs") / within, page.read_text("utf-8"))
    for name, made in GENERATED.items():
        place = PurePosixPath(name)
        assembly.write(place, _source_of(place), made())
    while assembly.due:
        document = assembly.due.pop()
        assembly.write(PurePosixPath("repository") / document, document, (ROOT / document).read_text("utf-8"))


def _source_of(place: PurePosixPath) -> PurePosixPath:
    """Return where a generated page would be in the repository: its links are relative to that."""
    return next((source for source, there in _PLACES.items() if there == place), PurePosixPath("docs") / place)
