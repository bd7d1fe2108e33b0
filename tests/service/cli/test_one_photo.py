"""`backdrop swap` and `backdrop cutout` on this machine."""

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import FunctionSegmenter, Networks
from testkit.still_life import two_products
from testkit.worker import lean_networks
from tests.support import shoot, worker
from tests.support.command_line import run
from tests.support.worker import BOTTLE as SMALL_BOTTLE

BOTTLE = str(files("service") / "sample" / "bottle.jpg")


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (["--preset", "shopify", "--scene", "podium"], "shopify_product"),
        (["--preset", "amazon_main", "--scene", "podium"], "amazon_lifestyle"),
        (["--preset", "open_graph", "--scene", "podum"], "--scene: Did you mean podium?"),
        (["--preset", "open_graf", "--scene", "podium"], "Did you mean open_graph?"),
        (["--preset", "open_graph", "--scene", "podium", "--color", "reddish"], "#rrggbb"),
        (
            ["--preset", "open_graph", "--scene", "podium", *["--color", "red"] * 7],
            "--color: List should have at most 6",
        ),
        (["--preset", "open_graph", "--scene", "podium", "-o", "x.gif"], ".jpg, .jpeg, .png, .webp, .avif"),
        (["--preset", "open_graph", "--scene", "podium", "-o", "x.png", "--format", "jpeg"], "-o with --format: 'x"),
        (["--preset", "transparent_cutout", "--scene", "white", "-o", "x.JPG"], "Use png or webp"),
        (
            ["--preset", "open_graph", "--scene", "podium", "--color", "teal", "--colors-on", "ceiling:teal"],
            "--colors-on: The scene podium has no surface ceiling. It has wall, floor and accent",
        ),
    ],
)
def test_an_impossible_swap_names_the_option_and_the_remedy(tmp_path: Path, options: list[str], remedy: str) -> None:
    result = run("swap", BOTTLE, "--mood", "calm", "-o", str(tmp_path / "out.jpg"), *options)

    assert result.exit_code == 2
    assert remedy in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(name="loaded")
