"""Segmenters: the small one and the default ensemble on photos, sessions against rembg's own, and one that breaks."""

import inspect
import subprocess
import sys
from dataclasses import replace
from hashlib import md5, sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.segmenter import RembgSegmenter, SegmenterUnknown, load_segmenter, session_of
from models.sessions import CpuRuntime, Runtime, library_of, open_session
from models.weights import CARDS, WeightsAltered, WeightsUnreachable, fetch
from pipeline.core.errors import ModelFailed, NoSubject, OutOfMemory
from pipeline.core.networks import Networks, Segmenter, cutting
from pipeline.core.types import Photo
from pipeline.cutout.cache import CutoutCache, Kind
from pipeline.cutout.segment import segment
from service.settings import Settings
from service.worker.networks import open_networks
from testkit.still_life import Darkener, photo, still_life
from tests.lanes import in_openvino, rest_at_night
from tests.models.onnx_graphs import mean_of_channels

CARD = CARDS["u2netp"]
#: Takes and returns what silueta does.
SILUETA = mean_of_channels(320, 320)


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


@pytest.mark.parametrize("place", ["silueta.onnx", "models/silueta/silueta.onnx"])
def test_a_file_that_rembg_does_not_expect_is_used_only_as_an_operators_own(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(SILUETA)
    path.with_suffix(".toml").write_text("size = 320\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]")

    with pytest.raises(WeightsAltered) as refused:
        load_segmenter("silueta", weights=tmp_path)
    for said in (str(path), f"md5 {md5(SILUETA).hexdigest()}", "55e59e0d8062d2f5d013f4725ee84782", f"onnx:{path}"):
        assert said in str(refused.value)
    assert sha256(SILUETA).hexdigest()[:12] in load_segmenter(f"onnx:{path}", weights=tmp_path)[1]


def test_another_file_of_the_same_network_has_another_version_and_cut_outs_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Asked:
        def get(self, kind: Kind, name: str) -> None:
            asked.append(name)

        def put(self, kind: Kind, name: str, data: bytes) -> None:
            raise AssertionError(name)

    for graph in (SILUETA, SILUETA + b"\x32\x01x"):  # with a comment
        card = replace(CARDS["silueta"], checksum=f"md5:{md5(graph).hexdigest()}")
        monkeypatch.setitem(CARDS, "silueta", card)
        (tmp_path / card.file).write_bytes(graph)
        segmenter, version = load_segmenter("silueta", weights=tmp_path)
        assert f" silueta sha256:{sha256(graph).hexdigest()[:12]} in " in version
        networks = Networks(segmenter, Darkener(), {"segmenter": version})
        CutoutCache(Asked(), b"photo", networks).get(photo(still_life()[0]))
    assert len(set(asked)) == 2


def test_an_unknown_segmenter_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SegmenterUnknown, match=r"'u3.onnx' is not a rembg model.*birefnet-general.*u2netp.*onnx:PATH"):
        load_segmenter("u3.onnx", weights=tmp_path)


def test_a_network_that_cannot_be_downloaded_is_named_with_its_address_checksum_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    with pytest.raises(
        WeightsUnreachable, match=r"weights of silueta could not be downloaded.*models add silueta"
    ) as raised:
        load_segmenter("silueta", weights=tmp_path)
    for said in (CARDS["silueta"].url, CARDS["silueta"].checksum, tmp_path / "silueta.onnx"):
        assert str(said) in str(raised.value)


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


@pytest.mark.parametrize("kind", rest_at_night(KINDS))
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


@pytest.mark.nightly  # a look of u2net costs a second; the gate shows such a photo to the small one
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


FOLDER = Settings().weights


@pytest.fixture(scope="module", name="photo")
def _photo() -> Image.Image:
    return Image.fromarray((still_life()[0] * 255).astype(np.uint8))


def _computes_in_bfloat16() -> bool:
    try:
        import openvino
    except ImportError:
        return False
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.mark.parametrize("name", rest_at_night(["u2netp", "u2net"]))  # twelve CPU-seconds for the larger one
@pytest.mark.parametrize("choice", ["auto", pytest.param("openvino", marks=in_openvino), "onnxruntime"])
def test_rembg_sees_a_mask_with_this_session_as_with_its_own(
    name: str, choice: CpuRuntime, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = session_of(name, open_session(fetch(CARDS[name], FOLDER), Runtime(choice), bfloat16=True))
    monkeypatch.setenv("U2NET_HOME", str(FOLDER))
    theirs = type(ours)(name, None, providers=["CPUExecutionProvider"])

    one, other = (np.asarray(session.predict(photo)[0]) for session in (ours, theirs))

    # In codes of 255. In onnxruntime both are the same network; bfloat16 differs at edges only.
    library = library_of(ours.inner_session)
    difference = np.abs(one.astype(int) - other)
    assert library.endswith("bf16") == (choice == "auto" and _computes_in_bfloat16())
    if library.endswith("bf16"):
        assert difference.mean() < 1
        assert (difference > 8).mean() < 0.01
    else:
        assert difference.max() <= (1 if library.startswith("openvino") else 0)


@pytest.mark.parametrize("name", [card.name for card in CARDS.values() if card.side and not card.description])
def test_a_networks_address_checksum_and_side_are_those_in_rembgs_source(name: str) -> None:
    card, kind = CARDS[name], type(session_of(name, open_session(fetch(CARDS["u2netp"], FOLDER))))
    source = inspect.getsource(inspect.getmodule(kind.predict)) + inspect.getsource(kind)  # type: ignore[arg-type]
    assert f"({card.side}, {card.side})" in source
    if card.url is not None:
        assert f'"{card.url}"' in source
        assert f'"{card.checksum}"' in source


@pytest.mark.system
def test_rembgs_sessions_are_imported_without_its_matting() -> None:
    code = (
        "import sys; from models.segmenter import _kinds; _kinds();"
        "print([name for name in sys.modules if name == 'rembg' or name.startswith('pymatting')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
