"""Measure how alike the pictures of one shop are, and how often each prop, place and layout appears in them.

    python benchmarks/picture/monotony.py [PHOTO...] [--shops 10]

A shop orders 20 pictures in its palette of 1–3 colours, in 1–3 scenes and 1–2 moods, each with a seed of its own.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track

from benchmarks.figures import ROOT, Measured, Recorder, record_option
from benchmarks.picture.orders import drawn, sized
from models.graphs import GraphViewpoint
from pipeline.core.spec import Limits, Spec
from pipeline.core.types import Placed, Rgb
from pipeline.scene.layout import Layout, Part
from pipeline.swap import swap
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.worker.networks import open_networks

#: Pictures of a shop, and their side in pixels.
ORDERS, SIDE = 20, 384
#: What is counted, by `things`.
KINDS = ("prop", "place", "layout")
#: What a picture shows, by KINDS.
Things = dict[str, set[str]]


class _Kept(dict[tuple[str, str], bytes]):
    """A `pipeline.cutout.cache.Cache` in memory, so that each photo is cut out once."""

    def get(self, kind: str, name: str) -> bytes | None:  # type: ignore[override]  # a cache's key has two parts
        return super().get((kind, name))

    def put(self, kind: str, name: str, data: bytes) -> None:
        self[kind, name] = data


def orders(shop: int) -> list[Spec]:
    """Return the ORDERS specs of a shop, the same every time for one catalogue."""
    rng, catalogue = np.random.default_rng([41, shop]), load_catalogue()
    scenes = [scene for scene in catalogue.scenes.values() if scene.kind != "white"]
    moods, palettes = list(catalogue.moods.values()), [spec.palette[:3] for spec in drawn()]
    scenes, moods = (
        [one[i] for i in rng.choice(len(one), int(rng.integers(1, most + 1)), replace=False)]
        for one, most in ((scenes, 3), (moods, 2))
    )
    preset, palette = catalogue.preset("shopify_product"), palettes[int(rng.integers(len(palettes)))]
    return [
        sized(Spec(scenes[i % len(scenes)], moods[i % len(moods)], palette, preset, int(rng.integers(2**31))), SIDE)
        for i in range(ORDERS)
    ]


def things(layout: Layout, spec: Spec) -> Things:
    """Return the props, the place and the layout of a picture, each with its name, else its finish or its outline."""

    def outline(part: Part) -> str:
        return str(getattr(part.solid, "outline", type(part.solid).__name__.lower()))

    def shape(part: Part) -> str:
        found = part.name or getattr(part.solid, "name", "")  # a sprite has the name of its prop
        return str(found or (outline(part) if part.finish in ("plain", "plaster") else part.finish))

    back = next((part for part in layout.parts if part.role in ("far", "wall")), layout.parts[0])
    built = {f"{part.role} {outline(part)}" for part in layout.parts if part.role in ("stand", "panel")}
    return {
        "prop": {shape(part) for part in layout.parts if part.role == "prop"},
        "place": {f"{layout.kind} {back.finish} {spec.scene.far if back.role == 'far' else ''}".strip()},
        "layout": {" ".join((layout.kind, "left" if layout.light_side < 0 else "right", *sorted(built)))},
    }


def masked(placed: Placed, picture: Rgb, side: int) -> NDArray[np.uint8]:
    """Return a picture as side×side×3 sRGB bytes, its product filled with the background's mean."""
    behind = placed.alpha < 0.02
    bare = np.where(behind[..., None], picture, picture[behind].mean(0))
    return np.asarray(Image.fromarray((bare * 255 + 0.5).astype(np.uint8)).resize((side, side)))


def recorded(shops: Sequence[Sequence[tuple[NDArray[np.float32], Things]]]) -> Iterator[Measured]:
    """Yield the figures of each shop's features and things. Distances are cosine distances."""
    apart = [1 - np.stack([one for one, _ in shop]) @ np.stack([one for one, _ in shop]).T for shop in shops]
    far, count = "without the product, in features of the viewpoint network", sum(map(len, shops))
    distance = float(np.mean([each[np.triu_indices(len(each), 1)].mean() for each in apart]))
    yield Measured("distance", f"Cosine distance of two pictures of a shop {far}, mean", distance, "", count)
    nearest = float(np.mean([(each + 9 * np.eye(len(each))).min(0).mean() for each in apart]))
    yield Measured("nearest", f"Cosine distance of a picture from its shop's nearest {far}, mean", nearest, "", count)
    for kind in KINDS:
        tallies = [Counter(name for _, seen in shop for name in seen[kind]) for shop in shops]
        top = float(np.mean([100 * max(one.values(), default=0) / ORDERS for one in tallies]))
        yield Measured(f"{kind}-top", f"Pictures of a shop with its most frequent {kind}, mean", top, "%", count)
        every: Counter[str] = sum(tallies, Counter())
        shares = np.array([*every.values()]) / every.total()
        bits = float(-(shares * np.log2(shares)).sum())
        yield Measured(f"{kind}-bits", f"Entropy of each {kind} over all shops", bits, "bits", count)
        click.echo(f"{kind}: " + ", ".join(f"{name} {n / count:.0%}" for name, n in every.most_common(12)), err=True)


@click.command()
@click.argument("photos", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--shops", default=10, show_default=True, type=click.IntRange(1))
@record_option
def main(photos: Sequence[Path], shops: int, recorder: Recorder | None) -> None:
    """Make the pictures of all shops, and print the figures. Without photos it takes the sample's products."""
    photos = photos or sorted((ROOT / "service" / "sample").glob("*.webp"))
    networks, kept = open_networks(load_settings()), _Kept()
    looks = networks.viewpoint
    assert isinstance(looks, GraphViewpoint), "the setting BACKDROP_VIEWPOINT must not be empty"

    def made(number: int, spec: Spec) -> tuple[NDArray[np.float32], Things]:
        got: dict[str, Any] = {}
        swap(
            photos[number % len(photos)].read_bytes(), spec, networks,
            limits=Limits(), clock=time.perf_counter, cache=kept,
            on_layout=lambda layout: got.update(seen=things(layout, spec)),
            on_composite=lambda placed, picture: got.update(view=masked(placed, picture, looks.side)),
        )  # fmt: skip
        # The network takes two squares. The first half of its answer is the first square's.
        features = looks.features(np.stack([got["view"]] * 2))
        features = features[: features.size // 2]
        return features / np.linalg.norm(features), got["seen"]

    every = track(range(shops), "shops", console=Console(stderr=True))
    found = list(recorded([[made(*one) for one in enumerate(orders(shop))] for shop in every]))
    for row in found:
        click.echo(f"{row.value:8.3f} {row.unit:5}{row.what}")
    if recorder:
        recorder.write("picture", found)


if __name__ == "__main__":
    main()
