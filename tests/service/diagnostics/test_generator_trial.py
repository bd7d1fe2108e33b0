"""`backdrop doctor --generator` on tiny real pipelines: its output, and that it fails as a job would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli.main import main
from service.diagnostics.generator_trial import trial
from service.settings import Settings


@pytest.mark.gate  # paints with a pipeline; the fast lane has the refusals
@pytest.mark.nightly  # models/hub has the pipeline, the tests below the failures
def test_it_reports_where_and_how_a_model_runs_and_what_it_supports(
    tiny_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    settings = Settings(
        home=tmp_path, generator=str(tiny_folder("Z-Image-Turbo")), device="cpu", generation_size=64, steps=1
    )
    said = list(trial(settings))
    assert "ZImageImg2ImgPipeline" in said[0]
    assert said[0].endswith("on cpu float32")
    assert said[1].startswith("loaded in")
    assert "family Z-Image-Turbo; licence: Apache-2.0; selling its pictures: yes" in said[2]
    assert said[3] == "can see the product while it paints, paint several jobs at once"
    assert said[4].startswith("can't read colours")
    assert said[5] == "depth: no, BACKDROP_CONTROLNET names no ControlNet (ZImageControlNetModel)"
    assert [line.split(",")[0] for line in said[6:]] == ["instagram_square", "instagram_portrait"]
    assert all("MiB at most" in line for line in said[6:])


def test_the_doctor_fails_with_the_sentence_of_the_job(tiny_folder: Callable[[str], Path], tmp_path: Path) -> None:
    arguments: list[Any] = ["doctor", "--no-networks", "--home", str(tmp_path)]
    result = CliRunner().invoke(main, [*arguments, "--generator", str(tiny_folder("stable-diffusion-xl-inpainting"))])
    assert result.exit_code == 1
    assert "takes 9 channels" in result.output
    assert "Name the base model" in result.output


def test_an_invalid_controlnet_fails_with_the_settings_name(
    tiny_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDROP_CONTROLNET", str(tmp_path / "nowhere"))
    arguments: list[Any] = ["doctor", "--no-networks", "--home", str(tmp_path)]
    result = CliRunner().invoke(main, [*arguments, "--generator", str(tiny_folder("stable-diffusion-v1-5"))])
    assert result.exit_code == 1
    assert "BACKDROP_CONTROLNET is" in result.output
