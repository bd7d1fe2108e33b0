"""The viewpoint classifier's graph, on the weights that set-up fetched."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.graphs import GraphViewpoint
from models.weights import CARDS, VIEWPOINT, WeightsMissing, fetch
from pipeline.core.errors import ModelFailed
from pipeline.core.networks import Viewpoint
from pipeline.core.types import Cutout, Photo
from pipeline.cutout.viewpoint import SURE_FLOWER, views
from service.settings import VIEWPOINT_CHECKPOINT, Settings


@pytest.fixture(scope="module", name="classifier")
def _classifier() -> GraphViewpoint:
    weights = Settings().weights
    fetch(CARDS[VIEWPOINT], weights)
    return GraphViewpoint(VIEWPOINT_CHECKPOINT, weights)


@pytest.mark.gate  # torch's form of the network beside its graph
def test_the_graph_gives_the_features_that_torch_gives(classifier: GraphViewpoint) -> None:
    import torch

    from scripts.viewpoint.network import SIDE, read_weights

    assert classifier.side == SIDE
    rng = np.random.default_rng(4)
    views = np.kron(rng.integers(0, 256, (2, 14, 14, 3), np.uint8), np.ones((1, 16, 16, 1), np.uint8))
    network = read_weights(Settings().weights / CARDS[VIEWPOINT].file)
    with torch.no_grad():
        expected = network((torch.from_numpy(views).permute(0, 3, 1, 2).float() - 127) / 128).numpy().ravel()

        classes = network.classes(torch.from_numpy(expected.reshape(2, -1))).numpy()

    found = classifier.features(views)

    assert expected.max() > 0.5
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert classes.sum(axis=1) == pytest.approx(1, abs=1e-4)
    told = classifier(views)
    meant: dict[Viewpoint, list[int]] = {"aircraft": [404, 895], "balloon": [405, 417, 701], "clock": [409, 892]}
    for name, numbers in meant.items():
        assert told[name] == pytest.approx(classes[:, numbers].sum(axis=1).min(), abs=1e-4)


def test_each_viewpoint_has_a_probability_and_what_is_no_picture_is_said(classifier: GraphViewpoint) -> None:
    side = classifier.side
    told = classifier(np.full((2, side, side, 3), 127, np.uint8))

    assert list(told) == ["above", "side", "hand", "aircraft", "balloon", "clock", "flower"]
    assert told["above"] + told["side"] + told["hand"] == pytest.approx(1)
    assert max(told["aircraft"], told["balloon"], told["clock"]) < 0.1
    assert 0 <= told["flower"] < SURE_FLOWER
    with pytest.raises(ModelFailed, match="viewpoint"):
        classifier(np.zeros((2, 8, 8, 4), np.uint8))


def test_the_graph_holds_no_weights_and_is_the_fetched_files_own(classifier: GraphViewpoint) -> None:
    graphs = sorted(VIEWPOINT_CHECKPOINT.glob("*.onnx"))
    assert [graph.name.split("-")[0] for graph in graphs] == ["viewpoint"]
    for graph in graphs:
        data = graph.read_bytes()
        assert CARDS[VIEWPOINT].sha256[:12] in graph.name
        assert len(data) < 200_000
        assert b".py" not in data
    assert CARDS[VIEWPOINT].sha256[:12] in classifier.version
    with pytest.raises(WeightsMissing, match="backdrop models fetch"):
        GraphViewpoint(VIEWPOINT_CHECKPOINT, VIEWPOINT_CHECKPOINT)


def test_a_flowers_head_is_told_and_a_ball_is_none(classifier: GraphViewpoint) -> None:
    flower, ball = Image.new("RGB", (300, 300), "white"), Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(flower)
    for degrees in range(0, 360, 45):
        x, y = 150 + 85 * np.cos(np.deg2rad(degrees)), 150 + 85 * np.sin(np.deg2rad(degrees))
        draw.ellipse((x - 45, y - 45, x + 45, y + 45), fill=(235, 60, 150), outline=(170, 20, 90), width=4)
    draw.ellipse((100, 100, 200, 200), fill=(250, 200, 40))
    ImageDraw.Draw(ball).ellipse((30, 30, 270, 270), fill=(235, 60, 150))
    told = []
    for picture in (flower, ball):
        rgb = np.asarray(picture)
        alpha = np.where((rgb < 250).any(axis=2), np.float32(1), np.float32(0))
        cutout = Cutout(rgb=rgb, alpha=alpha, confidence=1.0, warnings=())
        told.append(classifier(views(Photo(rgb, None, "png"), cutout, (0, 0, 300, 300), classifier.side))["flower"])
    assert told[1] < SURE_FLOWER <= told[0]
