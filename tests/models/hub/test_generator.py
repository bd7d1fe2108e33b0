"""Generators: the studio checkpoint, each family on a tiny pipeline of its own class, and failures."""

import inspect
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.hub.families import FAMILIES, family_of
from models.hub.generator import DiffusersGenerator
from models.hub.recipe import Recipe
from models.hub.start import schedule
from models.loading import GeneratorChoice, load_generator
from pipeline.core.errors import ModelFailed, OutOfMemory, PaintingWithheld
from pipeline.core.networks import Generator, PaintRequest, painted
from pipeline.light.conditions import lit_drawing
from service.settings import RENDERER_CHECKPOINT
from tests.lanes import rest_at_night
from tests.models.hub.tiny_families import flux3_klein
from tests.support.tiny_pipelines import FolderOf, conditions, load_pipeline, paint


@pytest.fixture(scope="module", name="studio")
def _studio() -> Generator:
    return load_generator(GeneratorChoice(RENDERER_CHECKPOINT))


def test_the_studio_checkpoint_lights_its_input_at_its_size(studio: Generator) -> None:
    bright = conditions()
    light = paint(studio, bright)
    assert light.shape == bright.sketch.shape
    assert light.min() >= 0
    assert studio.capabilities.paints == "light"
    assert studio.capabilities.size >= 128
    dark = paint(studio, replace(bright, light=bright.light * 0.2))
    assert dark.mean() < light.mean()


def test_the_studio_checkpoint_repeats_itself_with_the_same_seed(studio: Generator) -> None:
    np.testing.assert_array_equal(paint(studio, seed=5), paint(studio, seed=5))


@pytest.mark.parametrize(
    ("name", "pipeline", "size", "own", "steps"),
    rest_at_night(
        [
            # PNDM makes the first of its steps twice
            ("stable-diffusion-v1-5", "StableDiffusionImg2ImgPipeline", 64, 3, 4),
            ("sdxl-turbo", "StableDiffusionXLImg2ImgPipeline", 64, None, 1),
            ("sdxl-lightning", "StableDiffusionXLImg2ImgPipeline", 64, None, 3),
            ("Z-Image-Turbo", "ZImageImg2ImgPipeline", 64, None, 5),
            # It takes no reference picture with a side below 64.
            ("FLUX.2-klein-4B", "Flux2KleinPipeline", 96, None, 4),
        ]
    ),
)
def test_each_family_runs_in_its_class_with_its_steps_and_repeats_itself(
    tiny_folder: FolderOf, name: str, pipeline: str, size: int, own: int | None, steps: int
) -> None:
    generator = load_pipeline(tiny_folder(name), size=size, steps=own)
    assert pipeline in generator.version
    assert generator.capabilities.paints == "picture"
    reported: list[float] = []
    scene = conditions()
    picture = painted(generator, PaintRequest("a wall", "text", scene, 1, reported.append))
    assert picture.shape == scene.sketch.shape
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert reported == pytest.approx([(i + 1) / steps for i in range(steps)])
    np.testing.assert_array_equal(paint(generator), picture)
    assert np.abs(paint(generator, seed=2) - picture).max() > 0
    red = np.full((80, 120, 3), (200, 10, 10), np.uint8)
    guided = PaintRequest("a wall", "text", scene, 1, reported.append, reference=red)
    assert generator.capabilities.references == (name == "FLUX.2-klein-4B")
    if generator.capabilities.references:
        assert np.abs(painted(generator, guided) - picture).max() > 0
    # The sketch and its light reach the network.
    assert np.abs(paint(generator, replace(scene, light=scene.light * 0.1)) - picture).max() > 0

    class Stop(Exception):
        pass

    def stop(done: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        painted(generator, PaintRequest("x", "", scene, 1, stop))


@pytest.mark.nightly  # another family; in the gate one runs in its class
def test_flux_3_klein_runs_as_a_modular_pipeline_with_a_reference_and_stops_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = flux3_klein()
    pipe.save_pretrained(str(tmp_path), overwrite_modular_index=True)
    with pytest.raises(OSError, match=f"tokenizer of {tmp_path} can't be loaded"):
        load_pipeline(tmp_path)
    monkeypatch.setattr("diffusers.ModularPipeline.from_pretrained", lambda *_, **__: pipe)
    generator = load_pipeline(tmp_path, size=64, steps=2)
    assert "Flux3DistilledModularPipeline" in generator.version
    assert generator.capabilities.references
    scene, reported = conditions(), list[float]()
    request = PaintRequest("a wall", "text", scene, 1, reported.append)
    picture = painted(generator, request)
    assert picture.shape == scene.sketch.shape
    assert reported == [0.5, 1.0]
    red = np.full((80, 120, 3), (200, 10, 10), np.uint8)
    assert np.abs(painted(generator, replace(request, reference=red)) - picture).max() > 0

    def stop(done: float) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError):
        painted(generator, replace(request, on_step=stop))


