"""Measure the watermark: attacks that it survives, how visible it is, its time, and false alarms.

    python benchmarks/picture/watermark.py PHOTOS --out out/watermark --record watermark

Renders pictures of Backdrop's own scenes without a watermark into the output folder, then marks, attacks and reads
them. A run that was stopped goes on. The rules were chosen on the first TUNED pictures, and no figure is of these.
"""

import json
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks.figures import Measured, Recorder, record_option
from benchmarks.picture.orders import default_specs
from benchmarks.picture.verdicts import wilson
from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.core.errors import PipelineError
from pipeline.core.spec import Limits
from pipeline.core.types import Placed, Rgb
from pipeline.delivery.encode import to_8_bit
from pipeline.delivery.watermark import LETTERS, Payload, Spectrum, decoded, embed, find
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.worker.networks import open_networks

#: Pictures that rules were chosen on.
TUNED = 20
#: Messages read at random from each unmarked picture.
TRIALS = 5000
Picture = Image.Image
Random = np.random.Generator


def again(picture: Picture, form: str, quality: int) -> Picture:
    """Return a picture compressed and opened again."""
    file = BytesIO()
    picture.save(file, form, quality=quality, **({"speed": 8} if form == "AVIF" else {}))
    with Image.open(file) as opened:
        return opened.convert("RGB")


def scaled(picture: Picture, factor: float, how: Image.Resampling = Image.Resampling.LANCZOS) -> Picture:
    """Return a picture at another scale."""
    return picture.resize((round(picture.width * factor), round(picture.height * factor)), how)


def at_most(picture: Picture, pixels: int, side: int) -> Picture:
    """Return a picture reduced so that `side` is at most `pixels`."""
    return scaled(picture, pixels / side) if side > pixels else picture


def cropped(picture: Picture, share: float, random: Random) -> Picture:
    """Return a part at a random place, with this share of the area and the same aspect."""
    width, height = (round(side * share**0.5) for side in picture.size)
    left, top = random.integers(picture.width - width + 1), random.integers(picture.height - height + 1)
    return picture.crop((left, top, left + width, top + height))


def toned(picture: Picture) -> Picture:
    """Return a picture with another gamma, more contrast and more brightness."""
    return picture.point(
        [round(255 * min(1, max(0, ((code / 255) ** 0.9 - 0.5) * 1.1 + 0.52))) for code in range(256)] * 3
    )


def noisy(picture: Picture, random: Random) -> Picture:
    """Return a picture with Gaussian noise of 4 codes."""
    codes = np.asarray(picture) + random.normal(0, 4, (picture.height, picture.width, 3))
    return Image.fromarray(np.clip(np.rint(codes), 0, 255).astype(np.uint8))


ATTACKS: dict[str, tuple[str, Callable[[Picture, Random], Picture]]] = {
    "jpeg": ("JPEG quality 75", lambda one, _: again(one, "JPEG", 75)),
    "webp": ("WebP quality 75", lambda one, _: again(one, "WEBP", 75)),
    "avif": ("AVIF quality 60", lambda one, _: again(one, "AVIF", 60)),
    "half": ("half size, JPEG 75", lambda one, _: again(scaled(one, 0.5), "JPEG", 75)),
    "small": ("scale 0.37, JPEG 80", lambda one, _: again(scaled(one, 0.37), "JPEG", 80)),
    "large": ("scale 1.5, JPEG 80", lambda one, _: again(scaled(one, 1.5, Image.Resampling.BICUBIC), "JPEG", 80)),
    "crop-75": ("crop to 75 % of the area, JPEG 85", lambda one, random: again(cropped(one, 0.75, random), "JPEG", 85)),
    "crop-25": ("crop to 25 % of the area, JPEG 85", lambda one, random: again(cropped(one, 0.25, random), "JPEG", 85)),
    "crop-scale": (
        "crop to half the area, scale 0.7, JPEG 80",
        lambda one, random: again(scaled(cropped(one, 0.5, random), 0.7), "JPEG", 80),
    ),
    "instagram": ("1080 pixels wide, JPEG 70", lambda one, _: again(at_most(one, 1080, one.width), "JPEG", 70)),
    "marketplace": ("1000 pixels, JPEG 80", lambda one, _: again(at_most(one, 1000, max(one.size)), "JPEG", 80)),
    "messenger": ("1600 pixels, JPEG 60", lambda one, _: again(at_most(one, 1600, max(one.size)), "JPEG", 60)),
    "tone": ("gamma, contrast and brightness, JPEG 85", lambda one, _: again(toned(one), "JPEG", 85)),
    "blur": ("blur of 1 pixel, JPEG 80", lambda one, _: again(one.filter(ImageFilter.GaussianBlur(1)), "JPEG", 80)),
    "sharpen": (
        "sharpened, JPEG 80", lambda one, _: again(one.filter(ImageFilter.UnsharpMask(1.5, 100, 0)), "JPEG", 80)
    ),
    "noise": ("noise of 4 codes, JPEG 80", lambda one, random: again(noisy(one, random), "JPEG", 80)),
    "screenshot": (
        "scale 0.83, crop to 90 %, PNG",
        lambda one, random: cropped(scaled(one, 0.8333, Image.Resampling.BILINEAR), 0.9, random),
    ),
}  # fmt: skip


