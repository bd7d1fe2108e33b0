"""An operator's own network: an ONNX file, and the TOML file next to it that describes it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.own_network import GraphUnfit
from models.segmenter import RembgSegmenter, load_segmenter
from models.sessions import PLAIN as PLAIN_RUNTIME
from models.sessions import Runtime
from models.weights import CARDS, WeightsMissing, fetch
from service.settings import RENDERER_CHECKPOINT, Settings, load_settings
from testkit.still_life import still_life
from tests.lanes import in_openvino
from tests.models.onnx_graphs import mean_of_channels

#: Without a bright or dark colour its answer is 0.
PLAIN = "mean = [0, 0, 0]\ndeviation = [1, 1, 1]\n"
#: Its answer runs from -5 to 5 from black to white, as logits do.
LOGITS = "mean = [0.5, 0.5, 0.5]\ndeviation = [0.1, 0.1, 0.1]\nsigmoid = true\n"
#: 1×3×1024×1024 in, three coarse masks and a fine one out.
BIREFNET = mean_of_channels(1024, 1024, small_ones=3)


def own(folder: Path, graph: bytes | None, description: str | None, runtime: Runtime = PLAIN_RUNTIME) -> RembgSegmenter:
    """The segmenter of these two files; None: the file is missing."""
    if graph is not None:
        (folder / "mine.onnx").write_bytes(graph)
    if description is not None:
        (folder / "mine.toml").write_text(description)
    return load_segmenter(f"onnx:{folder / 'mine.onnx'}", weights=folder, runtime=runtime)[0]


def half_bright(height: int, width: int) -> NDArray[np.uint8]:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, width // 2 :] = 255
    return picture


def test_a_network_of_birefnets_shape_cuts_out_by_its_last_output_through_a_sigmoid(tmp_path: Path) -> None:
    segmenter = own(tmp_path, BIREFNET, f"size = 1024\noutput = 3\n{LOGITS}")

    alpha = segmenter(half_bright(600, 900))

    assert segmenter.side == 1024
    assert alpha.shape == (600, 900)
    assert alpha[:, :440].max() < 0.01
    assert alpha[:, 460:].min() > 0.99


def test_mean_and_deviation_come_from_the_file_and_nothing_is_stretched(tmp_path: Path) -> None:
    segmenter = own(
        tmp_path, mean_of_channels(48, 96), "size = [96, 48]\nmean = [0.2, 0.2, 0.2]\ndeviation = [2, 2, 2]"
    )
    grey = np.full((48, 96, 3), 204, np.uint8)  # 0.8 in 0-1, so (0.8 - 0.2) / 2
    assert segmenter(grey) == pytest.approx(0.3, abs=0.003)


def test_u2netp_as_an_own_network_cuts_out_as_rembgs_session_does(tmp_path: Path) -> None:
    folder = Settings().weights
    graph = fetch(CARDS["u2netp"], folder).read_bytes()
    rgb = (still_life()[0] * 255).astype(np.uint8)
    imagenet = "size = 320\nmean = [0.485, 0.456, 0.406]\ndeviation = [0.229, 0.224, 0.225]"

    one, two = (cut(rgb) > 0.5 for cut in (own(tmp_path, graph, imagenet), load_segmenter("u2netp", weights=folder)[0]))

    assert (one & two).sum() / (one | two).sum() > 0.98


def test_the_version_changes_with_graph_description_and_external_weights(tmp_path: Path) -> None:
    def version(graph: bytes, description: str) -> str:
        return own(tmp_path, graph, f"size = 48\n{description}").version

    # Field 6 is the graph's doc string. Here and elsewhere, external weights are found by their file name.
    outside = mean_of_channels(48, 48) + b"\x32\x15location mine.weights"
    (tmp_path / "mine.weights").write_bytes(b"one")
    first = version(outside, PLAIN)
    (tmp_path / "mine.weights").write_bytes(b"two")
    versions = [first, version(outside, PLAIN), version(mean_of_channels(48, 48), PLAIN), version(outside, LOGITS)]

    assert len(set(versions)) == 4
    assert first.startswith("onnx:mine.onnx sha256:")
    assert " mine.toml sha256:" in first


@in_openvino
def test_its_compiled_graph_is_not_stored_as_its_weights_may_be_elsewhere(tmp_path: Path) -> None:
    own(tmp_path, mean_of_channels(48, 96), f"size = [96, 48]\n{PLAIN}", Runtime(kept=(tmp_path / "kept",)))
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("graph", "description", "said"),
    [
        (None, PLAIN, r"there is no file .*mine\.onnx\. Put the ONNX file there, or correct the path"),
        (b"", None, r"there is no file .*mine\.toml\. Put the TOML file that describes"),
        (b"no graph", "size = 48", "mean is missing. Give three numbers"),
        (b"no graph", f"size = 48\n{PLAIN}", "does not work as a segmenter: .*one float32 image"),
        (
            next(RENDERER_CHECKPOINT.glob("*.onnx")).read_bytes(),
            f"size = 48\n{PLAIN}",
            "does not work as a segmenter|the graph takes",
        ),
        (mean_of_channels(48, 48, keep=0), f"size = 48\n{PLAIN}", "output 0 is 1 by 48 by 48"),
        (BIREFNET, f"size = 512\n{PLAIN}", r"mine\.toml: size gives a height of 512, but the graph takes 1024"),
        (BIREFNET, f"size = 1024\noutput = 4\n{PLAIN}", "output is 4, but its outputs are 0 to 3"),
        (BIREFNET, "size = 1024\nmean = [2, 2, 2]\ndeviation = [0.1, 0.1, 0.1]", "runs from .* need sigmoid = true"),
        (b"", f"size = 0\n{PLAIN}", "size is 0. Give the image's side in pixels"),
        (b"", f"size = '1024'\n{PLAIN}", "size is '1024'. Give"),
        (b"", f"size = [1024, 768, 3]\n{PLAIN}", r"size is \[1024, 768, 3\]. Give"),
        (b"", "size = 48\nmean = [0.5, 0.5]\ndeviation = [1, 1, 1]", r"mean is \[0.5, 0.5\]. Give three"),
        (b"", "size = 48\nmean = [0.5, nan, 0.5]\ndeviation = [1, 1, 1]", "mean is .*nan.*Give three"),
        (b"", "size = 48\nmean = [124, 116, 104]\ndeviation = [58, 57, 57]", r"mean is \[124, 116, 104\]. .* by 255"),
        (b"", "size = 48\nmean = [0, 0, 0]\ndeviation = [255, 255, 255]", r"deviation is .* by 255"),
        (b"", "size = 48\nmean = [0, 0, 0]\ndeviation = [1, 0, 1]", r"deviation is \[1, 0, 1\]. Give .* above 0"),
        (b"", f"size = 48\noutput = -1\n{PLAIN}", "output is -1. Give the number"),
        (b"", f"size = 48\nsigmoid = 1\n{PLAIN}", "sigmoid is 1. Give true"),
        (b"", f"size = 48\nstd = [1, 1, 1]\n{PLAIN}", r"std is \[1, 1, 1\]. There is no such field. The fields"),
        (b"", "size = ", "mine.toml is not TOML: .*Correct that line"),
    ],
)
def test_a_fault_is_named_in_one_line_with_its_remedy(
    tmp_path: Path, graph: bytes | None, description: str | None, said: str
) -> None:
    with pytest.raises((WeightsMissing, GraphUnfit), match=f"(?s)^BACKDROP_SEGMENTER: .*{said}") as caught:
        own(tmp_path, graph, description)
    assert "\n" not in str(caught.value)


def test_a_relative_path_is_the_same_file_for_a_part_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(segmenter="onnx:mine.onnx").segmenter == f"onnx:{tmp_path / 'mine.onnx'}"
    assert load_settings(segmenter="u2netp").segmenter == "u2netp"
