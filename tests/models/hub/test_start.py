"""Flow pipelines start at the noise that their family says, whatever their scheduler makes of a size."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.hub.families import FAMILIES, family_of
from models.hub.start import noise_schedule, schedule
from tests.lanes import rest_in_gate
from tests.support.tiny_pipelines import conditions, load_pipeline, paint


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    rest_in_gate(
        [
            # the one whose noise depends on the picture's size
            ("FLUX.1-dev", "FluxImg2ImgPipeline", (128, 64)),
            ("FLUX.1-dev", "FluxImg2ImgPipeline", (64, 64)),
            ("FLUX.1-schnell", "FluxImg2ImgPipeline", (64, 64)),
            ("Z-Image-Turbo", "ZImageImg2ImgPipeline", (64, 64)),
            ("stable-diffusion-3.5-medium", "StableDiffusion3Img2ImgPipeline", (64, 64)),
            ("FLUX.2-klein-4B", "Flux2KleinInpaintPipeline", (96, 96)),
            ("FLUX.1-Kontext-dev", "FluxKontextInpaintPipeline", (128, 64)),
            ("Z-Image-Turbo", "ZImageInpaintPipeline", (64, 64)),
        ]
    ),
)
def test_the_first_noise_is_the_one_asked_for_and_all_steps_run(
    tiny_folder: Callable[[str], Path], name: str, kind: str, size: tuple[int, int]
) -> None:
    import diffusers
    import torch

    pipe = getattr(diffusers, kind).from_pretrained(tiny_folder(name))
    pipe.set_progress_bar_config(disable=True)
    picture = Image.new("RGB", size, (200, 120, 40))
    masked: dict[str, Any] = {"mask_image": Image.new("L", size, 255)} if "Inpaint" in kind else {}
    masked |= {"_auto_resize": False} if "Kontext" in kind else {}
    ran: list[int] = []

    def step(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        ran.append(index)
        return tensors

    sigmas = noise_schedule(pipe, 0.72, 3, *size)
    generator = torch.Generator().manual_seed(0)
    pipe(
        prompt="a wall", image=picture, width=size[0], height=size[1], strength=1.0, num_inference_steps=3,
        sigmas=sigmas, generator=generator, callback_on_step_end=step, output_type="np", **masked,
    )  # fmt: skip
    assert float(pipe.scheduler.sigmas[0]) == pytest.approx(0.72, abs=1e-5)
    assert list(pipe.scheduler.sigmas) == sorted(pipe.scheduler.sigmas, reverse=True)
    assert ran == [0, 1, 2]


def test_a_familys_start_noise_is_what_its_strength_came_to(tiny_folder: Callable[[str], Path]) -> None:
    """So nothing changes where the shift does not depend on the size; by `strength` alone FLUX.1 [dev]'s would."""
    family = family_of("ZImagePipeline", "Z-Image-Turbo")
    assert family is not None
    assert family.start_noise is not None
    exact = load_pipeline(tiny_folder("Z-Image-Turbo"), size=64)
    by_strength = load_pipeline(tiny_folder("Z-Image-Turbo"), size=64, strength=schedule(5, 0.6)[1])
    np.testing.assert_allclose(paint(exact), paint(by_strength), atol=1e-5)
    assert "noise=0.8333" in exact.version
    assert "noise" not in by_strength.version


def test_start_noise_is_said_of_flow_families_alone() -> None:
    for family in FAMILIES:
        flow = family.image == "start" and not family.name.startswith(("SD", "Stable Diffusion 1"))
        assert (family.start_noise is not None) == (flow or family.inpaints is not None), family.name


@pytest.mark.parametrize("name", rest_in_gate(["FLUX.1-Kontext-dev", "FLUX.2-klein-9b-kv"]))
def test_an_edit_model_is_told_to_edit_and_keeps_the_size_that_it_is_given(
    tiny_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    generator = load_pipeline(tiny_folder(name), size=128, steps=2)
    kind = type(generator._pipe)
    call, told = kind.__call__, dict[str, Any]()

    @functools.wraps(call)
    def spied(pipe: Any, **given: Any) -> Any:
        answer = call(pipe, **given)
        told.update(given, painted=np.asarray(answer.images[0]).shape)
        return answer

    monkeypatch.setattr(kind, "__call__", spied)
    scene = conditions()
    wide = replace(scene, **{key: np.repeat(value, 2, 1) for key, value in vars(scene).items()})
    paint(generator, wide)
    assert told["prompt"].startswith("Turn this flat draft into a photograph.")
    assert told["painted"] == (told["height"], told["width"], 3)
    assert told["width"] > 2 * told["height"]
    assert told["image"].size == (told["width"], told["height"])
