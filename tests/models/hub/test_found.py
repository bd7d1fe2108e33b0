"""What a generator is called in the report, and what is cached by: model, weights and how it is run."""

import contextlib
import shutil
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from models.hub.found import PATIENCE, ModelNotHere, find, located
from tests.support.tiny_pipelines import load_pipeline


def test_whatever_changes_the_picture_changes_the_version(tiny_folder: Callable[[str], Path]) -> None:
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


class Hub(BaseHTTPRequestHandler):
    """A hub that has every file."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("X-Repo-Commit", "f332072a")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(name="hub_at")
def _hub_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    """Puts the hub at a port of the loopback interface, with a cache that keeps nothing."""

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

    with pytest.raises(ModelNotHere, match=r"'acme/painter' is no folder here.*127\.0\.0\.1:9.*name a folder"):
        find("acme/painter@v1")


def test_a_hub_that_never_answers_is_waited_for_as_long_as_its_patience_alone(
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


def test_what_the_hubs_cache_keeps_is_opened_while_the_hub_is_away(
    hub_at: Callable[[int], None], tmp_path: Path, tiny_folder: Callable[[str], Path]
) -> None:
    hub_at(9)
    kept = tmp_path / "models--acme--painter"
    shutil.copytree(tiny_folder("stable-diffusion-v1-5"), kept / "snapshots" / "c0ffee")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("c0ffee")

    assert located("acme/painter", "model_index.json") == ("acme/painter", {"local_files_only": True})


@pytest.mark.parametrize("model", ["/nowhere/at/all", "a/b/c"])
def test_what_is_neither_a_folder_nor_a_hub_id_is_told_without_asking_the_hub(model: str) -> None:
    with pytest.raises(ModelNotHere, match="neither a folder that is there nor a hub id"):
        find(model)


def test_a_revision_is_asked_for_and_told(monkeypatch: pytest.MonkeyPatch, hub_at: Callable[[int], None]) -> None:
    import diffusers

    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub_at(server.server_port)

    asked: dict[str, object] = {}

    def load_config(model: str, **source: object) -> dict[str, str]:
        asked.update(source, model=model)
        return {"_class_name": "ZImagePipeline"}

    monkeypatch.setattr(diffusers.DiffusionPipeline, "load_config", load_config)
    found = find("Tongyi-MAI/Z-Image-Turbo@f332072a")
    server.shutdown()
    server.server_close()
    assert asked == {"model": "Tongyi-MAI/Z-Image-Turbo", "revision": "f332072a", "local_files_only": False}
    assert (found.name, found.revision) == ("Tongyi-MAI/Z-Image-Turbo", "f332072a")
    assert found.family is not None
    assert found.family.name == "Z-Image-Turbo"
