"""`backdrop bench gpu`: its page, its restart after a kill, and its row for a missing model."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from benchmarks.gpu.check import DEATHS, FULL, Amount, Check, Row, Step, run
from benchmarks.gpu.page import write_result
from benchmarks.gpu.steps import STEPS, compared
from pipeline.core.networks import Capabilities, FunctionSegmenter, Networks, Painted, PaintRequest
from pipeline.light.conditions import lit_drawing
from service.cli.main import main
from service.settings import Settings
from service.worker.networks import open_networks
from tests.models.hub.tiny_families import TINY_FAMILIES, save_controlnet

pytestmark = pytest.mark.gate  # loads what a worker loads, and swaps

LEAST = Amount(products=1, again=1, flights={1: 1}, on_cpu=True, limit=60, side=96)
NAMES = [step.name for step in STEPS]


class Copyist:
    """A generator that sees the product, and paints its input a little darker."""

    capabilities = Capabilities(size=64, holds=True)

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted]:
        for request in requests:
            request.on_step(0.5)
            request.on_step(1.0)
        seen = [lit_drawing(one.conditions) if one.laid is None else one.laid.picture for one in requests]
        return [picture * np.float32(0.97) for picture in seen]


@FunctionSegmenter
def middle(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Find a product in the photo's middle."""
    height, width = image.shape[:2]
    found = np.zeros((height, width), np.float32)
    found[height // 4 : -height // 4, width // 3 : -width // 3] = 1
    return found


def opened(settings: Settings) -> Networks:
    return Networks(middle, Copyist(), {"generator": "copyist", "generator_device": "cpu float32"})


def not_opened(settings: Settings) -> NoReturn:
    pytest.fail("the networks were loaded, and nothing was left to do")


@pytest.mark.nightly  # of a benchmark; it runs all steps
def test_a_killed_run_resumes_and_its_page_has_every_row(tmp_path: Path) -> None:
    settings, said = Settings(home=tmp_path, device="cpu"), list[str]()

    def killed(line: str) -> None:
        if line.startswith(f"[{NAMES.index('seed') + 1}/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(settings, tmp_path / "out", LEAST, STEPS, load=opened, say=killed)
    run(settings, tmp_path / "out", LEAST, STEPS, load=opened, say=said.append)
    assert said[0].startswith(f"[{NAMES.index('seed') + 1}/{len(STEPS)}]")
    about, rows = run(settings, tmp_path / "out", LEAST, STEPS, load=not_opened, say=pytest.fail)
    write_result(tmp_path / "out", about, rows)

    assert list(rows) == NAMES
    skipped = {name: row.said for name, row in rows.items() if row.how == "skipped"}
    simulated = {name for name, row in rows.items() if row.how == "simulated"}
    assert skipped.pop("depth") == "BACKDROP_CONTROLNET names no ControlNet"
    assert skipped == {
        **dict.fromkeys(("busy", "cpu"), "no CUDA device"),
        **dict.fromkeys(("flight-2", "flight-4", "flight-8"), "left out by --quick"),
    }
    assert simulated == {"loads", "memory", "step", "flight-1"}
    assert {row.how for row in rows.values()} == {"measured", "simulated", "skipped"}
    assert rows["seed"].figures == {"equal": True, "difference": 0}
    assert rows["growth"].figures == {"accepted": 1, "judged": 1, "fell_back": 0, "products": 1}
    stages = rows["stages"].figures
    assert stages["sketch"] < stages["painting"], "a darker picture is farther from the colours"
    page, line = (tmp_path / "out" / "index.html").read_text(), (tmp_path / "out" / "gpu-check.json").read_text()
    assert all(f">{row.title}<" in page for row in rows.values())
    assert page.index("No CUDA device.") < page.index("<table>")
    assert page.count("data:image/jpeg;base64,") == 3
    assert line.count("\n") == 1
    assert {name: row["how"] for name, row in json.loads(line)["rows"].items()} == {n: r.how for n, r in rows.items()}


@pytest.mark.nightly  # of a benchmark; it starts processes with torch
def test_a_step_that_fails_or_is_killed_is_a_row_and_the_others_run(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, device="cpu")

    def fails(check: Check) -> NoReturn:
        raise ValueError("Choose another precision.")

    def kills(check: Check) -> NoReturn:
        raise KeyboardInterrupt

    steps = [Step("a", "A", fails), Step("b", "B", kills), Step("c", "C", lambda check: Row("1 s"))]
    for _ in range(DEATHS):
        with pytest.raises(KeyboardInterrupt):
            run(settings, tmp_path / "out", LEAST, steps, load=opened, say=print)
    _, rows = run(settings, tmp_path / "out", LEAST, steps, load=opened, say=print)
    assert [row.how for row in rows.values()] == ["failed", "failed", "measured"]
    assert "Choose another precision." in rows["a"].said
    assert f"ended {DEATHS} times" in rows["b"].said
    with pytest.raises(ValueError, match="Choose another --out"):
        run(settings, tmp_path / "out", replace(LEAST, side=64), steps, load=opened, say=print)


def test_a_missing_model_is_reported_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDROP_GENERATOR", str(tmp_path / "no model"))
    result = CliRunner().invoke(main, ["gpu-check", "--quick", "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "no model" in result.output
    assert "Traceback" not in result.output


@pytest.mark.nightly  # of a benchmark; it paints with torch
def test_a_tiny_pipeline_under_a_controlnet_is_checked_in_full(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    pipe = TINY_FAMILIES["Z-Image-Turbo"](tmp_path)
    pipe.save_pretrained(tmp_path / "model")
    settings = Settings(
        home=tmp_path,
        device="cpu",
        generator=str(tmp_path / "model"),
        controlnet=str(save_controlnet(tmp_path, "Z-Image-Turbo", pipe)),
        generation_size=64,
    )
    say: Callable[[str], None] = print
    amount = replace(FULL, side=256)
    about, rows = run(settings, tmp_path / "out", amount, STEPS, say=say)
    assert {name for name, row in rows.items() if row.how == "skipped"} == {"busy", "cpu"}
    assert {row.how for row in rows.values()} == {"measured", "simulated", "skipped"}
    assert about["products"] == {"shipped": 6, "drawn": 18}
    assert sum(row.how == "simulated" for row in rows.values()) == 7
    assert rows["depth"].sheet
    assert rows["hold"].sheet
    write_result(tmp_path / "out", about, rows)
    check = Check(settings, tmp_path / "out", amount, None, open_networks, say)
    same = compared(check, ("cpu", "cpu"))
    assert same.figures["mean_delta_e00"] == 0
