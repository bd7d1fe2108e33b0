"""Rows of the benchmark, JSON-ready: the measurements of one photo, one cut-out or one swap."""

import importlib
import shutil
import subprocess
import time
from dataclasses import replace
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.picture import mattes
from benchmarks.picture.faults import PART_MASKS, WRONG_AT_BORDER, faults
from benchmarks.picture.orders import Config, Work
from benchmarks.picture.rivals import Rivals, cpu_seconds, cut_out, plain_cut_out, whole
from benchmarks.picture.sheet import LARGE, SMALL, thumbnail
from pipeline.background.paint import paint_background
from pipeline.compositing.place import lay
from pipeline.core.errors import PipelineError
from pipeline.core.provenance import DIGITAL_SOURCE_TYPES
from pipeline.core.spec import Spec
from pipeline.core.types import Alpha, Cutout, Photo, Rgb8
from pipeline.cutout.stance import place_cutout
from pipeline.delivery.fidelity import Product
from pipeline.photo.decode import decode
from pipeline.report import to_json
from pipeline.scene.composition import compose
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue

#: Backgrounds of the halo's table: plain sRGB colours, and scenes of the catalogue.
PLAIN = ((255, 255, 255), (128, 128, 128), (20, 20, 22), (36, 92, 150), (226, 190, 170))
PAINTED = ("podium", "marble_tabletop")


def measure(work: Work, config: Config, both: Rivals) -> dict[str, Any]:
    """Return the row of a work; for a refused photo its code and reason."""
    about = {"table": work.table, "photo": work.photo.stem}
    if work.photo_set:
        about["set"] = work.photo_set
    if work.spec is not None:
        spec = work.spec
        about |= {"scene": spec.scene.name, "mood": spec.mood.name, "preset": spec.preset.name}
    kinds = {"cutout": cutout_row, "halo": halo_row, "fidelity": exact_row}
    try:
        return about | kinds.get(work.table, swap_row)(work, config, both)
    except PipelineError as error:
        return about | {"refused": error.code, "why": str(error)}


def cutout_row(work: Work, config: Config, both: Rivals) -> dict[str, Any]:
    """Return the errors of Backdrop's and rembg's cut-outs, their holes, and CPU time where the work is timed."""
    photo, truth, cutout, plain = both_cut_outs(config, work.photo, work.truth, both)
    own, theirs = whole(cutout, photo)[0], plain[..., 3].astype(np.float32) / np.float32(255)
    band, holes = mattes.edge_band(truth), mattes.enclosed_holes(truth)
    row: dict[str, Any] = {"warnings": list(cutout.warnings), "confidence": cutout.confidence}
    stem = work.photo.stem
    row["faults"] = faults(own, truth, part_mask=stem in PART_MASKS, border_known=stem not in WRONG_AT_BORDER)
    row |= {"own": mattes.matte_errors(own, truth, band), "plain": mattes.matte_errors(theirs, truth, band)}
    if holes.any():
        shares = {"own": mattes.open_share(own, holes), "plain": mattes.open_share(theirs, holes)}
        row["holes"] = shares | {"area": float(holes.sum() / (truth > 0.5).sum())}
    if work.timed and config.looks is None:
        row["cpu"] = cpu_seconds(photo, both)
    return row


def halo_row(work: Work, config: Config, both: Rivals) -> dict[str, Any]:
    """Return the distances of both composites' edges from the true ones."""
    photo, truth, cutout, plain = both_cut_outs(config, work.photo, work.truth, both)
    height, width = truth.shape
    behind: list[Rgb8] = [np.full((height, width, 3), colour, np.uint8) for colour in PLAIN]
    behind += [np.asarray(ImageOps.fit(picture, (width, height))) for picture in painted(both)]
    return mattes.halo(photo, truth, cutout, plain, behind)


def exact_row(work: Work, config: Config, both: Rivals) -> dict[str, Any]:
    """Return the product's change before encoding, and the fidelity in the report of the preset's own file.

    A lossless file contains what the encoder was given: the opaque product rounded to 8 bits, not dithered. So
    `largest` must be 0: the largest CIEDE2000 of any pixel in the eroded mask (`pipeline.delivery.fidelity`).
    """
    assert work.spec is not None
    spec = replace(work.spec, preset=replace(work.spec.preset, formats=("png",), max_bytes=None))
    networks, limits = both.networks, config.settings.limits
    data = work.photo.read_bytes()
    file = swap(data, spec, networks, limits=limits, clock=time.perf_counter)
    with Image.open(BytesIO(file.data)) as picture:
        arrived = np.asarray(picture.convert("RGB"), np.uint8)
    cutout = cut_out(decode(data, limits), networks)
    there = place_cutout(cutout, spec, file.width, file.height)
    placed = lay(cutout, there.position, file.width, file.height)
    codes = np.rint(np.clip(placed.whole(), 0, 1) * 255).astype(np.uint8)
    product = Product((codes / np.float32(255)).astype(np.float32), placed.alpha, placed.alpha.size)
    # For equal codes the measure's own rounding would give 1e-6.
    changed = (arrived != codes).any(-1).reshape(-1)[product.where]
    exact = {"largest": float(product.errors(arrived)[changed].max(initial=0)), "pixels": product.pixels}
    delivered = swap(data, work.spec, networks, limits=limits, clock=time.perf_counter)
    return {"exact": exact, "fidelity": to_json(delivered.report.fidelity)}


