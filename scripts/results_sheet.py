"""Make the README's sheet of results: eight photos with scene, mood and colours, by the real pipeline.

python -m scripts.results_sheet PHOTOS -o service/sample/results.jpg

PHOTOS is a folder with the photos in `RESULTS`. `service/sample/README.md` lists their sources and licences. Of these,
the repository contains only the sample product.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from PIL import Image

from pipeline.core.networks import Networks
from pipeline.core.order import Placement, StanceWord
from pipeline.core.provenance import xmp_packet
from pipeline.core.spec import Limits, Spec
from pipeline.swap import swap
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.settings import load_settings
from service.worker.networks import open_networks

SAMPLE = Path(__file__).resolve().parents[1] / "service" / "sample" / "bottle.jpg"


@dataclass(frozen=True)
class Result:
    """One picture of the sheet: a photo's file name and the request for it."""

    photo: str
    scene: str
    mood: str
    colours: tuple[str, ...]
    seed: int = 1
    stance: StanceWord = "auto"


#: In reading order. Clothes are on flat lays: in other scenes they would hang in the air.
RESULTS = (
    Result("bottle.jpg", "bathroom", "calm", ("#f6efe4", "#e8c7b8")),
    Result("dress.jpg", "flat_lay_linen", "natural", ("#cfd8df", "#f2efe8")),
    Result("headphones.jpg", "velvet_curtain", "luxurious", (), stance="lying"),
    Result("cactus.jpg", "window_light", "natural", ()),
    Result("cat.jpg", "evening_bokeh", "luxurious", ()),
    Result("mug.jpg", "kitchen", "fresh", ("#f6d365", "#2e6f95")),
    Result("plant.jpg", "arch_niche", "warm", ("#e8d5c4", "#c9745b")),
    Result("slides.jpg", "flat_lay_terrazzo", "fresh", ("#f4d9e0", "#e6e1d8", "#d98a9c")),
)
#: The sheet's digital source type in its metadata, the same as each picture's.
MARK = "compositeWithTrainedAlgorithmicMedia"
#: Each picture is rendered at twice the size of its tile, for sharpness. Pixels.
TILE, COLUMNS, GAP = 394, 4, 8


def main(arguments: list[str] | None = None) -> int:
    """Write the sheet and return the exit status: 1 if it does not fit into the limit of bytes."""
    options = _parser().parse_args(arguments)
    catalogue = load_catalogue()
    networks = open_networks(load_settings())
    tiles = [picture(result, options.photos, networks, catalogue) for result in RESULTS]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet, mark = lay_out(tiles), xmp_packet(MARK)
    for quality in range(92, 40, -2):
        stream = BytesIO()
        sheet.save(stream, "jpeg", quality=quality, optimize=True, progressive=True, subsampling=0, xmp=mark)
        if stream.tell() <= options.bytes:
            options.output.write_bytes(stream.getvalue())
            print(f"{options.output}: {stream.tell()} bytes, quality {quality}")
            return 0
    return 1


def picture(result: Result, photos: Path, networks: Networks, catalogue: Catalogue) -> Image.Image:
    """Return the delivered picture of one result, RGB, `TILE` pixels square.

    Raises PipelineError if the photo is refused.
    """
    photo = SAMPLE if result.photo == SAMPLE.name else photos / result.photo
    preset = replace(catalogue.preset("shopify_product"), size=(2 * TILE, 2 * TILE))
    scene, mood, placement = catalogue.scene(result.scene), catalogue.mood(result.mood), Placement(stance=result.stance)
    spec = Spec(scene, mood, result.colours, preset, result.seed, placement=placement)
    made = swap(photo.read_bytes(), spec, networks, limits=Limits(), clock=time.perf_counter)
    print(photo.stem, result.scene, result.mood, made.report.palette.mean_delta_e00, *made.warnings, flush=True)
    return Image.open(BytesIO(made.data)).convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)


def lay_out(tiles: list[Image.Image]) -> Image.Image:
    """Return the tiles in rows of `COLUMNS` on white, `GAP` pixels apart."""
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) - GAP, rows * (TILE + GAP) - GAP), "white")
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % COLUMNS * (TILE + GAP), i // COLUMNS * (TILE + GAP)))
    return sheet


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Make the README's sheet of results.")
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of the photos")
    parser.add_argument("--bytes", type=int, default=500_000, help="limit of the file size in bytes (default: 500000)")
    parser.add_argument("-o", "--output", type=Path, default=SAMPLE.with_name("results.jpg"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