def test_a_text_to_image_class_chosen_by_name_does_not_see_the_sketch(tiny_folder: FolderOf) -> None:
    generator = load_pipeline(
        tiny_folder("stable-diffusion-v1-5"), pipeline_class="StableDiffusionPipeline", steps=3, size=64
    )
    scene = conditions()
    np.testing.assert_array_equal(paint(generator, replace(scene, sketch=scene.sketch * 0)), paint(generator))


def test_the_operators_figures_override_the_familys(tiny_folder: FolderOf) -> None:
    generator = load_pipeline(tiny_folder("sdxl-turbo"), steps=2, strength=0.25, guidance_scale=3.0)
    assert generator.capabilities.size == 512
    given = generator._recipe.arguments(
        generator._pipe, [PaintRequest("x", "", conditions(), 1, lambda done: None)], lambda: None
    )
    assert (given["num_inference_steps"], given["strength"], given["guidance_scale"]) == (8, 0.25, 3.0)
    assert load_pipeline(tiny_folder("sdxl-turbo"), size=64).capabilities.size == 64


def test_the_painting_starts_from_the_sketch_under_its_light(tiny_folder: FolderOf) -> None:
    import torch

    generator = load_pipeline(tiny_folder("stable-diffusion-v1-5"), steps=1, strength=0.01, guidance_scale=1.0, size=64)
    seen: list[Any] = []
    generator._pipe.vae.encoder.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
    scene = conditions()
    paint(generator, scene)
    shown = seen[0][0].permute(1, 2, 0).numpy() / 2 + 0.5
    assert shown.shape == (64, 64, 3)
    start = lit_drawing(scene)
    # 48 rows were stretched to 64: the middle of the wall and of the floor keep their values, to 8 bits.
    np.testing.assert_allclose(shown[20, ::9], start[15, ::9], atol=0.01)
    np.testing.assert_allclose(shown[55, ::9], start[41, ::9], atol=0.01)
    assert torch.isfinite(seen[0]).all()


def test_the_start_is_the_albedo_under_the_light_in_linear_light() -> None:
    scene = conditions()
    grey = replace(scene, sketch=np.full_like(scene.sketch, 0.735357), light=np.full_like(scene.light, 0.5))
    # 0.735357 is half of white in linear light, so that half of a light makes it a quarter: 0.537099 in sRGB.
    np.testing.assert_allclose(lit_drawing(grey), 0.537099, atol=1e-4)
    assert lit_drawing(replace(scene, light=scene.light * 100)).max() == pytest.approx(1)


def test_a_lone_unet_next_to_a_pipeline_replaces_its_unet(tiny_folder: FolderOf, tmp_path: Path) -> None:
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    whole = shutil.copytree(tiny_folder("sdxl-turbo"), tmp_path / "sdxl-base")
    own = UNet2DConditionModel.from_pretrained(whole / "unet")
    with torch.no_grad():
        other = {name: torch.full_like(weights, 0.25) for name, weights in own.state_dict().items()}
    save_file(other, whole / "sdxl_lightning_4step_unet.safetensors")
    pipe = load_pipeline(whole)._pipe
    assert all(bool((weights == 0.25).all()) for weights in pipe.unet.state_dict().values())
    assert type(pipe.scheduler).__name__ == "EulerDiscreteScheduler"
    pipe.scheduler.set_timesteps(4)
    # The timesteps of its distillation.
    assert pipe.scheduler.timesteps.tolist() == [999, 749, 499, 249]


