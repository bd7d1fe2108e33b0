"""Segmenters: the small one and the default ensemble on photos, and a session that breaks."""

from pathlib import Path

import numpy as np
import pytest

from models.segmenter import RembgSegmenter, SegmenterUnknown, load_segmenter
from models.weights import CARDS, WeightsUnreachable, fetch
from pipeline.core.errors import ModelFailed, NoSubject, OutOfMemory
from pipeline.core.networks import Networks, Segmenter, cutting
from pipeline.core.types import Photo
from pipeline.cutout.segment import segment
from service.settings import Settings
from service.worker.networks import open_networks
from tests.lanes import rest_in_gate
from tests.support.still_life import photo, still_life

CARD = CARDS["u2netp"]


@pytest.fixture(scope="module", name="folder")
def _folder() -> Path:
    directory = Settings().weights
    fetch(CARD, directory)
    return directory


@pytest.fixture(scope="module", name="segmenter")
def _segmenter(folder: Path) -> Segmenter:
    return load_segmenter("u2netp", weights=folder)[0]


def test_the_segmenter_finds_a_jar(segmenter: Segmenter) -> None:
    rgb, alpha = still_life()
    found = segment(photo(rgb), segmenter).alpha
    one, two = found > 0.5, alpha > 0.5
    assert (one & two).sum() / (one | two).sum() > 0.97


def test_an_unknown_segmenter_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SegmenterUnknown, match=r"'u3.onnx' is not a rembg model.*birefnet-general.*u2netp.*onnx:PATH"):
        load_segmenter("u3.onnx", weights=tmp_path)


def test_weights_that_rembg_cannot_download_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    with pytest.raises(WeightsUnreachable, match="could not bring the weights of silueta into"):
        load_segmenter("silueta", weights=tmp_path)


def nothing(kind: str) -> Photo:
    rng = np.random.default_rng(0)
    picture = {
        "grey": np.full((400, 400), 128.0),
        "gradient": np.broadcast_to(np.linspace(0, 255, 400), (400, 400)),
        "noise": rng.uniform(0, 255, (400, 400)),
        "plaster": 170 + 12 * rng.standard_normal((400, 400)),
    }[kind]
    return photo(np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, -1))


KINDS = ["plaster", "noise", "grey", "gradient"]


@pytest.mark.parametrize("kind", rest_in_gate(KINDS))
def test_photos_without_a_product_are_no_subject(segmenter: Segmenter, kind: str) -> None:
    with pytest.raises(NoSubject):
        segment(nothing(kind), segmenter)


@pytest.fixture(scope="module", name="default")
def _default() -> Networks:
    """The networks of an installation with default settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BACKDROP_SEGMENTER")
        settings = Settings()
    for name in ("u2net", "u2netp"):
        fetch(CARDS[name], settings.weights)
    return open_networks(settings)


@pytest.mark.gate  # loads both networks
def test_the_default_is_an_ensemble_of_u2net_and_u2netp(default: Networks) -> None:
    assert " u2net sha256:8d10d2f3bb75" in default.versions["segmenter"]
    assert " u2netp sha256:309c8469258d" in default.versions["second_segmenter"]
    kept_under = cutting(default)
    assert kept_under is not None
    assert {"segmenter", "second_segmenter", "segmenter_device", "viewpoint"} == kept_under.keys()


@pytest.mark.gate  # three seconds; the fast lane shows the jar to the small one
def test_the_default_finds_a_jar(default: Networks) -> None:
    rgb, alpha = still_life()
    found = segment(photo(rgb), default.segmenter, default.second_segmenter).alpha
    one, two = found > 0.5, alpha > 0.5
    assert (one & two).sum() / (one | two).sum() > 0.97


@pytest.mark.gate  # a look of u2net costs a second; the fast lane shows these photos to the small one
@pytest.mark.parametrize("kind", ["noise", "gradient"])
def test_to_the_default_photos_without_a_product_are_no_subject(default: Networks, kind: str) -> None:
    with pytest.raises(NoSubject):
        segment(nothing(kind), default.segmenter, default.second_segmenter)


class Inputs:
    """An onnxruntime session's description of one input of that shape."""

    def __init__(self, *shape: int | str):
        self.shape = shape

    def get_inputs(self) -> list["Inputs"]:
        return [self]


@pytest.mark.parametrize(
    ("shape", "side"), [((1, 3, 320, 320), 640), (("batch", 3, 1024, 1024), 1024), ((1, 3, "h", "w"), 640)]
)
def test_a_segmenter_asks_for_photos_of_its_networks_input_size(shape: tuple[int | str, ...], side: int) -> None:
    class Session:
        inner_session = Inputs(*shape)

    assert RembgSegmenter(Session(), "").side == side


def test_a_session_out_of_memory_and_a_broken_one_raise_different_errors() -> None:
    class Session:
        inner_session = Inputs(1, 3, 320, 320)

        def __init__(self, error: Exception):
            self.error = error

        def predict(self, image: object) -> None:
            raise self.error

    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(OutOfMemory):
        RembgSegmenter(Session(MemoryError()), "")(picture)
    with pytest.raises(OutOfMemory):
        RembgSegmenter(Session(RuntimeError("Failed to allocate memory for requested buffer")), "")(picture)
    with pytest.raises(ModelFailed):
        RembgSegmenter(Session(RuntimeError("bad shape")), "")(picture)
