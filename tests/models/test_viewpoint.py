"""The viewpoint classifier's graph, on the weights that set-up downloaded."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.graphs import GraphViewpoint
from models.weights import CARDS, VIEWPOINT, WeightsMissing, fetch
from pipeline.core.errors import ModelFailed
from pipeline.core.types import Cutout
from pipeline.cutout.viewpoint import viewpoint
from service.settings import VIEWPOINT_CHECKPOINT, Settings
from testkit.still_life import SAMPLES, photo


@pytest.fixture(scope="module", name="classifier")
def _classifier() -> GraphViewpoint:
    weights = Settings().weights
    fetch(CARDS[VIEWPOINT], weights)
    return GraphViewpoint(VIEWPOINT_CHECKPOINT, weights)


@pytest.mark.nightly  # torch next to the graph, a file that only an export changes
def test_the_graph_returns_the_features_of_torch(classifier: GraphViewpoint) -> None:
    import torch

    from scripts.viewpoint.network import SIDE, read_weights

    assert classifier.side == SIDE
    rng = np.random.default_rng(4)
    views = np.kron(rng.integers(0, 256, (2, 14, 14, 3), np.uint8), np.ones((1, 16, 16, 1), np.uint8))
    network = read_weights(Settings().weights / CARDS[VIEWPOINT].file)
    with torch.no_grad():
        expected = network((torch.from_numpy(views).permute(0, 3, 1, 2).float() - 127) / 128).numpy().ravel()

    found = classifier.features(views)

    assert expected.max() > 0.5
    np.testing.assert_allclose(found, expected, atol=1e-4)


def _answers(classifier: GraphViewpoint, picture: Image.Image) -> dict[str, float]:
    rgba = np.asarray(picture.convert("RGBA"))
    rgb = np.ascontiguousarray(rgba[..., :3])
    return dict(viewpoint(photo(rgb), Cutout(rgb, (rgba[..., 3] / 255).astype(np.float32), 1.0, ()), classifier))


def test_each_column_answers_its_own_question(classifier: GraphViewpoint) -> None:
    shirt = Image.new("RGBA", (300, 300), (225, 222, 215, 0))
    right = [(175, 50), (205, 60), (265, 120), (232, 148), (208, 125), (210, 260)]
    ImageDraw.Draw(shirt).polygon(right + [(300 - x, y) for x, y in reversed(right)], (60, 90, 150, 255))
    tee = _answers(classifier, shirt)
    book, mug = (_answers(classifier, Image.open(SAMPLES / f"{name}.webp")) for name in ("notebook", "mug"))

    assert [seen["garment"] > 0.5 for seen in (tee, book, mug)] == [True, False, False]
    assert [seen["above"] > 0.8 for seen in (tee, book, mug)] == [False, True, False]
    assert max(seen["hand"] for seen in (tee, book, mug)) < 0.3
    assert mug["elevation"] < 0.3 < 0.5 < book["elevation"]


def test_each_viewpoint_has_a_probability_and_invalid_input_is_reported(classifier: GraphViewpoint) -> None:
    side = classifier.side
    seen = classifier(np.full((2, side, side, 3), 127, np.uint8))

    assert list(seen) == ["above", "side", "hand", "garment", "elevation"]
    assert seen["above"] + seen["side"] == pytest.approx(1)
    assert all(0 <= share <= 1 for share in seen.values())
    with pytest.raises(ModelFailed, match="viewpoint"):
        classifier(np.zeros((2, 8, 8, 4), np.uint8))


def test_the_graph_contains_no_weights_and_uses_the_downloaded_file(classifier: GraphViewpoint) -> None:
    graphs = sorted(VIEWPOINT_CHECKPOINT.glob("*.onnx"))
    assert [graph.name.split("-")[0] for graph in graphs] == ["viewpoint"]
    for graph in graphs:
        data = graph.read_bytes()
        assert CARDS[VIEWPOINT].checksum.removeprefix("sha256:")[:12] in graph.name
        assert len(data) < 200_000
        assert b".py" not in data
    assert CARDS[VIEWPOINT].checksum.removeprefix("sha256:")[:12] in classifier.version
    with pytest.raises(WeightsMissing, match="backdrop models fetch"):
        GraphViewpoint(VIEWPOINT_CHECKPOINT, VIEWPOINT_CHECKPOINT)
