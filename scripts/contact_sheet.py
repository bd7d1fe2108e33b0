"""Draw a contact sheet of photos × specs from the real pipeline, to judge pictures by eye.

python -m scripts.contact_sheet PHOTO... --scene podium --scene neon --mood calm -o out/sheet.png
"""

import argparse
import sys
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from pipeline.core.errors import PipelineError
from pipeline.core.spec import Limits, Spec
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.worker.networks import open_networks


def main(arguments: list[str] | None = None) -> int:
    """Write the sheet and return the exit status: 1 if a photo was refused. Its tile shows the error code."""
    options = _parser().parse_args(arguments)
    settings, catalogue = load_settings(), load_catalogue()
    asked = {"weights": options.weights, "generator": options.generator}
    # All networks of a worker, so that the sheet shows delivered pictures.
    networks = open_networks(settings.model_copy(update={name: one for name, one in asked.items() if one}))
    # argparse would append to a default list instead of replacing it.
    moods = options.mood or ["calm"]
    scenes = options.scene or [name for name, scene in catalogue.scenes.items() if scene.kind != "white"]
    preset = catalogue.preset(options.preset)
    if options.side and preset.size is not None:
        scale = options.side / max(preset.size)
        preset = replace(preset, size=(round(preset.size[0] * scale), round(preset.size[1] * scale)))
    rows: list[list[Image.Image]] = []
    refused = 0
    for number, photo in enumerate(options.photos):
        data = photo.read_bytes()
        before = ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")
        row = [_tile(before, photo.stem, options.tile)]
        for i, scene in enumerate(scenes):
            mood = moods[(number + i) % len(moods)]
            spec = Spec(
                catalogue.scene(scene), catalogue.mood(mood), tuple(options.color), preset, options.seed + number + i
            )
            started = time.perf_counter()
            try:
                render = swap(data, spec, networks, limits=Limits(), clock=time.perf_counter)
            except PipelineError as error:
                refused += 1
                row.append(_tile(Image.new("RGB", (options.tile, options.tile), "white"), error.code, options.tile))
                continue
            seconds = time.perf_counter() - started
            difference = render.report.palette.mean_delta_e00
            words = f"{scene} · {mood} · dE {difference} · {seconds:.1f} s"
            print(photo.stem, words, *render.warnings, render.report.provenance.timings, flush=True)
            row.append(_tile(Image.open(BytesIO(render.data)).convert("RGB"), words, options.tile))
        rows.append(row)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    _sheet(rows, options.tile, options.columns).save(options.output)
    return 1 if refused else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of photos by specs from the real pipeline.")
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("--scene", action="append", help="a name or free text; default: all scenes except white")
    parser.add_argument("--mood", action="append", help="repeat for several, used in turn; default: calm")
    parser.add_argument("--color", action="append", default=[], help="#rrggbb, largest area first; repeat for several")
    parser.add_argument("--preset", default="shopify_product")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--side", type=int, help="longer side in pixels, to save time; default: the preset's")
    parser.add_argument("--tile", type=int, default=400, help="side of a tile in pixels")
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--generator")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/contact_sheet.png"))
    return parser


def _tile(picture: Image.Image, words: str, side: int) -> Image.Image:
    tile = Image.new("RGB", (side, side + 16), "white")
    small = ImageOps.contain(picture, (side, side), Image.Resampling.LANCZOS)
    tile.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    ImageDraw.Draw(tile).text((4, side + 3), words, fill="black")
    return tile


def _sheet(rows: list[list[Image.Image]], side: int, columns: int) -> Image.Image:
    lines = [row[i : i + columns] for row in rows for i in range(0, len(row), columns)]
    width = max(len(line) for line in lines)
    sheet = Image.new("RGB", (width * (side + 6), len(lines) * (side + 22)), "white")
    for y, line in enumerate(lines):
        for x, tile in enumerate(line):
            sheet.paste(tile, (x * (side + 6), y * (side + 22)))
    return sheet


if __name__ == "__main__":
    sys.exit(main())