def render(photos: list[Path], count: int, out: Path) -> None:
    """Render the missing pictures: NAME.png before the encoder, NAME.free.png (255 is background), NAME.json."""
    specs = default_specs(load_catalogue(), count)
    todo = [at for at in range(count) if not (out / f"{at:03}.json").exists()]
    networks = open_networks(load_settings()) if todo else None
    for at in todo:
        photo, kept = photos[at * 43 % len(photos)], list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]()

        def keep(placed: Placed, picture: Rgb) -> None:
            kept.append((to_8_bit(picture, placed.alpha >= 1), placed.alpha == 0))  # noqa: B023  # called in this round

        about: dict[str, Any] = {"photo": photo.stem, "scene": specs[at].scene.name, "preset": specs[at].preset.name}
        assert networks is not None
        try:
            swap(photo.read_bytes(), specs[at], networks, limits=Limits(), clock=time.perf_counter, on_composite=keep)
            Image.fromarray(kept[0][0]).save(out / f"{at:03}.png", compress_level=1)
            Image.fromarray(kept[0][1].astype(np.uint8) * 255).save(out / f"{at:03}.free.png", compress_level=1)
        except PipelineError as error:
            about["refused"] = str(error)
        (out / f"{at:03}.json").write_text(json.dumps(about))


def false_reads(codes: NDArray[np.uint8], random: Random, count: int) -> int:
    """Return how many of `count` messages, read at random sizes and places of an unmarked picture, seem right."""
    picture = Image.fromarray(codes).convert("L")
    picture.thumbnail((768, 768))
    spectrum, right = Spectrum(np.asarray(picture, np.float32)), 0
    for _ in range(0, count, 100):
        sides, places = random.uniform(64, 512, 100), random.random((100, 2))
        soft = [spectrum.message(side, (y, x)) for side, (y, x) in zip(sides, places, strict=True)]
        right += sum(Payload.of(bits) is not None for bits in decoded(np.array(soft)))
    return right


