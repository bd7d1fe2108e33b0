"""One swap in this process, without server, queue and credits."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.accepted import accepted_swap
from pipeline.core.errors import NotAccepted
from pipeline.core.order import PhotoPlace, SwapOrder
from pipeline.core.spec import Spec
from pipeline.cutout.cache import Cache
from pipeline.cutout.given import GivenMask
from pipeline.delivery.watermark import NO_JOB
from pipeline.photo.decode import decode
from pipeline.report import to_json
from pipeline.swap import SwapResult, cut_out, swap
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.catalogue.cautions import Caution, cautions
from service.catalogue.specs import extra_sources, records_of, settled, spec_of
from service.catalogue.swap_request import OrderRefused, checked
from service.cutouts.mask_file import MaskInvalid, checked_mask
from service.cutouts.pixels import of_network
from service.jobs.records import KeptFacts
from service.marks.c2pa import CredentialsInvalid, Marking, open_marking
from service.marks.chain import kept_chain
from service.settings import Settings
from service.worker.logos import artwork_for
from service.worker.networks import open_networks


class SpecInvalid(ValueError):
    """Raised if a mask or a setting is invalid. The message names it and the remedy."""


def build_spec(catalogue: Catalogue, order: SwapOrder) -> Spec:
    """Return the spec of an order, by the API's own rules. Raises OrderRefused."""
    order = settled(checked(catalogue, order))
    return spec_of(order, *records_of(catalogue, order))


def files_of(order: SwapOrder) -> dict[str, bytes]:
    """Return the bytes of the files that an order names, by their path. Raises OrderRefused."""
    if order.ground.background == "render":
        raise OrderRefused([("background", "Only a server keeps renders. Add --url, or choose another background")])
    found = {}
    for field, path in extra_sources(order).items():
        try:
            found[path] = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise OrderRefused([(field, f"{path!r} can't be read: {reason}. Give the path of a picture")]) from error
    return found


def warnings_of(catalogue: Catalogue, order: SwapOrder, spec: Spec, render: SwapResult) -> tuple[str, ...]:
    """Return the codes of all warnings of a swap: about its input, and from its pipeline."""
    found = [one.code for one in cautions(catalogue, order, spec)]
    return (*found, *(code for code in render.warnings if code not in found))


def local_swap(
    photo: bytes, spec: Spec, files: Mapping[str, bytes], settings: Settings, catalogue: Catalogue, marking: Marking
) -> Callable[..., SwapResult]:
    """Return `swap` for a photo on this machine. `accepted_swap` calls it, and the caller adds its networks."""
    return partial(
        swap,
        photo,
        limits=settings.limits,
        clock=time.perf_counter,
        **marking.of(NO_JOB),
        artwork=artwork_for(spec.lettering.layers, catalogue.fonts, files),
        files=files,
    )


def swap_file(
    photo: Path,
    output: Path,
    order: SwapOrder,
    *,
    settings: Settings,
    show_progress: bool,
    kept: Cache | None = None,
    mask: Path | None = None,
    on_caution: Callable[[Caution], None] | None = None,
) -> SwapResult:
    """Read a photo, write the picture to `output` and its report to `output`.json.

    `kept`: the cut-outs of earlier swaps (`service.storage.cache.folder_cache`). `mask`: the product's mask, as
    `cut_out_file` writes it. `on_caution` gets warnings about the input before the work begins. Raises OrderRefused,
    SpecInvalid and PipelineError, and writes nothing then. Raises NotAccepted if the picture misses its limits; then it
    writes the report, and a preview beside `output`.
    """
    catalogue = load_catalogue(settings.catalogue)
    spec = build_spec(catalogue, order)
    if on_caution is not None:
        for caution in cautions(catalogue, order, spec):
            on_caution(caution)
    files = files_of(catalogue.lettered(order))
    given = None if mask is None else _given_mask(photo, mask, settings)
    columns = (TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show_progress) as bar:
        task = bar.add_task("networks", total=1.0)
        make = local_swap(photo.read_bytes(), spec, files, settings, catalogue, open_local_marking(settings))
        made = accepted_swap(
            partial(make, networks=open_networks(settings), mask=given),
            spec,
            progress=lambda stage, fraction: bar.update(task, description=stage, completed=fraction),
            cache=kept,
        )
        bar.update(task, description="done", completed=1.0)
    render = made.result
    output.parent.mkdir(parents=True, exist_ok=True)
    picture = output.with_stem(f"{output.stem}.preview") if made.refused else output
    picture.write_bytes(render.data)
    report = json.dumps(to_json(render.report), indent=2, ensure_ascii=False)
    output.with_name(output.name + ".json").write_text(report + "\n")
    if made.refusal is not None:
        raise NotAccepted(f"{made.refusal} {picture} shows it, and {output.name}.json reports on it.")
    return replace(render, warnings=warnings_of(catalogue, order, spec, render))


def cut_out_file(
    photo: Path, output: Path, preview: Path | None, *, settings: Settings, subject: PhotoPlace | None = None
) -> KeptFacts:
    """Read a photo, write its product's mask to `output` and its preview to `preview`, and return the facts.

    Both files are PNGs (`service.cutouts.pixels`). `subject`: a place on the product. Raises PipelineError, and writes
    nothing then.
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


def open_local_marking(settings: Settings) -> Marking:
    """Return the marks in pictures that no server makes, with the certificates under `home`. Raises SpecInvalid."""
    try:
        return open_marking(settings, kept_chain)
    except CredentialsInvalid as error:
        raise SpecInvalid(str(error)) from error
