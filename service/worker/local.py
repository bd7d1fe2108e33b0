"""One swap in this process: no server, no queue, no credits."""

import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.colour.notation import parse_colour
from pipeline.core.provenance import Credentials
from pipeline.core.spec import AS_PRESET, SEED_LIMIT, UNMOVED, Output, PhotoPlace, Placement, Spec
from pipeline.cutout.cache import Cache
from pipeline.cutout.given import GivenMask
from pipeline.delivery.output import output_faults
from pipeline.photo.decode import decode
from pipeline.report import to_json
from pipeline.swap import SwapResult, cut_out, swap
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.catalogue.cautions import Caution, cautions
from service.catalogue.near_miss import near_miss
from service.catalogue.specs import resolve_spec, stored_spec
from service.cutouts.mask_file import MaskInvalid, checked_mask
from service.cutouts.pixels import of_network
from service.jobs.records import KeptFacts
from service.settings import Settings
from service.worker.c2pa import CredentialsInvalid, open_credentials
from service.worker.networks import open_networks


class SpecInvalid(ValueError):
    """Raised when what is asked can't be made; the message names the option and the remedy."""


def build_spec(
    catalogue: Catalogue,
    *,
    scene: str,
    mood: str,
    colours: Sequence[str],
    preset: str,
    seed: int | None,
    placement: Placement = UNMOVED,
    output: Output = AS_PRESET,
    subject: PhotoPlace | None = None,
) -> Spec:
    """Return the spec that the options ask for, by the API's own rules. Raises SpecInvalid."""
    if preset not in catalogue.presets:
        nearest, meant = ", ".join(catalogue.nearest_presets(preset)), near_miss(preset, catalogue.presets)
        hint = f" Did you mean {meant}?" if meant else ""
        raise SpecInvalid(f"--preset {preset!r} does not exist.{hint} The nearest are: {nearest}.")
    if len(colours) > 6:
        raise SpecInvalid("--color: at most six colours.")
    try:
        stored = stored_spec(
            catalogue,
            scene_type=catalogue.scene(scene).name,
            mood=catalogue.mood(mood).name,
            dominant_colors=[parse_colour(colour) for colour in colours],
            output_preset=preset,
            seed=secrets.randbelow(SEED_LIMIT) if seed is None else seed,
            placement=placement,
            output=output,
            subject=subject,
        )
    except ValueError as error:
        raise SpecInvalid(str(error)) from error
    for option, name, names in (
        ("--scene", stored["scene_type"], catalogue.scenes),
        ("--mood", stored["mood"], catalogue.moods),
    ):
        meant = near_miss(name, names)
        if meant is not None:
            raise SpecInvalid(f"{option} {name!r}: did you mean {meant}? If not, describe it in other words.")
    spec = resolve_spec(stored, catalogue)
    if spec.preset.background != "scene" and spec.scene.name != "white":
        sibling = spec.preset.scene_sibling or "shopify_product"
        raise SpecInvalid(f"--preset {preset} allows only --scene white. {sibling} allows scenes.")
    for fault in output_faults(spec.preset, output):
        option = "--format, or the suffix of -o" if fault.field == "format" else f"--{fault.field}"
        raise SpecInvalid(f"{option}: {fault.message}.")
    return spec


def warnings_of(catalogue: Catalogue, spec: Spec, render: SwapResult) -> tuple[str, ...]:
    """Return the codes of all that a swap is warned of: what may not be meant, and what its pipeline found."""
    told = [one.code for one in cautions(catalogue, spec.scene, spec.mood, spec.palette, spec.preset)]
    return (*told, *(code for code in render.warnings if code not in told))


def swap_file(
    photo: Path,
    output: Path,
    *,
    settings: Settings,
    scene: str,
    mood: str,
    colours: Sequence[str],
    preset: str,
    seed: int | None,
    show_progress: bool,
    placement: Placement = UNMOVED,
    own: Output = AS_PRESET,
    subject: PhotoPlace | None = None,
    preview: bool = False,
    kept: Cache | None = None,
    mask: Path | None = None,
    on_caution: Callable[[Caution], None] | None = None,
) -> SwapResult:
    """Read a photo, write the picture to `output` and its report to `output`.json.

    `own` has the caller's size, format and quality. `kept`, where given (`service.storage.cache.folder_cache`), has the
    cut-outs of earlier swaps. `mask`, where given, is the product's, as `cut_out_file` writes one. `on_caution` hears
    what may not be meant before the work begins. Raises SpecInvalid and PipelineError; then nothing is written.
    """
    catalogue = load_catalogue(settings.catalogue)
    spec = build_spec(
        catalogue,
        scene=scene,
        mood=mood,
        colours=colours,
        preset=preset,
        seed=seed,
        placement=placement,
        output=own,
        subject=subject,
    )
    if on_caution is not None:
        for caution in cautions(catalogue, spec.scene, spec.mood, spec.palette, spec.preset):
            on_caution(caution)
    given = None if mask is None else _given_mask(photo, mask, settings)
    columns = (TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show_progress) as bar:
        task = bar.add_task("networks", total=1.0)
        credentials = open_signer(settings)
        networks = open_networks(settings)
        render = swap(
            photo.read_bytes(),
            spec,
            networks,
            limits=settings.limits,
            progress=lambda stage, fraction: bar.update(task, description=stage, completed=fraction),
            clock=time.perf_counter,
            credentials=credentials,
            cache=kept,
            mask=given,
            preview=preview,
        )
        bar.update(task, description="done", completed=1.0)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(render.data)
    report = json.dumps(to_json(render.report), indent=2, ensure_ascii=False)
    output.with_name(output.name + ".json").write_text(report + "\n")
    return replace(render, warnings=warnings_of(catalogue, spec, render))


def cut_out_file(
    photo: Path, output: Path, preview: Path | None, *, settings: Settings, subject: PhotoPlace | None = None
) -> KeptFacts:
    """Read a photo, write its product's mask to `output` and its preview to `preview`, and return what was found.

    Both are PNGs (`service.cutouts.pixels`). `subject` says which product is meant. Raises PipelineError; then nothing
    is written.
    """
    networks = open_networks(settings)
    cut = cut_out(photo.read_bytes(), networks, limits=settings.limits, clock=time.perf_counter, subject=subject)
    pictures, _ = of_network(cut.photo, cut.found if cut.chosen is None else cut.chosen[1])
    for path, picture in ((output, pictures.mask), (preview, pictures.preview)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
    return pictures.facts


def _given_mask(photo: Path, mask: Path, settings: Settings) -> GivenMask:
    height, width = decode(photo.read_bytes(), settings.limits).rgb.shape[:2]
    try:
        return GivenMask(checked_mask(mask.read_bytes(), width, height), "mended")
    except MaskInvalid as error:
        raise SpecInvalid(f"--mask: {error}.") from error


def open_signer(settings: Settings) -> Credentials | None:
    """Return what signs the pictures, where the settings name it. Raises SpecInvalid."""
    try:
        return open_credentials(settings)
    except CredentialsInvalid as error:
        raise SpecInvalid(str(error)) from error
