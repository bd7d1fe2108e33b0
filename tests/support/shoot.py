"""A folder of photos, the batch made from it, and the batch's page."""

import csv
import io
import signal
import subprocess
from collections import Counter
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from click.testing import Result
from PIL import Image

from service.accounts.clients import Accounts
from testkit.polling import until
from testkit.specimens import saved
from testkit.up import BACKDROP
from tests.support.command_line import run
from tests.support.served import Served

PRESETS = ("transparent_cutout", "instagram_landscape")


def photo(number: int = 0) -> bytes:
    """Return a small photo without a cut-out of its own, a different one for each number."""
    picture = np.full((120, 100, 3), (225, 228, 230), np.uint8)
    picture[20:100, 30:70] = (60 + number % 180, 30, 90)
    return saved(Image.fromarray(picture), "PNG")


class Shoot:
    """A folder of photos with a spec, and the command that makes a batch of it."""

    def __init__(self, folder: Path, served: Served | None = None, *, credits: int = 1000) -> None:
        self.photos, self.out, self.spec = folder / "photos", folder / "out", folder / "spec.toml"
        self.photos.mkdir()
        self.spec.write_text('scene = "white"\nmood = "calm"\n')
        self.served, self.name = served, folder.name
        key = served.register(self.name, credits) if served else ""
        self.server = ("--url", served.url, "--key", key) if served else ()

    def add(self, name: str, data: bytes) -> Path:
        path = self.photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def arguments(self, *more: str, presets: str = ",".join(PRESETS)) -> list[str]:
        made_of = ["--spec", str(self.spec), "--presets", presets, "-o", str(self.out)]
        return ["batch", str(self.photos), *made_of, *self.server, *more]

    def run(self, *more: str, **changes: str) -> Result:
        return run(*self.arguments(*more, **changes))

    def start(self, *more: str) -> "subprocess.Popen[str]":
        command = [BACKDROP, *self.arguments(*more)]
        # A shell that runs the tests in the background makes their children ignore Ctrl-C.
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, preexec_fn=heed)

    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO((self.out / "results.csv").read_text())))

    def pictures(self) -> list[str]:
        """Return the files in the presets' folders, half-written files included."""
        files = [path for preset in PRESETS for path in (self.out / preset).rglob("*") if path.is_file()]
        return sorted(path.relative_to(self.out).as_posix() for path in files)

    def memory(self) -> list[str]:
        return (self.out / ".backdrop-batch" / "state.jsonl").read_text().splitlines(keepends=True)

    def has(self, enough: int) -> None:
        """Wait until this many pictures are there."""
        until(lambda: sum(not name.endswith(".part") for name in self.pictures()) >= enough)

    def entries(self) -> "Counter[str]":
        """Return the number of debits and of refunds in the ledger."""
        assert self.served is not None
        accounts = Accounts(self.served.installation.engine)
        _, entries, _ = accounts.credits(accounts.named(self.name).id, limit=1000)
        return Counter(entry.kind for entry in entries)


class Page(HTMLParser):
    """The links and the text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.tags, self.words, self.ids = list[str](), set[str](), set[str](), set[str]()
        self.feed(path.read_text("utf-8"))
        files = [path.parent / unquote(link) for link in self.links if not link.startswith("#")]
        self.missing = [file for file in files if not file.is_file()]
        self.missing += [Path(link) for link in self.links if link.startswith("#") and link[1:] not in self.ids]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"} and value]
        self.ids |= {value for name, value in attrs if name == "id" and value}

    def handle_data(self, data: str) -> None:
        self.words |= set(data.split())
