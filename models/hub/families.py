"""Model families: how each is meant to be run, by its makers' word.

`steps` are the denoising steps that run, after an image-to-image pipeline has skipped the first of its schedule.
Steps, guidance, size and precision come from `source`, read on `checked_on`. `strength` is ours, chosen so that a
sketch keeps its layout; where the source has one of its own, it is that. None of this was tried here with the weights.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from models.device import DtypeName
from models.hub.latents import Packing

CHECKED_ON = "2026-11-24"
#: An edit model is told what its picture is; others are shown it as a start. The wording is ours.
EDIT_PROMPT = (
    "Turn this flat draft into a photograph. Keep its layout, its colours, its light and where things stand. {prompt}"
)


@dataclass(frozen=True)
class Family:
    """Models that are run alike."""

    name: str
    #: Names in model_index.json that belong to it.
    classes: frozenset[str]
    #: Regular expression searched in the model's own name, lower case; "" fits all.
    pattern: str
    #: Class of diffusers that paints.
    pipeline: str
    #: What the sketch is to it: "start" of the denoising, or a "reference" picture to edit.
    image: Literal["start", "reference"]
    #: Denoising steps that run.
    steps: int
    #: Share of the schedule that runs, 0–1: 1 forgets the sketch. None where the class has no such thing.
    strength: float | None
    guidance_scale: float
    #: Precision on a GPU; a CPU always gets float32.
    dtype: DtypeName
    #: How its pipeline packs latents (`models.hub.latents`); None where it is never given a start in them.
    latents: Packing | None
    #: Side in pixels of the squares it was trained at: other shapes have their area.
    size: int
    #: Sides are multiples of this many pixels.
    multiple: int
    #: Longest prompt that is read, in tokens of its text encoder.
    prompt_tokens: int
    #: Whether several pictures at once come out as they do one by one. Where a list of pictures means references for
    #: every sample, one customer's drawing would leak into another's picture.
    batches: bool
    #: Licence of the weights.
    licence: str
    #: Page that the figures are from.
    source: str
    checked_on: str = CHECKED_ON
    #: Prompt as it is sent; `{prompt}` is the scene.
    prompt: str = "{prompt}"
    #: Noise σ of x = (1 - σ) · clean + σ · noise that a flow model starts with, whatever its scheduler's shift at that
    #: size. It is what `strength` comes to with the model's own shift, where that does not depend on the size. None: it
    #: starts on its scheduler's grid, by `strength`.
    start_noise: float | None = None
    #: Class of diffusers that paints round a product, in place of a hold on the latents: where the sketch is a
    #: reference picture no start carries the product.
    inpaints: str | None = None
    #: Whether its text encoder was taught colours as #rrggbb; others are told their names.
    reads_hex: bool = False
    #: Scheduler of diffusers in place of the model's own.
    scheduler: str | None = None
    #: Timestep spacing in place of the scheduler's own.
    spacing: str | None = None
    #: Model whose other parts go with a UNet that comes alone, and that UNet's file.
    base: str | None = None
    checkpoint: str | None = None


_SDXL_CLASSES = frozenset({"StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"})
_SD_CLASSES = frozenset({"StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"})
_SD3_CLASSES = frozenset({"StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline"})

SDXL = Family(
    name="SDXL",
    classes=_SDXL_CLASSES,
    pattern="",
    pipeline="StableDiffusionXLImg2ImgPipeline",
    image="start",
    steps=38,
    strength=0.75,
    guidance_scale=5.0,
    dtype="float16",
    latents="grid",
    size=1024,
    multiple=32,
    prompt_tokens=77,
    batches=True,
    licence="CreativeML Open RAIL++-M",
    source="https://huggingface.co/docs/diffusers/api/pipelines/stable_diffusion/stable_diffusion_xl",
)
#: Distilled on the four timesteps 999, 749, 499 and 249. Three quarters of that schedule are its last three; more
#: steps, or another spacing, would ask for timesteps it has not seen.
SDXL_LIGHTNING = replace(
    SDXL,
    name="SDXL-Lightning",
    pattern=r"lightning",
    steps=3,
    guidance_scale=0.0,
    source="https://huggingface.co/ByteDance/SDXL-Lightning",
    scheduler="EulerDiscreteScheduler",
    spacing="trailing",
    base="stabilityai/stable-diffusion-xl-base-1.0",
    checkpoint="sdxl_lightning_4step_unet.safetensors",
)
SDXL_LIGHTNING_8 = replace(
    SDXL_LIGHTNING,
    name="SDXL-Lightning, 8 steps",
    pattern=r"lightning.*8.?step",
    steps=6,
    checkpoint="sdxl_lightning_8step_unet.safetensors",
)
#: Made for one to four steps and no guidance; the source's image-to-image example runs half of two.
SDXL_TURBO = replace(
    SDXL,
    name="SDXL-Turbo",
    pattern=r"turbo",
    steps=1,
    strength=0.5,
    guidance_scale=0.0,
    size=512,
    licence="Stability AI's own, see the model's page",
    source="https://huggingface.co/docs/diffusers/using-diffusers/sdxl_turbo",
    spacing="trailing",
)
#: Its scheduler is PNDM, which makes the first of its steps twice: 39 evaluations.
STABLE_DIFFUSION = Family(
    name="Stable Diffusion 1",
    classes=_SD_CLASSES,
    pattern="",
    pipeline="StableDiffusionImg2ImgPipeline",
    image="start",
    steps=38,
    strength=0.75,
    guidance_scale=7.5,
    dtype="float16",
    latents="grid",
    size=512,
    multiple=64,
    prompt_tokens=77,
    batches=True,
    licence="CreativeML Open RAIL-M",
    source="https://huggingface.co/docs/diffusers/api/pipelines/stable_diffusion/img2img",
)
SD_TURBO = replace(
    STABLE_DIFFUSION,
    name="SD-Turbo",
    pattern=r"turbo",
    steps=SDXL_TURBO.steps,
    strength=SDXL_TURBO.strength,
    guidance_scale=SDXL_TURBO.guidance_scale,
    licence=SDXL_TURBO.licence,
    # The page is SDXL-Turbo's: SD-Turbo was distilled in the same way.
    source=SDXL_TURBO.source,
    spacing="trailing",
)
SD3 = Family(
    name="Stable Diffusion 3",
    classes=_SD3_CLASSES,
    pattern="",
    pipeline="StableDiffusion3Img2ImgPipeline",
    image="start",
    steps=30,
    strength=0.6,
    start_noise=9 / 11,
    guidance_scale=7.0,
    dtype="bfloat16",
    latents="grid",
    size=1024,
    multiple=16,
    prompt_tokens=256,
    batches=True,
    licence="Stability AI Community License",
    source="https://huggingface.co/docs/diffusers/api/pipelines/stable_diffusion/stable_diffusion_3",
)
SD3_TURBO = replace(
    SD3,
    name="Stable Diffusion 3.5 Large Turbo",
    pattern=r"turbo",
    steps=3,
    strength=0.75,
    start_noise=0.9,
    guidance_scale=0.0,
    source="https://huggingface.co/spaces/stabilityai/stable-diffusion-3.5-large-turbo",
)
#: Four steps. The source's image-to-image example has strength 0.95, which at four steps starts from noise alone.
FLUX_SCHNELL = Family(
    name="FLUX.1 [schnell]",
    classes=frozenset({"FluxPipeline", "FluxImg2ImgPipeline"}),
    pattern=r"schnell",
    pipeline="FluxImg2ImgPipeline",
    image="start",
    steps=3,
    strength=0.75,
    start_noise=0.75,
    guidance_scale=0.0,
    dtype="bfloat16",
    latents="flux",
    size=1024,
    multiple=16,
    prompt_tokens=256,
    batches=True,
    licence="Apache-2.0",
    source="https://huggingface.co/docs/diffusers/api/pipelines/flux",
)
#: An edit model: there is no image-to-image start, the sketch is a reference picture. Guidance is distilled in. Its
#: pipeline takes a list of pictures as references of every sample, so it is never batched.
FLUX2_KLEIN = Family(
    name="FLUX.2 [klein]",
    classes=frozenset({"Flux2KleinPipeline"}),
    pattern="",
    pipeline="Flux2KleinPipeline",
    image="reference",
    steps=4,
    strength=None,
    guidance_scale=1.0,
    dtype="bfloat16",
    latents=None,
    size=1024,
    multiple=16,
    prompt_tokens=512,
    # Of the inpainting class alone. Ours, not tried with the weights: a strength of .75 starts at .967 with four steps.
    start_noise=0.9,
    inpaints="Flux2KleinInpaintPipeline",
    reads_hex=True,
    batches=False,
    licence="Apache-2.0 (4B), FLUX Non-Commercial License (9B)",
    source="https://github.com/black-forest-labs/flux2",
    prompt=EDIT_PROMPT,
)
#: Not distilled; its guidance is that of diffusers' example.
FLUX2_KLEIN_BASE = replace(FLUX2_KLEIN, name="FLUX.2 [klein] Base", pattern=r"base", steps=50, guidance_scale=4.0)
#: Keeps what it computed of its reference pictures from step to step; it takes no guidance.
FLUX2_KLEIN_KV = replace(
    FLUX2_KLEIN,
    name="FLUX.2 [klein] 9B KV",
    classes=frozenset({"Flux2KleinKVPipeline"}),
    pipeline="Flux2KleinKVPipeline",
    # its transformer keeps what it read of references alone
    inpaints=None,
    start_noise=None,
    licence="FLUX Non-Commercial License",
)
#: An edit model. Left alone, its pipeline scales its picture to one of a list of sizes of its own; the generator says
#: that it is of the right size.
FLUX_KONTEXT = Family(
    name="FLUX.1 Kontext [dev]",
    classes=frozenset({"FluxKontextPipeline"}),
    pattern="",
    pipeline="FluxKontextPipeline",
    image="reference",
    steps=28,
    strength=None,
    guidance_scale=2.5,
    dtype="bfloat16",
    latents="flux",
    size=1024,
    multiple=16,
    prompt_tokens=512,
    # Of the inpainting class alone, as FLUX.2 [klein]'s. Ours, not tried with the weights.
    start_noise=0.9,
    inpaints="FluxKontextInpaintPipeline",
    batches=False,
    licence="FLUX.1 [dev] Non-Commercial License",
    source="https://huggingface.co/docs/diffusers/api/pipelines/flux",
    checked_on="2026-11-26",
    prompt=EDIT_PROMPT,
)
#: Eight evaluations in all; the source's example leaves 0.6 of them.
Z_IMAGE_TURBO = Family(
    name="Z-Image-Turbo",
    classes=frozenset({"ZImagePipeline", "ZImageImg2ImgPipeline"}),
    pattern=r"turbo",
    pipeline="ZImageImg2ImgPipeline",
    image="start",
    steps=5,
    strength=0.6,
    start_noise=5 / 6,
    guidance_scale=0.0,
    dtype="bfloat16",
    latents="grid",
    size=1024,
    multiple=16,
    prompt_tokens=512,
    batches=True,
    licence="Apache-2.0",
    source="https://huggingface.co/docs/diffusers/api/pipelines/z_image",
)

#: The first that fits is taken, so the special stand before the general.
FAMILIES = (
    SDXL_LIGHTNING_8, SDXL_LIGHTNING, SDXL_TURBO, SDXL, SD_TURBO, STABLE_DIFFUSION, SD3_TURBO, SD3, FLUX_SCHNELL,
    FLUX_KONTEXT, FLUX2_KLEIN_KV, FLUX2_KLEIN_BASE, FLUX2_KLEIN, Z_IMAGE_TURBO,
)  # fmt: skip


def family_of(class_name: str | None, model: str) -> Family | None:
    """Return the family of a model, or None where nothing is known of it.

    `class_name` is that of its model_index.json, None where it has none: then only a UNet that comes alone fits.
    `model` is a hub id, a folder or a file; its last part counts, or the hub id in a path of the hub's cache.
    """
    parts = model.lower().replace("\\", "/").rstrip("/").split("/")
    name = next((part for part in parts if part.startswith("models--")), parts[-1])
    for family in FAMILIES:
        known = family.base is not None if class_name is None else class_name in family.classes
        if known and re.search(family.pattern, name):
            return family
    return None
