"""The page that CONTRIBUTING has you look at after a change of the pipeline is made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.picture import quality
from benchmarks.picture.orders import TABLES, Config, Work
from benchmarks.picture.rivals import Rivals
from pipeline.core.spec import Spec
from tests.support.still_life import Darkener, jpeg, networks, preset, spec, still_life


class Session:
    """A session of rembg for the stand-in network."""

    def predict(self, image: Image.Image) -> list[Image.Image]:
        mask = networks().segmenter(np.asarray(image.convert("RGB")))
        return [Image.fromarray(np.rint(mask * 255).astype(np.uint8))]


def both() -> Rivals:
    return Rivals(networks(Darkener(size=64)), Session())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Work], Config]:
    """Two swaps, a refused photo, a row of fidelity and one of palette."""
    folder = tmp_path_factory.mktemp("quality")
    (folder / "jar of <b>.jpg").write_bytes(jpeg(still_life(240, 300)[0]))
    Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(folder / "grey.png")
    jar, grey = folder / "jar of <b>.jpg", folder / "grey.png"
    asked: list[tuple[str, str, Path, Spec]] = [
        ("looks", "1", jar, spec("podium", palette=("#2f5d50",), place=preset((200, 160), form="jpeg"))),
        ("looks", "2", grey, spec("sweep")),
        ("presets", "1", jar, spec("white", place=preset((160, 160), "white", "jpeg"))),
        ("fidelity", "1", jar, spec("sweep", place=preset((160, 160), form="jpeg"))),
    ]
    works = [*(Work(*one) for one in asked), Work("palette", "000", jar)]
    config = Config(folder / "out", None, 128)
    quality.run(works, config, TABLES, both=both())
    return config.out, works, config


@pytest.mark.gate  # a second of swaps
def test_the_page_has_a_card_for_each_swap_and_names_what_was_refused(finished: Any) -> None:
    text = (finished[0] / "index.html").read_text()
    assert text.count("<article") == 3
    assert "<b>no_subject</b>" in text
    assert "jar of &lt;b&gt;" in text
    assert "jar of <b>" not in text


@pytest.mark.gate  # as above
def test_a_resumed_run_measures_only_what_is_missing(finished: Any) -> None:
    out, works, config = finished
    before = json.loads((out / "figures.json").read_text())["rows"]
    kept = {path: path.stat().st_mtime_ns for path in (out / "swaps").iterdir()}
    further = Work("looks", "3", works[2].photo, works[2].spec)
    quality.run([*works, further], config, TABLES, resume=True, both=both())
    after = json.loads((out / "figures.json").read_text())["rows"]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert after["looks"].pop("3")["photo"] == works[0].photo.stem
    assert after == before
