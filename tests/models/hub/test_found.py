"""What a generator is called in the report, and what is cached by: model, weights and how it is run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.hub.found import find
from tests.support.tiny_pipelines import load_pipeline


def test_whatever_changes_the_picture_changes_the_version(tiny_folder: Callable[[str], Path]) -> None:
    folder = tiny_folder("stable-diffusion-v1-5")
    plain: dict[str, Any] = {"size": 64, "steps": 3, "strength": 0.5, "guidance_scale": 2.0}
    others: list[dict[str, Any]] = [
        {"size": 128},
        {"steps": 4},
        {"strength": 0.25},
        {"guidance_scale": 3.0},
        {"latent_colour": True},
    ]
    versions = [load_pipeline(folder, **plain | other).version for other in [{}, *others]]
    assert len(set(versions)) == len(versions)
    assert "size=64 steps=3 strength=0.5 guidance=2.0" in versions[0]
    assert "sha256:" in versions[0]


def test_a_revision_is_asked_for_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import diffusers

    asked: dict[str, object] = {}

    def load_config(model: str, **source: object) -> dict[str, str]:
        asked.update(source, model=model)
        return {"_class_name": "ZImagePipeline"}

    monkeypatch.setattr(diffusers.DiffusionPipeline, "load_config", load_config)
    found = find("Tongyi-MAI/Z-Image-Turbo@f332072a")
    assert asked == {"model": "Tongyi-MAI/Z-Image-Turbo", "revision": "f332072a", "local_files_only": False}
    assert (found.name, found.revision) == ("Tongyi-MAI/Z-Image-Turbo", "f332072a")
    assert found.family is not None
    assert found.family.name == "Z-Image-Turbo"