TRAILING = {"timestep_spacing": "trailing"}


@pytest.mark.parametrize(
    ("class_name", "parts", "name"),
    [
        ("StableDiffusionXLPipeline", {"scheduler": {"timestep_spacing": "leading"}}, "SDXL"),
        (
            "StableDiffusionXLPipeline",
            {"scheduler": {"_class_name": "EulerAncestralDiscreteScheduler", **TRAILING}},
            "SDXL-Turbo",
        ),
        (
            "StableDiffusionXLImg2ImgPipeline",
            {"scheduler": {"_class_name": "EulerDiscreteScheduler", **TRAILING}},
            "SDXL-Lightning",
        ),
        ("StableDiffusionXLPipeline", {"unet": {"time_cond_proj_dim": 256}}, None),
        ("StableDiffusionPipeline", {"scheduler": TRAILING}, "SD-Turbo"),
        ("StableDiffusionPipeline", {}, "Stable Diffusion 1"),
        ("StableDiffusion3Pipeline", {"scheduler": {"shift": 3.0}}, "Stable Diffusion 3"),
        ("FluxPipeline", {"transformer": {"guidance_embeds": False}}, "FLUX.1 [schnell]"),
        ("FluxPipeline", {"transformer": {"guidance_embeds": True}}, "FLUX.1 [dev]"),
        ("FluxPipeline", {"scheduler": {"use_dynamic_shifting": True}}, None),
        ("Flux2KleinPipeline", {"is_distilled": True}, "FLUX.2 [klein]"),
        ("Flux2KleinPipeline", {}, "FLUX.2 [klein] Base"),
        ("ZImagePipeline", {"scheduler": {"shift": 3.0}}, "Z-Image-Turbo"),
        ("ZImagePipeline", {"scheduler": {"shift": 6.0}}, None),
        ("QwenImagePipeline", {}, "Qwen-Image"),
        ("QwenImageEditPlusPipeline", {}, "Qwen-Image-Edit-2511"),
        ("KolorsPipeline", {}, None),
    ],
)
def test_a_family_is_recognised_by_a_models_own_config(
    class_name: str, parts: dict[str, Any], name: str | None
) -> None:
    family = family_of({"_class_name": class_name, **parts})
    assert (family and family.name) == name


def test_a_lone_unet_is_recognised_by_the_file_that_its_makers_publish() -> None:
    config = {"_class_name": "StableDiffusionXLPipeline"}
    for given in ({}, config):
        found = family_of(given, unet="sdxl_lightning_8step_unet.safetensors")
        assert found is not None
        assert found.name == "SDXL-Lightning, 8 steps"
    assert family_of({}, unet="unknown_unet.safetensors") is None


def test_the_operators_family_overrides_and_an_unknown_name_is_refused_with_the_list() -> None:
    config = {"_class_name": "StableDiffusion3Pipeline"}
    named = family_of(config, named="stable-diffusion-3.5-large-turbo")
    assert named is not None
    assert named.name == "Stable Diffusion 3.5 Large Turbo"
    with pytest.raises(ValueError, match=r"BACKDROP_GENERATOR_FAMILY is 'sdxl'.*'Stable Diffusion 3\.5 Large Turbo'"):
        family_of(config, named="sdxl")


def test_family_names_are_distinct_and_include_every_family_that_a_config_cannot_identify() -> None:
    names = {family.name for family in FAMILIES}
    assert len(names) == len(FAMILIES)
    for family in FAMILIES:
        assert set(family.alike) <= names - {family.name}
        assert family_of({}, named=family.name) is family


def test_every_family_names_a_class_that_takes_the_sketch_as_its_record_states() -> None:
    import diffusers

    from models.hub.modular import Modular  # imports torch

    for family in FAMILIES:
        kind = Modular if "Modular" in family.pipeline else getattr(diffusers, family.pipeline)
        takes = inspect.signature(kind.__call__).parameters
        assert "image" in takes, family.name
        assert ("strength" in takes) == (family.strength is not None) == (family.image == "start"), family.name


