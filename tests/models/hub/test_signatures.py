"""Each family's arguments for its pipeline of diffusers, by the installed signatures.

`Recipe.arguments` passes only arguments that a pipeline's `__call__` takes. If a new release renamed one, it would
silently be left out: the product would not be held, or the pipeline's default guidance would apply.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.hub.controlnet import CONTROLLED, DepthChoice
from models.hub.families import FAMILIES, Family
from models.loading import GeneratorChoice, _recipe, _under_control
from pipeline.core.networks import Laid, PaintRequest
from tests.support.tiny_pipelines import conditions

#: Arguments of every pipeline.
ALWAYS = {"prompt", "generator", "num_inference_steps", "output_type", "callback_on_step_end"}
#: Classes without such an argument: they fix the picture's size, have their guidance distilled in, or know no negative
#: prompt.
UNSIZED = {"StableDiffusionImg2ImgPipeline", "StableDiffusionXLImg2ImgPipeline"}
UNGUIDED = {"Flux2KleinKVPipeline"}
NO_NEGATIVE = {
    *("Flux2KleinPipeline", "Flux2KleinKVPipeline", "Flux2KleinInpaintPipeline", "FluxControlNetImg2ImgPipeline"),
}
#: Classes under a ControlNet that take no picture: their start is in the latents.
FROM_LATENTS = {"StableDiffusion3ControlNetPipeline", "ZImageControlNetPipeline"}


def _classes() -> list[Any]:
    cases: list[Any] = []
    for family in FAMILIES:
        if "Modular" in family.pipeline:  # its interface is `models.hub.modular`'s own
            continue
        kinds = [family.pipeline, *([family.inpaints] if family.inpaints else [])]
        kinds += [CONTROLLED[family.pipeline][0]] if family.pipeline in CONTROLLED else []
        cases += [pytest.param(family, kind, id=f"{family.name} {kind}") for kind in kinds]
    return cases


def _needed(family: Family, kind: str) -> set[str]:
    """Return the arguments that a family's figures need."""
    names, guidance = set(ALWAYS), getattr(family, "guidance", "guidance_scale")
    names |= {"latents"} if kind in FROM_LATENTS else {"image"}
    names |= {"control_image"} if "ControlNet" in kind else set()
    names |= {"mask_image"} if kind == family.inpaints else set()
    names |= set() if kind in UNSIZED else {"width", "height"}
    names |= set() if kind in UNGUIDED else {guidance}
    names |= set() if kind in NO_NEGATIVE else {"negative_prompt"}
    names |= {"max_sequence_length"} if family.prompt_tokens > 77 else set()  # CLIP's own window
    starts = kind not in FROM_LATENTS and (family.strength is not None or kind == family.inpaints)
    names |= {"strength"} if starts else set()
    names |= {"sigmas"} if family.start_noise is not None and (starts or kind in FROM_LATENTS) else set()
    names |= {"max_area", "_auto_resize"} if kind.startswith("FluxKontext") else set()
    return names


def _given(family: Family, kind: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the arguments of a family's recipe for a class, with a held product."""
    import diffusers
    import torch

    monkeypatch.setattr("models.hub.recipe.start_latents", lambda *figures: torch.zeros(1))
    pipe = SimpleNamespace(
        __call__=getattr(diffusers, kind).__call__.__get__(object()),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae_scale_factor=8,
        vae=None,
    )
    recipe = _recipe(family, pipe, GeneratorChoice("a model"))
    if "ControlNet" in kind:
        recipe = _under_control(recipe, pipe, family, DepthChoice("a ControlNet"), None)
    scene = conditions()
    laid = Laid(scene.sketch, np.ones(scene.sketch.shape[:2], np.float32))
    request = PaintRequest("a wall", "text", scene, 1, lambda done: None, laid)
    return recipe.arguments(pipe, [request], lambda *step: {})


@pytest.mark.parametrize(("family", "kind"), _classes())
def test_a_familys_figures_reach_its_pipeline(family: Family, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _needed(family, kind) - set(_given(family, kind, monkeypatch)) == set()
