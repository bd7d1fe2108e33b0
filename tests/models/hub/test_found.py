"""A generator's version in the report and the cache: its model, its weights and how it runs."""

import contextlib
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.hub.controlnet import DepthChoice
from models.hub.found import PATIENCE, ModelNotHere, find, located
from testkit.receiver import Quiet, serving
from tests.support.tiny_pipelines import FolderOf, load_pipeline


def test_every_setting_that_changes_the_picture_changes_the_version(tiny_folder: FolderOf) -> None:
    folder = tiny_folder("stable-diffusion-v1-5")
    plain: dict[str, Any] = {"size": 64, "steps": 3, "strength": 0.5, "guidance_scale": 2.0}
    others: list[dict[str, Any]] = [
        {"size": 128},
        {"steps": 4},
        {"strength": 0.25},
        {"guidance_scale": 3.0},
    ]
    versions = [load_pipeline(folder, **plain | other).version for other in [{}, *others]]
    assert len(set(versions)) == len(versions)
    assert "size=64 steps=3 strength=0.5 guidance=2.0" in versions[0]
    assert "sha256:" in versions[0]


#: Of a turbo model of SDXL, by the files of its folder.
CONFIGS: dict[str, dict[str, Any]] = {
    "model_index.json": {"_class_name": "StableDiffusionXLPipeline", "scheduler": ["diffusers", "Euler"]},
    "scheduler/scheduler_config.json": {
        "_class_name": "EulerAncestralDiscreteScheduler",
        "timestep_spacing": "trailing",
    },
}


class Hub(Quiet):
    """A hub whose model has only these files."""

    files = CONFIGS
    asked: list[str]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        file = self.path.partition("/resolve/")[2].partition("/")[2]
        body = json.dumps(self.files.get(file)).encode()
        self.send_response(200 if file in self.files else 404)
        self.send_header("ETag", f'"{hash(file)}"')
        self.send_header("X-Repo-Commit", "f332072a" * 5)
        self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture(name="hub_at")
def _hub_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    """Puts the hub at a port of the loopback interface, with an empty cache."""

    def at(port: int) -> None:
        url = f"http://127.0.0.1:{port}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
        template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    return at


def test_a_hub_that_is_away_is_asked_once_and_named_with_the_model_and_the_remedy(
    hub_at: Callable[[int], None],
) -> None:
    hub_at(9)

    with pytest.raises(ModelNotHere, match=r"'acme/painter' is not a local folder.*127\.0\.0\.1:9.*name a folder"):
        find("acme/painter@v1")


def test_a_hub_that_never_answers_is_given_up_after_the_timeout(
    hub_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.hub.found.PATIENCE", 0.2)
    assert PATIENCE <= 5
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub_at(silent.getsockname()[1])

        with pytest.raises(ModelNotHere, match="timed out"):
            find("acme/painter")
        asked = []
        silent.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while True:
                with silent.accept()[0] as caller:
                    asked.append(caller.recv(4096).partition(b" HTTP")[0])
    assert asked.count(b"HEAD /acme/painter/resolve/main/model_index.json") == 1


def test_a_cached_model_is_opened_while_the_hub_is_away(
    hub_at: Callable[[int], None], tmp_path: Path, tiny_folder: FolderOf
) -> None:
    hub_at(9)
    kept = tmp_path / "models--acme--painter"
    shutil.copytree(tiny_folder("stable-diffusion-v1-5"), kept / "snapshots" / "c0ffee")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("c0ffee")

    assert located("acme/painter", "model_index.json") == ("acme/painter", {"local_files_only": True})
    (kept / "snapshots" / "c0ffee" / "config.json").write_text("{}")
    assert DepthChoice("acme/painter").version() == "depth=acme/painter@c0ffee", "the bytes that steer it"


@pytest.mark.parametrize("model", ["/nowhere/at/all", "a/b/c"])
def test_a_name_that_is_neither_a_folder_nor_a_hub_id_is_refused_without_asking_the_hub(model: str) -> None:
    with pytest.raises(ModelNotHere, match="neither an existing folder nor a hub id"):
        find(model)


@pytest.fixture(name="hub")
def _hub(hub_at: Callable[[int], None]) -> Iterator[type[Hub]]:
    class Own(Hub):
        asked: list[str] = []  # noqa: RUF012  # for this class alone

    with serving(Own) as port:
        hub_at(port)
        yield Own


def test_a_revision_is_requested_and_the_family_comes_from_its_config(hub: type[Hub]) -> None:
    found = find("acme/any-name@v1")
    assert (found.name, found.revision, found.doubt) == ("acme/any-name", "v1", None)
    assert found.family is not None
    assert found.family.name == "SDXL-Turbo"
    assert all("/resolve/v1/" in path for path in hub.asked)


def test_a_hub_id_that_contains_a_lone_unet_is_recognised_by_its_file(hub: type[Hub]) -> None:
    hub.files = {"sdxl_lightning_8step_unet.safetensors": {}}
    found = find("acme/any-name")
    assert found.lone
    assert found.family is not None
    assert found.family.name == "SDXL-Lightning, 8 steps"
    hub.files = {"something.bin": {}}
    with pytest.raises(ModelNotHere, match=r"neither a model_index\.json nor a known UNet"):
        find("acme/another")


def test_a_hub_that_never_ends_its_answer_is_given_up_in_time(
    hub_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr("models.hub.found.LIMIT", 0.2)
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", lambda *_, **__: over.wait(30))

    with pytest.raises(ModelNotHere, match=r"no answer in 0\.2 s.*name a folder"):
        find("acme/painter")
    over.set()


def test_the_same_weights_in_two_folders_run_alike(tiny_folder: FolderOf, tmp_path: Path) -> None:
    folders = [shutil.copytree(tiny_folder("sdxl-turbo"), tmp_path / name) for name in ("sdxl-base", "schnell-base")]
    one, two = (load_pipeline(folder, size=64) for folder in folders)
    assert one.version.replace("sdxl-base", "schnell-base") == two.version
    assert one.capabilities == two.capabilities
    assert [found.name for folder in folders if (found := find(folder).family)] == 2 * ["SDXL-Turbo"]


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        ("stable-diffusion-3.5-medium", "the same as that of 'Stable Diffusion 3.5 Large Turbo'"),
        ("sdxl-lightning", "'SDXL-Lightning, 8 steps' or 'SDXL'"),
        ("FLUX.1-Fill-dev", "matches no known family"),
    ],
)
def test_an_ambiguous_config_is_reported_with_the_setting(tiny_folder: FolderOf, name: str, doubt: str) -> None:
    said = find(tiny_folder(name)).doubt
    assert said is not None
    assert doubt in said
    assert "set BACKDROP_GENERATOR_FAMILY" in said
    assert find(tiny_folder("sdxl-turbo")).doubt is None
    assert find(tiny_folder("sdxl-lightning"), "sdxl").doubt is None