def measured(at: int, out: Path) -> dict[str, Any]:
    """Return the row of a picture: attacks survived, colour differences, seconds and false alarms."""
    random = np.random.default_rng(at)
    codes = np.asarray(Image.open(out / f"{at:03}.png"))
    free = np.asarray(Image.open(out / f"{at:03}.free.png")) > 0
    payload = Payload(int(random.integers(1 << 18)), "".join(random.choice(list(LETTERS), 6)))
    marked = codes.copy()
    embed(marked, free, payload)
    sample = np.flatnonzero(free)[:: max(1, int(free.sum()) // 400_000)]
    one, two = (srgb_to_lab(one.reshape(-1, 3)[sample] / np.float32(255)) for one in (codes, marked))
    error = delta_e00(one, two)
    row: dict[str, Any] = {
        "picture": at,
        "size": codes.shape[:2],
        "free": float(free.mean()),
        "p99": float(np.quantile(error, 0.99)),
        "max": float(error.max()),
        "product": int((codes != marked).any(-1)[~free].sum()),
        "found": {},
    }
    seconds = []
    for name, (_, attack) in ATTACKS.items():
        arrived = np.asarray(attack(Image.fromarray(marked), random))
        started = time.process_time()
        found = find(arrived)
        seconds.append(time.process_time() - started)
        row["found"][name] = found is not None and found.payload == payload
        row["wrong"] = row.get("wrong", 0) + (found is not None and found.payload != payload)
    noise = random.integers(0, 256, (1024, 1024, 3), np.uint8)
    row["alarms"] = sum(find(one) is not None for one in (codes, noise))
    row["reads"], row["false_reads"] = TRIALS, false_reads(codes, random, TRIALS)
    return row | {"find_seconds": float(np.median(seconds))}


def embed_seconds() -> tuple[float, float]:
    """Return the least time and the median CPU time, all threads together, of 40 warm embeddings at 2048×2048."""
    random = np.random.default_rng(1)
    codes = random.integers(90, 110, (2048, 2048, 4), np.uint8)
    free, taken, busy = np.ones((2048, 2048), bool), [], []
    for at in range(41):
        started, began = time.perf_counter(), time.process_time()
        embed(codes, free, Payload(at))
        taken.append(time.perf_counter() - started)
        busy.append(time.process_time() - began)
    return min(taken[1:]), float(np.median(busy[1:]))


def figures(rows: list[dict[str, Any]], embedding: tuple[float, float]) -> Iterator[Measured]:
    """Yield the figures of rows, none of which was tuned on."""
    count = len(rows)
    for name, (what, _) in ATTACKS.items():
        right = sum(row["found"][name] for row in rows)
        low, high = wilson(right, count)
        print(f"{name:12} {right:4} of {count}  {100 * low:5.1f} to {100 * high:5.1f} %  {what}")
        yield Measured(f"found-{name}", f"Watermarks read again after: {what}", 100 * right / count, "%", count)
    reads = sum(row["reads"] for row in rows)
    p99, largest, find_seconds = (np.array([row[key] for row in rows]) for key in ("p99", "max", "find_seconds"))
    wrong, alarms, false, product = (
        sum(row[key] for row in rows) for key in ("wrong", "alarms", "false_reads", "product")
    )
    for name, what, value, unit, of in (
        ("p99", "99th percentile of the background's change, worst picture", float(p99.max()), "ΔE00", count),
        ("max", "Largest change of a background pixel", float(largest.max()), "ΔE00", count),
        ("product", "Changed pixels outside the background", product, "", count),
        ("embed", "Time to embed at 2048 x 2048 on two cores, warm, the least of 40", 1000 * embedding[0], "ms", 40),
        ("embed-cpu", "CPU time to embed at 2048 x 2048, warm, median", 1000 * embedding[1], "ms", 40),
        ("find", "CPU time to look for a watermark, median", float(np.median(find_seconds)), "s", count),
        ("wrong", "Wrong payloads read from attacked pictures", wrong, "", count * len(ATTACKS)),
        ("alarms", "Watermarks found in unmarked pictures and noise", alarms, "", 2 * count),
        ("false-reads", "Right checksums in messages read at random places of unmarked pictures", false, "", reads),
    ):
        print(f"{name:12} {value:.4g} {unit}, n = {of}")
        yield Measured(name, what, value, unit, of)


@click.command(help=__doc__)
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", default="out/watermark", show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", default=200 + TUNED, show_default=True, help="Pictures, the tuned ones included.")
@click.option("--as-rendered", is_flag=True, help="Render nothing: measure the pictures that are there.")
@record_option
def main(photos: Path, out: Path, count: int, as_rendered: bool, recorder: Recorder | None) -> None:
    """Render, measure and print."""
    out.mkdir(parents=True, exist_ok=True)
    if not as_rendered:
        render(sorted(photos.iterdir()), count, out)
    for at in range(TUNED, count):
        row = out / f"{at:03}.row.json"
        if not row.exists() and (out / f"{at:03}.free.png").exists() and (out / f"{at:03}.json").exists():
            row.write_text(json.dumps(measured(at, out)))
    rows = [json.loads(file.read_text()) for file in sorted(out.glob("*.row.json"))]
    found = list(figures(rows, embed_seconds()))
    if recorder:
        recorder.write("picture", found)


if __name__ == "__main__":
    main()
