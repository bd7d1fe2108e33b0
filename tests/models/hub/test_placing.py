"""The devices of a pipeline's networks, the compiled ones, when each is fetched, and prompts embedded once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.hub.latents import encoded, executing_device
from models.hub.pipelines import MemoryChoice, compile_blocks, inpainting, place
from models.hub.prompts import PromptMemory, remember_prompts, text_encoders
from pipeline.core.networks import Conditions, PaintRequest, painted
from service.catalogue.catalogue import load_catalogue
from tests.lanes import rest_at_night
from tests.support.tiny_pipelines import FolderOf, conditions, load_pipeline, paint


def opened(folder: Path) -> Any:
    import diffusers

    pipe = diffusers.DiffusionPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def listen(encoder: Any, went: list[str]) -> None:
    """Record moves of a text encoder. Moves to torch's meta device are skipped, as it would lose its weights."""
    original = encoder.to

    def to(device: str) -> Any:
        went.append(device)
        return encoder if device == "meta" else original(device)

    encoder.to = to


def test_text_encoders_stay_in_the_hosts_memory_and_the_rest_goes_to_the_device(
    tiny_folder: FolderOf,
) -> None:
    """torch's meta device replaces a GPU: it takes networks, and computes nothing."""
    pipe = opened(tiny_folder("stable-diffusion-v1-5"))
    place(pipe, "meta", MemoryChoice(offload="text"))
    where = {name: part.device.type for name, part in pipe.components.items() if hasattr(part, "device")}
    assert where == {"vae": "meta", "unet": "meta", "text_encoder": "cpu"}
    assert list(text_encoders(pipe)) == ["text_encoder"]


def test_a_text_encoder_is_fetched_only_for_new_words_and_put_back(tiny_folder: FolderOf) -> None:
    generator = load_pipeline(tiny_folder("stable-diffusion-v1-5"), size=64, steps=1)
    expected = paint(generator)
    other = load_pipeline(tiny_folder("stable-diffusion-v1-5"), size=64, steps=1)
    pipe, went = other._pipe, list[str]()
    del pipe.encode_prompt  # the function that caches prompts, and fetches nothing
    remember_prompts(pipe, "cpu")
    listen(pipe.text_encoder, went)
    np.testing.assert_array_equal(paint(other), expected)
    assert went == ["cpu", "cpu"]  # there and back: this test's device is the host's memory too
    np.testing.assert_array_equal(paint(other), expected)
    assert len(went) == 2
    painted(other, PaintRequest("a floor", "", conditions(), 1, lambda done: None))
    assert len(went) == 4


def test_an_encoder_that_fails_is_put_back_too(tiny_folder: FolderOf) -> None:
    pipe, went = opened(tiny_folder("stable-diffusion-v1-5")), list[str]()
    remember_prompts(pipe, "meta")
    listen(pipe.text_encoder, went)
    with pytest.raises(TypeError):
        pipe.encode_prompt("a wall", nothing_that_it_takes=1)
    assert went == ["meta", "cpu"]


def test_an_inpainting_class_has_the_networks_of_its_pipeline_in_their_precision(
    tiny_folder: FolderOf,
) -> None:
    """diffusers' own conversion between classes would make both float32."""
    import torch

    pipe = opened(tiny_folder("FLUX.2-klein-4B")).to(dtype=torch.bfloat16)
    other = inpainting(pipe, "Flux2KleinInpaintPipeline", device="cpu", memory=MemoryChoice())
    assert other.transformer is pipe.transformer
    assert other.config.is_distilled
    assert {part.dtype for part in (pipe.transformer, pipe.vae, pipe.text_encoder)} == {torch.bfloat16}


def test_a_picture_is_encoded_where_an_offloaded_autoencoder_computes(tiny_folder: FolderOf) -> None:
    import torch
    from accelerate import cpu_offload, cpu_offload_with_hook

    picture = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)
    vae = opened(tiny_folder("stable-diffusion-v1-5")).vae
    assert executing_device(vae) == torch.device("cpu")
    expected = encoded(vae, picture)
    cpu_offload_with_hook(vae, torch.device("meta"))
    assert vae.device.type == "cpu"
    assert executing_device(vae) == torch.device("meta")

    # Layer by layer: between two calls its weights are only in the host's memory.
    layers = cpu_offload(opened(tiny_folder("stable-diffusion-v1-5")).vae, torch.device("cpu"))
    assert layers.device.type == "meta"
    np.testing.assert_allclose(encoded(layers, picture), expected, atol=1e-6)


