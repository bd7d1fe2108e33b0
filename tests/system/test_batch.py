"""A folder of photos to several places of publication: at a server and here, stopped anywhere, and gone on with."""

import asyncio
import csv
import io
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from benchmarks.storm.photos import bad
from benchmarks.storm.worker import lean_networks
from pipeline.core.networks import Networks
from service.accounts.clients import Accounts
from service.batch.batch import Batch
from service.batch.here import LocalMaker
from service.batch.manifest.outcome import Made
from service.batch.manifest.pairs import Pair, pair_up
from service.batch.manifest.photos import find_photos
from service.batch.manifest.spec_file import read_order
from service.batch.manifest.state import State
from service.database.tables import renders
from service.settings import Settings
from tests.service.cli.test_cli import run
from tests.support.polling import until
from tests.support.served import Served

BACKDROP = str(Path(sys.executable).with_name("backdrop"))
PRESETS = ("transparent_cutout", "instagram_landscape")


def photo(number: int = 0) -> bytes:
    """A small photo without a cut-out of its own, another one for each number."""
    picture = np.full((120, 100, 3), (225, 228, 230), np.uint8)
    picture[20:100, 30:70] = (60 + number % 180, 30, 90)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


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
        # A shell that runs the tests in the background has its children ignore Ctrl-C.
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, preexec_fn=heed)

    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO((self.out / "results.csv").read_text())))

    def pictures(self) -> list[str]:
        """What lies in the folders of the presets, halves included."""
        files = [path for preset in PRESETS for path in (self.out / preset).rglob("*") if path.is_file()]
        return sorted(path.relative_to(self.out).as_posix() for path in files)

    def memory(self) -> list[str]:
        return (self.out / ".backdrop-batch" / "state.jsonl").read_text().splitlines(keepends=True)

    def has(self, enough: int) -> None:
        """Wait until so many pictures are there."""
        until(lambda: sum(not name.endswith(".part") for name in self.pictures()) >= enough, timeout=300)

    def entries(self) -> "Counter[str]":
        """How many debits and refunds the ledger holds."""
        assert self.served is not None
        accounts = Accounts(self.served.installation.engine)
        _, entries = accounts.credits(accounts.named(self.name).id, latest=1000)
        return Counter(entry.kind for entry in entries)


@pytest.fixture
def shoot(served: Served, tmp_path: Path) -> Shoot:
    return Shoot(tmp_path, served)


def outcomes(out: Path) -> list[Made]:
    """The pictures that a folder remembers."""
    with State(out) as state:
        return [entry.made for entry in state._entries.values() if entry.made is not None]


# The acceptance: forty photos, two presets, killed half-way


def test_a_batch_that_was_killed_half_way_goes_on_and_pays_nothing_twice(served: Served, shoot: Shoot) -> None:
    served.installation.fleet.worker()
    for number in range(40):
        shoot.add(f"{'ab'[number % 2]}/{number}.png", photo(number))

    process = shoot.start("--jobs", "6")
    shoot.has(40)
    process.kill()
    process.communicate()
    assert sum(row.count('"made"') for row in shoot.memory()) < 80
    result = shoot.run("--jobs", "6")

    assert result.exit_code == 0, result.output
    assert len(shoot.pictures()) == 80
    assert "80 of 80 pictures" in result.output
    assert shoot.entries() == {"grant": 1, "debit": 80}
    made = outcomes(shoot.out)
    assert (len(made), len({one.job_id for one in made}), len({one.file for one in made})) == (80, 80, 80)
    assert Counter(one.cutout for one in made) == {"computed": 40, "cached": 40}
    assert served.installation.wrong() == []


def test_ctrl_c_and_sigterm_keep_what_is_done_and_say_how_to_go_on(shoot: Shoot) -> None:
    for number in range(12):
        shoot.add(f"{number}.png", photo(100 + number))

    for number, enough in ((signal.SIGINT, 3), (signal.SIGTERM, 8)):
        process = shoot.start("--jobs", "2")
        shoot.has(enough)
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)

        assert process.returncode == 130, said
        assert "The same command goes on from here." in said
        assert "Traceback" not in said
        done = [row for row in shoot.rows() if row["status"] == "SUCCESS"]
        assert enough - 2 <= len(done) < 24, "two may have lain there that were not written down yet"
        assert not [name for name in shoot.pictures() if name.endswith(".part")]
        assert "To be made" in (shoot.out / "index.html").read_text()
    assert shoot.run().exit_code == 0
    assert len(shoot.pictures()) == 24
    assert shoot.entries() == {"grant": 1, "debit": 24}


