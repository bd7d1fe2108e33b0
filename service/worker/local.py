"""One swap in this process, without server, queue and credits."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.core.errors import NotAccepted
from pipeline.core.order import SwapOrder
from pipeline.core.spec import Spec
from pipeline.cutout.cache import Cache
from pipeline.report import to_json
from pipeline.swap import SwapResult
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.catalogue.cautions import Caution, cautions
from service.catalogue.specs import extra_sources, records_of, settled, spec_of
from service.catalogue.swap_request import OrderRefused, checked
from service.cutouts.mask_file import MaskInvalid
from service.marks.c2pa import CredentialsInvalid, open_marking
from service.settings import Settings
from service.worker.networks import open_networks
from service.worker.picture import Pictures


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


def local_pictures(settings: Settings, catalogue: Catalogue) -> Pictures:
    """Return what makes pictures without a server, with the certificates under `home`. Raises SpecInvalid."""
    try:
        return Pictures(settings.limits, open_marking(settings), catalogue.fonts)
    except CredentialsInvalid as error:
        raise SpecInvalid(str(error)) from error


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
    `backdrop cutout` writes it. `on_caution` gets warnings about the input before the work begins. Raises OrderRefused,
    SpecInvalid and PipelineError, and writes nothing then. Raises NotAccepted if the picture misses its limits; then it
    writes the report, and a preview beside `output`.
    """
    catalogue = load_catalogue(settings.catalogue)
    spec = build_spec(catalogue, order)
    if on_caution is not None:
        for caution in cautions(catalogue, order, spec):
            on_caution(caution)
    files = files_of(catalogue.lettered(order))
    pictures, data = local_pictures(settings, catalogue), photo.read_bytes()
    try:
        given = None if mask is None else pictures.mended(data, mask.read_bytes())
    except MaskInvalid as error:
        raise SpecInvalid(f"--mask: {error}.") from error
    columns = (TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show_progress) as bar:
        task = bar.add_task("networks", total=1.0)
        made = pictures.make(
            data,
            spec,
            open_networks(settings),
            files,
            progress=lambda stage, fraction: bar.update(task, description=stage, completed=fraction),
            cache=kept,
            mask=given,
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