def shapes() -> list[Conditions]:
    """One tiny scene in each shape of the catalogue's presets."""
    scene, made = conditions(), []
    sizes = {one.size for one in load_catalogue().presets.values() if one.background == "scene" and one.size}
    for width, height in sorted(sizes):
        scale = 64 / np.sqrt(width * height)
        rows = np.linspace(0, 47, round(height * scale)).astype(int)
        columns = np.linspace(0, 63, round(width * scale)).astype(int)
        made.append(Conditions(**{name: value[rows][:, columns] for name, value in vars(scene).items()}))
    return made


@pytest.mark.nightly  # torch's tracer takes many seconds; the gate has the refusals
@pytest.mark.parametrize("name", ["FLUX.1-schnell", "Z-Image-Turbo"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own tracer; diffusers' scheduler and NumPy 2
def test_a_block_that_is_compiled_for_two_shapes_is_compiled_for_all(tiny_folder: FolderOf, name: str) -> None:
    import torch._dynamo
    from torch._dynamo.utils import counters

    plain = load_pipeline(tiny_folder(name), size=64, steps=1)
    compiled = load_pipeline(tiny_folder(name), size=64, steps=1)
    torch._dynamo.reset()
    counters.clear()
    # torch's own tracer without its compiler: it makes the graphs, and runs them unchanged
    compile_blocks(compiled._pipe, MemoryChoice(), backend="eager")
    every = shapes()
    for scene in (every[0], every[-1]):
        paint(compiled, scene)
    graphs = counters["stats"]["unique_graphs"]
    assert graphs > 0
    for scene in every:
        np.testing.assert_allclose(paint(compiled, scene), paint(plain, scene), atol=1e-5)
    assert counters["stats"]["unique_graphs"] == graphs
    torch._dynamo.reset()


def test_an_impossible_compilation_is_refused_by_the_settings_name(tiny_folder: FolderOf) -> None:
    pipe = opened(tiny_folder("stable-diffusion-v1-5"))
    with pytest.raises(ValueError, match="BACKDROP_OFFLOAD=sequential"):
        compile_blocks(pipe, MemoryChoice(offload="sequential"))
    pipe.unet._repeated_blocks = []
    with pytest.raises(ValueError, match="BACKDROP_COMPILE is set, but UNet2DConditionModel"):
        compile_blocks(pipe, MemoryChoice())


@pytest.mark.parametrize(
    "name",
    rest_at_night(["stable-diffusion-v1-5", "sdxl-lightning", "Z-Image-Turbo", "FLUX.1-schnell", "FLUX.2-klein-4B"]),
)
def test_the_same_words_are_embedded_once_and_give_the_same_picture(tiny_folder: FolderOf, name: str) -> None:
    generator = load_pipeline(tiny_folder(name), size=96, steps=1)
    pipe, runs = generator._pipe, list[str]()
    for part in ("text_encoder", "text_encoder_2"):
        if getattr(pipe, part, None) is not None:
            encoder = getattr(pipe, part)
            # FLUX.2's pipeline calls the model below the head
            getattr(encoder, "model", encoder).register_forward_hook(lambda *_, part=part: runs.append(part))
    first = paint(generator)
    once = len(runs)
    again, other = paint(generator), paint(generator, seed=2)
    assert once > 0
    assert len(runs) == once
    np.testing.assert_array_equal(first, again)
    assert np.abs(other - first).max() > 0


def test_the_least_recently_used_are_dropped_and_other_inputs_are_never_kept() -> None:
    import torch

    calls: list[Any] = []

    def encode(prompt: Any, device: Any = None) -> tuple[Any, list[Any]]:
        calls.append(prompt)
        return torch.ones(10), [torch.ones(15)]  # 100 bytes

    memory = PromptMemory(encode, most_bytes=250)
    memory("a")[1].append("spoilt by a pipeline")
    assert len(memory("a", device=None)[1]) == 1
    assert len(memory("a")[1]) == 1
    for prompt in ("a", "b", "a", "c", "a"):
        memory(prompt)
    calls.clear()
    memory("a")
    memory("b")
    assert calls == ["b"]
    assert memory.bytes <= 250
    calls.clear()
    memory(torch.zeros(1))
    memory(torch.zeros(1))
    assert len(calls) == 2