# At a server


def test_a_photo_that_fails_stops_no_other_and_is_told_in_table_and_sheet(shoot: Shoot) -> None:
    shoot.add("shoes/red.png", photo(1))
    shoot.add("hats/red.png", photo(2))
    shoot.add("nothing.png", bad()["no_subject"])
    shoot.add("broken.jpg", b"<html>")
    shoot.add("notes.txt", b"the red ones first")
    shoot.add(".DS_Store", b"")

    result = shoot.run()

    assert result.exit_code == 1
    assert "skipped  notes.txt: no picture" in result.output
    assert "4 of 8 pictures" in result.output
    assert "4 failed and cost nothing" in result.output
    assert shoot.pictures() == [
        f"{preset}/{folder}/red.{'jpg' if preset == 'instagram_landscape' else 'png'}"
        for preset in sorted(PRESETS)
        for folder in ("hats", "shoes")
    ]
    rows = shoot.rows()
    codes = Counter((row["photo"], row["status"], row["error_code"]) for row in rows)
    assert codes == {
        ("broken.jpg", "FAILURE", "photo_unreadable"): 2,
        ("hats/red.png", "SUCCESS", ""): 2,
        ("nothing.png", "FAILURE", "no_subject"): 2,
        ("shoes/red.png", "SUCCESS", ""): 2,
    }
    assert {row["credits"] for row in rows if row["status"] == "SUCCESS"} == {"1", "2"}
    assert all(row["job_id"] and row["seed"] and row["fidelity"] for row in rows if row["status"] == "SUCCESS")
    page = Page(shoot.out / "index.html")
    assert {"broken.jpg", "no_subject", "photo_unreadable", "red.png"} <= page.words
    assert page.missing == []
    assert not {"script", "link", "iframe"} & page.tags
    assert not [link for link in page.links if "://" in link or link.startswith("/")]


def test_a_second_run_makes_only_what_failed_changed_or_went_missing(shoot: Shoot) -> None:
    first = shoot.add("first.png", photo(3))
    shoot.add("second.png", photo(4))
    shoot.add("nothing.png", bad()["no_subject"])
    assert shoot.run().exit_code == 1
    assert shoot.entries() == {"grant": 1, "debit": 6, "refund": 2}

    assert shoot.run().exit_code == 1
    assert shoot.entries() == {"grant": 1, "debit": 8, "refund": 4}, "what failed is another job"
    (shoot.photos / "nothing.png").unlink()
    first.write_bytes(photo(5))
    (shoot.out / "transparent_cutout" / "second.png").write_bytes(b"scratched")
    again = shoot.run()

    assert again.exit_code == 0, again.output
    assert "1 of them from before" in again.output
    assert shoot.entries() == {"grant": 1, "debit": 10, "refund": 4}, "a lost file is fetched again, not paid again"
    shoot.spec.write_text('scene = "white"\nmood = "calm"\n[[photo]]\nname = "second.png"\nseed = 7\n')
    assert shoot.run().exit_code == 0
    assert shoot.entries()["debit"] == 12
    assert {row["seed"] for row in shoot.rows() if row["photo"] == "second.png"} == {"7"}


def test_credits_that_end_are_said_before_and_the_rest_waits_for_a_grant(served: Served, tmp_path: Path) -> None:
    shoot = Shoot(tmp_path, served, credits=2)
    for number in range(4):
        shoot.add(f"{number}.png", photo(10 + number))

    result = shoot.run(presets="transparent_cutout")

    assert result.exit_code == 1
    assert "What is left costs 4 credits, and 2 are there" in result.output
    assert Counter(row["error_code"] for row in shoot.rows()) == {"": 2, "insufficient_credits": 2}
    Accounts(served.installation.engine).grant(shoot.name, 2)
    assert shoot.run(presets="transparent_cutout").exit_code == 0
    assert shoot.entries() == {"grant": 2, "debit": 4}