def swap_row(work: Work, config: Config, both: Rivals) -> dict[str, Any]:
    """Return one swap's report and measurements, and write its pictures into the output folder."""
    assert work.spec is not None
    networks, limits, data = both.networks, config.settings.limits, work.photo.read_bytes()
    started = time.perf_counter()
    render = swap(data, work.spec, networks, limits=limits, clock=time.perf_counter)
    seconds = time.perf_counter() - started
    report = to_json(render.report)
    file = f"swaps/{work.table}-{work.key}.{render.format}"
    (config.out / file).parent.mkdir(parents=True, exist_ok=True)
    (config.out / file).write_bytes(render.data)
    after = f"thumbnails/{work.table}-{work.key}.jpg"
    with Image.open(BytesIO(render.data)) as picture:
        thumbnail(picture, config.out / after, LARGE)
    before, cutout = photo_pictures(config, work.photo, both)
    reader, value = read_marking(config.out / file)
    expected = next((rule["bound"] for rule in report["preset"] if rule["rule"] == "ai_marking"), None)
    return {
        "palette": list(work.spec.palette),
        "seed": render.seed,
        "seconds": round(seconds, 2),
        "bytes": len(render.data),
        "warnings": list(render.warnings),
        "palette_report": report["palette"],
        "fidelity": report["fidelity"],
        "confidence": report["cutout"]["confidence"],
        "attempts": report["provenance"]["attempts"],
        "timings": report["provenance"]["timings"],
        "rules": [{key: rule[key] for key in ("rule", "measured", "bound", "status")} for rule in report["preset"]],
        "marking": {"reader": reader, "value": value, "expected": expected},
        "pictures": {"before": before, "cutout": cutout, "after": after, "file": file},
    }


@lru_cache(maxsize=1)
def both_cut_outs(
    config: Config, photo: Path, alpha: Path | None, both: Rivals
) -> tuple[Photo, Alpha, Cutout, NDArray[np.uint8]]:
    """Return the photo, its true alpha, Backdrop's cut-out and rembg's. Raises PipelineError."""
    picture = decode(photo.read_bytes(), config.settings.limits)
    assert alpha is not None  # only photos with a true alpha are listed
    with Image.open(alpha) as file:
        truth = np.asarray(file.convert("L"), np.float32) / np.float32(255)
    return picture, truth, cut_out(picture, both.networks), plain_cut_out(picture, both.session)


@cache
def painted(both: Rivals) -> tuple[Image.Image, ...]:
    """Return the painted backgrounds of the halo's table, 1024×1024 pixels."""
    catalogue = load_catalogue()
    pictures = []
    for scene in PAINTED:
        spec = Spec(catalogue.scene(scene), catalogue.mood("natural"), (), catalogue.preset("shopify_product"), 1)
        layout = compose(spec, 1024, 1024)
        rgb = paint_background(spec, layout, 1024, 1024, both.networks.generator, lambda done: None)
        pictures.append(Image.fromarray((rgb * 255 + 0.5).astype(np.uint8)))
    return tuple(pictures)


@cache
def photo_pictures(config: Config, photo: Path, both: Rivals) -> tuple[str, str]:
    """Write the small pictures of a photo and its cut-out, and return their paths from the page."""
    picture = decode(photo.read_bytes(), config.settings.limits)
    alpha, rgb = whole(cut_out(picture, both.networks), picture)
    before, cutout = f"thumbnails/{photo.stem}.jpg", f"thumbnails/{photo.stem}-cutout.jpg"
    thumbnail(Image.fromarray(picture.rgb), config.out / before, SMALL)
    thumbnail(Image.fromarray(np.rint(np.dstack([rgb, alpha]) * 255).astype(np.uint8)), config.out / cutout, SMALL)
    return before, cutout


def read_marking(file: Path) -> tuple[str | None, str | None]:
    """Return the independent reader that is installed (pyexiv2, exiftool or None) and the IPTC term that it finds."""
    try:
        reader = importlib.import_module("pyexiv2")
    except ImportError:
        tool = shutil.which("exiftool")
        if tool is None:
            return None, None
        command = [tool, "-s3", "-n", "-XMP-iptcExt:DigitalSourceType", str(file)]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        return "exiftool", found.removeprefix(DIGITAL_SOURCE_TYPES) or None
    if file.suffix == ".avif":
        reader.enableBMFF()
    with reader.ImageData(file.read_bytes()) as image:
        found = image.read_xmp().get("Xmp.iptcExt.DigitalSourceType", "")
    return "pyexiv2", found.removeprefix(DIGITAL_SOURCE_TYPES) or None