def _loaded(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give commands the networks that all tests share."""
    for module in ("local", "networks"):
        monkeypatch.setattr(f"service.worker.{module}.open_networks", lambda settings: networks)


@pytest.fixture
def lean(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Give commands networks that cost nothing, and return a photo for them."""
    monkeypatch.setattr("service.worker.local.open_networks", lean_networks)
    return shoot.photo()


@pytest.mark.gate
@pytest.mark.usefixtures("loaded")
def test_a_local_swap_writes_the_picture_in_the_format_of_its_suffix_and_its_report(tmp_path: Path) -> None:
    output, photo = tmp_path / "deep" / "out.webp", tmp_path / "bottle.jpg"
    photo.write_bytes(worker.BOTTLE)

    result = run(
        *("swap", str(photo), "--scene", "marble_tabletop", "--mood", "like early snow", "--color", "#cfe3d4"),
        *("--preset", "open_graph", "--seed", "4", "--scale", "0.9", "--turn", "2", "-o", str(output)),
        *("--stance", "lying", "--keep", str(tmp_path / "kept"), "--quiet"),
        *("--props", "none", "--colors-on", "table:#CFE3D4"),
    )

    assert result.exit_code == 0, result.output
    assert "warning: The mood 'like early snow' is free text" in result.output
    assert "Named moods: calm, natural" in result.output
    assert result.output.count("[mood_in_words]") == 1
    assert "scene_in_words" not in result.output
    assert len(list((tmp_path / "kept" / "cutouts" / "local").iterdir())) == 1
    with Image.open(output) as picture:
        assert (picture.size, picture.format) == ((1200, 630), "WEBP")
    report = json.loads((tmp_path / "deep" / "out.webp.json").read_text())
    parts = {"palette", "fidelity", "preset", "cutout", "provenance", "placement", "marks", "publishable"}
    assert set(report) == parts
    assert report["placement"] == {"shift_x": 0, "shift_y": 0, "scale": 0.9, "turn": 2, "stance": "lying", "breaks": []}
    assert report["provenance"]["seed"] == 4
    checked = run("verify", str(output))
    assert checked.exit_code == 0
    assert set(report["marks"]) == {line.split()[0] for line in checked.output.splitlines()}
    assert "From this installation" in checked.output
    assigned = {one["surface"]: one["colour"] for one in report["palette"]["assigned"]}
    assert (assigned["table"], "props" in assigned) == ("#cfe3d4", False)


def test_a_local_swap_that_misses_its_limits_fails_and_writes_only_its_report_and_a_preview(
    tmp_path: Path, lean: bytes
) -> None:
    photo, output = tmp_path / "jar.png", tmp_path / "out.jpg"
    photo.write_bytes(lean)
    asked = ("swap", str(photo), "--scene", "white", "--mood", "calm", "--preset", "open_graph", "--quiet")

    result = run(*asked, "--accept", '{"set": "standard", "enlargement": 0.01}', "-o", str(output))

    assert result.exit_code == 1
    assert "enlargement is " in result.output
    assert "the limit is 0.01." in result.output
    assert not output.exists()
    with Image.open(tmp_path / "out.preview.jpg") as picture:
        assert max(picture.size) == 512
    missed = json.loads((tmp_path / "out.jpg.json").read_text())["acceptance"]["missed"]
    assert [one["limit"] for one in missed] == ["enlargement"]


def test_a_local_swap_takes_the_file_behind_the_product_and_names_a_missing_one(tmp_path: Path, lean: bytes) -> None:
    photo, behind, output = (tmp_path / name for name in ("jar.png", "behind.jpg", "out.jpg"))
    photo.write_bytes(lean)
    asked = ("swap", str(photo), "--scene", "podium", "--mood", "calm", "--preset", "open_graph", "--quiet")

    missing = run(*asked, "--background", "image", "--background-image", str(behind), "-o", str(output))
    kept = run(*asked, "--background", "render", "--background-render", "x", "-o", str(output))
    assert (missing.exit_code, kept.exit_code) == (2, 2)
    assert "--background-image: " in missing.output
    assert "No such file" in missing.output
    assert "Only a server keeps renders" in kept.output
    assert not output.exists()

    behind.write_bytes(worker.BOTTLE)
    done = run(*asked, "--background", "image", "--background-image", str(behind), "-o", str(output))
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out.jpg.json").read_text())["background"]["source"] == "image"


@pytest.mark.gate
@pytest.mark.usefixtures("loaded")
def test_a_local_cutout_is_the_mask_of_a_local_swap(tmp_path: Path) -> None:
    photo, mask = tmp_path / "bottle.jpg", tmp_path / "mask.png"
    photo.write_bytes(SMALL_BOTTLE)
    cut = run("cutout", str(photo), "-o", str(mask), "--preview", str(tmp_path / "preview.png"))
    assert cut.exit_code == 0, cut.output
    assert "subject 1: 100%" in cut.output
    with Image.open(tmp_path / "preview.png") as preview:
        assert preview.mode == "RGBA"
    with Image.open(mask) as codes:
        half = codes.copy()
        half.paste(0, (0, 0, codes.width, codes.height // 2))
    half.save(mask)
    made = tmp_path / "cut.png"
    order = ("--scene", "white", "--mood", "calm", "--preset", "transparent_cutout", "--quiet", "-o", str(made))
    swapped = run("swap", str(photo), *order, "--mask", str(mask))

    assert swapped.exit_code == 0, swapped.output
    with Image.open(made) as picture:
        assert np.array_equal(np.asarray(picture)[..., 3], np.asarray(half))
    half.resize((40, 40)).save(mask)
    refused = run("swap", str(photo), *order, "--mask", str(mask))
    assert refused.exit_code == 2
    assert "--mask" in refused.output


def test_a_local_cutout_lists_draws_and_answers_its_doubtful_pieces(
    tmp_path: Path, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    @FunctionSegmenter
    def seer(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        mask = networks.segmenter(image).copy()
        mask[: len(mask) // 8, : len(mask) // 4] = 1
        return mask

    seen = replace(networks, witness=seer)
    monkeypatch.setattr("service.worker.networks.open_networks", lambda settings: seen)
    photo, mask, pieces = tmp_path / "bottle.jpg", tmp_path / "mask.png", tmp_path / "new" / "pieces.png"
    photo.write_bytes(SMALL_BOTTLE)

    asked = run("cutout", str(photo), "-o", str(mask), "--pieces", str(pieces))
    before = np.asarray(Image.open(mask)) > 127
    kept = run("cutout", str(photo), "-o", str(mask), "--keep", "1")
    refused = run("cutout", str(photo), "-o", str(tmp_path / "none.png"), "--keep", "1", "--drop", "1")

    assert re.search(r"piece 1: .*%.* at \d+, \d+, \d+, \d+, not in the cut-out, wrong with \d+%", asked.output)
    with Image.open(pieces) as drawn:
        assert max(drawn.size) == 1600
    after = np.asarray(Image.open(mask)) > 127
    assert (after & ~before).sum() > 0.01 * before.sum()
    assert not (before & ~after).any()
    assert "confidence 1.00" in kept.output
    assert "piece 1" not in kept.output
    assert refused.exit_code == 2
    assert "--drop: Piece 1 is kept and dropped. Send it once." in refused.output
    assert not (tmp_path / "none.png").exists()


@pytest.mark.usefixtures("loaded")
def test_a_local_cutout_contains_the_product_at_the_given_point(tmp_path: Path) -> None:
    photo, mask = tmp_path / "pair.jpg", tmp_path / "mask.png"
    data, (mug, vase) = two_products()
    photo.write_bytes(data)

    cut = run("cutout", str(photo), "-o", str(mask), "--subject", "0.2,0.7")

    assert cut.exit_code == 0, cut.output
    with Image.open(mask) as codes:
        seen = np.asarray(codes) > 127
    assert (seen & mug).sum() / (seen | mug).sum() > 0.95
    assert not (seen & vase).any()


@pytest.mark.parametrize(
    ("command", "subject", "remedy"),
    [
        ("swap", "0.2,1.7", "'--subject': 1.7 is outside the photo. Give shares from 0 to 1"),
        ("swap", "left", "'--subject': 'left' is not a place. Give x,y or left,top,right,bottom"),
        ("cutout", "0.2,0.7,0.9", "'--subject': 3 numbers are neither a point nor a box"),
        ("cutout", "1", "product numbers need a server"),
    ],
)
def test_an_invalid_place_in_a_photo_is_refused_with_the_remedy(
    tmp_path: Path, command: str, subject: str, remedy: str
) -> None:
    own = ("--scene", "white", "--mood", "calm", "--preset", "open_graph") if command == "swap" else ()
    result = run(command, BOTTLE, *own, "-o", str(tmp_path / "out.png"), "--subject", subject)

    assert result.exit_code == 2
    assert remedy in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_mask_and_its_preview_are_written_only_as_png(tmp_path: Path) -> None:
    for option in ("-o", "--preview"):
        result = run("cutout", BOTTLE, "-o", str(tmp_path / "mask.png"), option, str(tmp_path / "cut.jpg"))

        assert result.exit_code == 2
        assert f"{option}: 'cut.jpg' is a name for jpeg" in result.output
        assert "'cut.png'" in result.output
        assert list(tmp_path.iterdir()) == []
