"""Model families (families.toml): how each is meant to be run, and how a model's own config tells which it is.

`steps` are the denoising steps that run, after an image-to-image pipeline has skipped the first of its schedule.
Steps, guidance, size and precision come from `source`, read on `checked_on`. `strength` is ours, chosen so that a
sketch keeps its layout; where the source has one of its own, it is that. None of this was tried here with the weights.

Which fields of a config tell families of one class apart, and where they were read (2026-11-29):
    SDXL-Turbo, SD-Turbo   `timestep_spacing` "trailing", with an ancestral Euler scheduler and a plain one: each one's
                           scheduler_config.json on huggingface.co; the base models space "leading"
    latent consistency     `time_cond_proj_dim` of the UNet: of no family here, as none was distilled in that way
    FLUX.1 [dev]           `guidance_embeds` of the transformer; [schnell] has none, and no dynamic shift
    FLUX.2 [klein]         `is_distilled` of model_index.json; Base has none
    Z-Image-Turbo          `shift` 3 of the scheduler; Z-Image has 6 (second hand)
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from models.device import DtypeName
from models.hub.latents import Packing

#: What an operator names a family by.
SETTING = "BACKDROP_GENERATOR_FAMILY"


@dataclass(frozen=True)
class Family:
    """Models that are run alike."""

    name: str
    #: Class of diffusers that paints.
    pipeline: str
    #: Denoising steps that run.
    steps: int
    guidance_scale: float
    #: Side in pixels of the squares it was trained at: other shapes have their area.
    size: int
    #: Sides are multiples of this many pixels.
    multiple: int
    #: Longest prompt that is read, in tokens of its text encoder.
    prompt_tokens: int
    #: Licence of the weights.
    licence: str
    #: Whether that licence lets one use the weights to make pictures for sale.
    may_sell: Literal["yes", "no", "see licence"]
    #: Page that the figures are from.
    source: str
    checked_on: str = "2026-11-24"
    #: What the sketch is to it: "start" of the denoising, or a "reference" picture to edit.
    image: Literal["start", "reference"] = "start"
    #: Share of the schedule that runs, 0–1: 1 forgets the sketch. None where the class has no such thing.
    strength: float | None = None
    #: Precision on a GPU; a CPU always gets float32.
    dtype: DtypeName = "bfloat16"
    #: How its pipeline packs latents (`models.hub.latents`); None where it is never given a start in them.
    latents: Packing | None = None
    #: Whether several pictures at once come out as they do one by one. Where a list of pictures means references for
    #: every sample, one customer's drawing would leak into another's picture.
    batches: bool = True
    #: Values of its config by dotted name, "scheduler.shift" say, that all have to be there; false: none there.
    told_by: Mapping[str, Any] = field(default_factory=dict)
    #: No config tells it, only its name in SETTING or its `checkpoint`.
    named_only: bool = False
    #: Families whose config is the same, by name: a model of theirs has to be named in SETTING.
    alike: tuple[str, ...] = ()
    #: The argument that its guidance goes to.
    guidance: Literal["guidance_scale", "true_cfg_scale"] = "guidance_scale"
    #: Noise σ of x = (1 - σ) · clean + σ · noise that a flow model starts with, whatever its scheduler's shift at that
    #: size. It is what `strength` comes to with the model's own shift, where that does not depend on the size. None: it
    #: starts on its scheduler's grid, by `strength`.
    start_noise: float | None = None
    #: Class of diffusers that paints round a product, where no hold on the latents does.
    inpaints: str | None = None
    #: Whether its text encoder was taught colours as #rrggbb; others read their names.
    reads_hex: bool = False
    #: Scheduler of diffusers in place of the model's own.
    scheduler: str | None = None
    #: Timestep spacing in place of the scheduler's own.
    spacing: str | None = None
    #: Model whose other parts go with a UNet that comes alone, and that UNet's file as its makers publish it.
    base: str | None = None
    checkpoint: str | None = None

    @property
    def classes(self) -> set[str]:
        """Names in model_index.json that belong to it: of the class that paints, and of the one it starts from."""
        return {self.pipeline, self.pipeline.replace("Img2Img", "")}


def _read() -> Iterator[Family]:
    rows: dict[str, dict[str, Any]] = {}
    for row in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["family"]:
        rows[row["name"]] = row = rows.get(row.pop("like", ""), {}) | row
        # TOML has no None: where a family is not as the one that it is like, false stands for it.
        gone = {name: None for name in ("inpaints", "start_noise", "strength") if row.get(name) is False}
        yield Family(**row | gone | {"alike": tuple(row.get("alike", ()))})


#: In the order of families.toml.
FAMILIES = tuple(_read())


def family_of(config: Mapping[str, Any], *, unet: str | None = None, named: str | None = None) -> Family | None:
    """Return the family of a model by its own config, or None where nothing is known of it.

    `config` is its model_index.json, with the config of each part in its place; {} where it has none. `unet` is the
    file of a UNet that comes alone. `named` is the operator's word, which wins. Raises ValueError for a name of no
    family, and of one that goes with other classes.
    """
    kind = config.get("_class_name")
    if named is not None:
        fitting = [family for family in FAMILIES if kind is None or kind in family.classes]
        for family in fitting:
            if _plain(family.name) == _plain(named):
                return family
        names = ", ".join(repr(family.name) for family in fitting) or "none"
        raise ValueError(f"{SETTING} is {named!r}, no family of a {kind or 'model'}. Known: {names}. Leave it empty.")
    for family in FAMILIES:
        if unet is not None and unet == family.checkpoint:
            return family
    for family in reversed(FAMILIES):
        fits = all(_has(config, *one) for one in family.told_by.items())
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