@pytest.mark.parametrize("strength", [0.05, 0.3, 0.6, 0.75, 0.8, 1.0])
def test_exactly_the_requested_steps_run_whichever_way_a_pipeline_rounds(strength: float) -> None:
    for steps in range(1, 120):
        asked, exact = schedule(steps, strength)
        assert 0 < exact <= 1
        assert min(int(asked * exact), asked) == steps
        assert asked - int(max(asked - min(asked * exact, asked), 0)) == steps


def test_a_folder_of_backdrops_own_class_opens_as_a_light_network_of_its_own_size(tmp_path: Path) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    from models.light import LightPipeline
    from scripts.renderer.train import new_unet

    network = new_unet(size=64, channels=(32, 32), groups=8)
    LightPipeline(network, FlowMatchEulerDiscreteScheduler()).save_pretrained(tmp_path)
    generator = load_pipeline(tmp_path)
    assert generator.capabilities.paints == "light"
    assert generator.capabilities.size == 64
    reported: list[float] = []
    scene = conditions()
    light = painted(generator, PaintRequest("a wall", "", scene, 1, reported.append))
    # Untrained, it returns light of any range unchanged.
    np.testing.assert_allclose(light, scene.light, rtol=1e-5)
    assert reported == [1]


def test_a_light_network_gets_every_condition_unchanged_and_its_answer_is_not_clipped() -> None:
    class Light:
        def __call__(self, *, sketch: object, light: Any, occlusion: object, gloss: object, lit: object) -> Any:
            self.given = {"sketch": sketch, "light": light, "occlusion": occlusion, "gloss": gloss, "lit": lit}
            return SimpleNamespace(images=[light * 3])

    pipe = Light()
    generator = DiffusersGenerator(pipe, Recipe(256), version="", paints="light")
    scene = conditions()
    assert paint(generator, scene).max() == scene.light.max() * 3 > 1
    assert all(pipe.given[name] is getattr(scene, name) for name in pipe.given)
    with pytest.raises(ModelFailed, match="light"):
        paint(generator, replace(scene, light=-scene.light))


class Checker:
    """A safety checker that withholds the first pictures that it sees."""

    def __init__(self, withholds: int) -> None:
        self.left = withholds

    def __call__(self, images: Any, clip_input: Any) -> tuple[Any, list[bool]]:
        flagged = [self.left > number for number in range(len(images))]
        self.left -= len(images)
        for image, flag in zip(images, flagged, strict=True):
            image *= not flag
        return images, flagged


def test_a_picture_that_the_models_own_checker_withholds_is_not_used(
    tiny_folder: FolderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = load_pipeline(tiny_folder("stable-diffusion-v1-5-checked"), size=64, steps=1)
    pipe = generator._pipe
    assert type(pipe.safety_checker).__name__ == "StableDiffusionSafetyChecker"
    checker = Checker(withholds=1)
    monkeypatch.setattr(pipe, "run_safety_checker", lambda image, device, dtype: checker(image, None))
    with pytest.raises(PaintingWithheld, match="withheld"):
        paint(generator)
    assert paint(generator).max() > 0


def test_a_pipeline_class_that_diffusers_lacks_is_named(tiny_folder: FolderOf) -> None:
    with pytest.raises(ValueError, match="NoSuchPipeline"):
        load_pipeline(tiny_folder("sdxl-turbo"), pipeline_class="NoSuchPipeline")


def test_a_broken_pipeline_and_one_out_of_memory_raise_different_errors() -> None:
    def generator(error: Exception) -> DiffusersGenerator:
        class Pipe:
            def __call__(self, prompt: str) -> None:
                raise error

        return DiffusersGenerator(Pipe(), Recipe(64), version="", paints="light")

    with pytest.raises(OutOfMemory):
        paint(generator(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")))
    with pytest.raises(ModelFailed):
        paint(generator(RuntimeError("mat1 and mat2 shapes cannot be multiplied")))