def test_a_submit_whose_answer_was_never_written_down_is_not_paid_again(shoot: Shoot) -> None:
    shoot.add("jar.png", photo(30))
    assert shoot.run(presets="transparent_cutout").exit_code == 0
    (first,) = outcomes(shoot.out)
    kept = [line for line in shoot.memory() if '"run"' in line or '"uploaded"' in line]
    (shoot.out / ".backdrop-batch" / "state.jsonl").write_text("".join(kept))
    (shoot.out / first.file).unlink()

    assert shoot.run(presets="transparent_cutout").exit_code == 0

    (second,) = outcomes(shoot.out)
    assert (len(kept), second.job_id) == (2, first.job_id)
    assert shoot.entries() == {"grant": 1, "debit": 1}


def test_a_picture_that_the_server_keeps_no_longer_is_made_anew(served: Served, shoot: Shoot) -> None:
    shoot.add("jar.png", photo(31))
    assert shoot.run(presets="transparent_cutout").exit_code == 0
    (first,) = outcomes(shoot.out)
    with served.installation.engine.begin() as connection:
        connection.execute(renders.delete().where(renders.c.job_id == first.job_id))
    (shoot.out / first.file).unlink()

    assert shoot.run(presets="transparent_cutout").exit_code == 0

    (second,) = outcomes(shoot.out)
    assert second.job_id != first.job_id
    assert (shoot.out / second.file).is_file()


def test_photos_of_the_same_bytes_are_paid_once_and_lie_in_both_places(shoot: Shoot) -> None:
    for name in ("one.png", "copy/one.png"):
        shoot.add(name, photo(20))

    assert shoot.run(presets="transparent_cutout").exit_code == 0

    assert shoot.pictures() == ["transparent_cutout/copy/one.png", "transparent_cutout/one.png"]
    assert shoot.entries() == {"grant": 1, "debit": 1}


def test_all_that_is_wrong_is_told_before_anything_is_sent(shoot: Shoot) -> None:
    shoot.add("jar.png", photo())
    shoot.add("lamp.png", photo(1))
    more = '[[photo]]\nname = "jra.png"\nseed = 1\n[[photo]]\nname = "lamp.png"\nscene = "neon\\n"\n'
    shoot.spec.write_text('scene = "podium"\nmood = "calm"\n' + more)

    result = shoot.run(presets="shopify,amazon_main")

    assert result.exit_code == 2
    assert "--presets: There is no such output preset. The nearest are: shopify_product" in result.output
    assert "lamp.png: scene: String should have no control characters." in result.output
    assert "photo[0].name: no photo is called 'jra.png'. The nearest are: jar.png" in result.output
    assert shoot.entries() == {"grant": 1}


# Here


def test_a_batch_here_loads_the_networks_once_and_cuts_each_photo_out_once(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    for number in range(2):
        shoot.add(f"{number}.png", photo(number))
    shoot.add("nothing.png", bad()["no_subject"])
    loaded = list[Settings]()

    def load(settings: Settings) -> Networks:
        loaded.append(settings)
        return lean_networks(settings)

    groups = pair_up(find_photos(shoot.photos, but=shoot.out).photos, PRESETS, read_order(shoot.spec))
    with State(shoot.out) as state, LocalMaker(Settings(home=tmp_path), shoot.out, concurrency=2, load=load) as maker:
        batch = Batch(groups, state, shoot.out)
        asyncio.run(batch.run(maker, Unseen(), concurrency=2))
        batch.write()

        assert len(loaded) == 1
        assert Counter(one.cutout for one in batch.made) == {"computed": 2, "cached": 2}
        assert [one.code for one in batch.failed] == ["no_subject"] * 2
        assert len(shoot.pictures()) == 4
        assert Page(shoot.out / "index.html").missing == []
        assert Batch(groups, state, shoot.out).left == [
            pair for pair in batch.pairs if pair.photo.name == "nothing.png"
        ]


class Unseen:
    """Watches and shows nothing."""

    def started(self, pair: Pair) -> None:
        pass

    def progress(self, pair: Pair, stage: str, fraction: float) -> None:
        pass

    def ended(self, pair: Pair, outcome: Any) -> None:
        pass


def test_here_brands_are_refused_and_specs_checked_before_the_networks_load(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    shoot.add("jar.png", photo())

    result = shoot.run("--brand", "acme", presets="shopify")

    assert result.exit_code == 2
    assert "brand: A server keeps the brands; name it with --url." in result.output
    assert "--presets: There is no such output preset. The nearest are: shopify_product" in result.output
    shoot.add("jar.png", b"").unlink()
    assert "There is no photo in" in shoot.run().output


class Page(HTMLParser):
    """What a page links to, and says."""

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
