"""Model families (families.toml): how each is meant to be run, and how a model's own config identifies its family.

`steps` are the denoising steps that run, after an image-to-image pipeline has skipped the first ones of its schedule.
Steps, guidance, size and precision come from `source`, read on `checked_on`. Backdrop chose `strength` so that a sketch
keeps its layout, or took it from the source if that has one. None of this was tried with the weights.

These config fields distinguish families of one class, with their sources (2026-11-29):

- SDXL-Turbo and SD-Turbo have `timestep_spacing` "trailing", with an ancestral and a plain Euler scheduler. The base
  models have "leading". The source is each model's scheduler_config.json on huggingface.co.
- Latent consistency models have `time_cond_proj_dim` in the UNet. No family here was distilled in that way.
- FLUX.1 [dev] has `guidance_embeds` in the transformer. [schnell] has none, and no dynamic shift.
- FLUX.2 [klein] has `is_distilled` in model_index.json. Base has none.
- Z-Image-Turbo has `shift` 3 in the scheduler. Z-Image has 6 (second hand).
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from models.device import DtypeName
from models.hub.latents import Packing

#: The setting with which an operator names a family.
SETTING = "BACKDROP_GENERATOR_FAMILY"


@dataclass(frozen=True)
class Family:
    """Models that are run in the same way."""

    name: str
    #: Class of diffusers that paints.
    pipeline: str
    #: Denoising steps that run.
    steps: int
    guidance_scale: float
    #: Side in pixels of the squares in its training. Images of other shapes have the same area.
    size: int
    #: Sides are multiples of this many pixels.
    multiple: int
    #: Longest prompt that the model reads, in tokens of its text encoder.
    prompt_tokens: int
    #: Licence of the weights.
    licence: str
    #: Whether the licence allows selling images made with the weights.
    may_sell: Literal["yes", "no", "see licence"]
    #: Page that the figures are from.
    source: str
    checked_on: str = "2026-11-24"
    #: The sketch's use: "start" of the denoising, or a "reference" image to edit.
    image: Literal["start", "reference"] = "start"
    #: Share of the schedule that runs, 0–1: 1 ignores the sketch. None if the class has no strength.
    strength: float | None = None
    #: Precision on a GPU; a CPU always gets float32.
    dtype: DtypeName = "bfloat16"
    #: How its pipeline packs latents (`models.hub.latents`); None if it never gets a start in latents.
    latents: Packing | None = None
    #: Whether several images in one call equal single ones. If a class treats a list of images as references for every
    #: sample, one customer's drawing would leak into another's image.
    batches: bool = True
    #: Whether it reads a list of pictures as one sample's: the sketch, and further pictures as references.
    references: bool = False
    #: Values of its config by dotted name, such as "scheduler.shift", that must all match. false: the field is absent.
    identified_by: Mapping[str, Any] = field(default_factory=dict)
    #: No config identifies it, only its name in SETTING or its `checkpoint`.
    named_only: bool = False
    #: Names of families with the same config: their models need SETTING.
    alike: tuple[str, ...] = ()
    #: The argument that gets its guidance.
    guidance: Literal["guidance_scale", "true_cfg_scale"] = "guidance_scale"
    #: Noise σ of x = (1 - σ) · clean + σ · noise that a flow model starts with, independent of its scheduler's shift at
    #: the size. It equals `strength` under the model's own shift, if that does not depend on the size. None: it starts
    #: on its scheduler's grid, by `strength`.
    start_noise: float | None = None
    #: Class of diffusers that paints around a product, for families without a hold on the latents.
    inpaints: str | None = None
    #: Whether its text encoder learned colours as #rrggbb; others read their names.
    reads_hex: bool = False
    #: Scheduler of diffusers that replaces the model's own.
    scheduler: str | None = None
    #: Timestep spacing that replaces the scheduler's own.
    spacing: str | None = None
    #: Model with the other parts for a UNet that comes alone, and the published file name of that UNet.
    base: str | None = None
    checkpoint: str | None = None

    @property
    def classes(self) -> set[str]:
        """Its names in model_index.json: of the painting class, and of the class without "Img2Img"."""
        return {self.pipeline, self.pipeline.replace("Img2Img", "")}


def _read() -> Iterator[Family]:
    rows: dict[str, dict[str, Any]] = {}
    for row in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["family"]:
        rows[row["name"]] = row = rows.get(row.pop("like", ""), {}) | row
        # TOML has no None: false clears a value of the family that this row is `like`.
        gone = {name: None for name in ("inpaints", "start_noise", "strength") if row.get(name) is False}
        yield Family(**row | gone | {"alike": tuple(row.get("alike", ()))})


#: In the order of families.toml.
FAMILIES = tuple(_read())


def family_of(config: Mapping[str, Any], *, unet: str | None = None, named: str | None = None) -> Family | None:
    """Return the family of a model by its own config, or None if it is unknown.

    `config` is its model_index.json, with the config of each part in its place, or {} if it has none. `unet` is the
    file of a UNet that comes alone. `named` is the operator's choice, which wins. Raises ValueError if that is not a
    family, or is a family of other classes.
    """
    kind = config.get("_class_name")
    if named is not None:
        fitting = [family for family in FAMILIES if kind is None or kind in family.classes]
        for family in fitting:
            if _plain(family.name) == _plain(named):
                return family
        names = ", ".join(repr(family.name) for family in fitting) or "none"
        raise ValueError(
            f"{SETTING} is {named!r}, which is not a known family of {kind or 'this model'} (known: {names})."
            " Correct it, or leave it empty."
        )
    for family in FAMILIES:
        if unet is not None and unet == family.checkpoint:
            return family
    for family in reversed(FAMILIES):
        fits = all(_has(config, *one) for one in family.identified_by.items())
        if kind in family.classes and fits and not family.named_only:
            return family
    return None


def _has(config: Mapping[str, Any], name: str, value: Any) -> bool:
    found: Any = config
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return (found or None) == (value or None)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
