"""Reports on files whose truth is known: a disc on painted backgrounds."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.notation import hex_to_rgb
from pipeline.core.spec import Mood, Preset, Rule, Scene, Spec
from pipeline.core.types import Placed
from pipeline.delivery.encode import encode
from pipeline.delivery.inspection import inspect
from pipeline.report import to_json
from testkit.still_life import preset

SIDE = 320
PRESET = replace(
    preset((SIDE, SIDE), form="jpeg"),
    formats=("jpeg", "png"),
    max_bytes=1_000_000,
    quality=(95, 60),
    digital_source_type="compositeWithTrainedAlgorithmicMedia",
    source_url="https://example.com/preset",
    rules=(Rule("bytes", "Light.", "https://example.com/bytes", "2026-01-02"),),
    fill_bounds=(0.4, 0.6),
    min_side=300,
)
SCENE = Scene("sweep", "Sweep", "A sweep.", "a sweep", "sweep", palette=("#336699",))
MOOD = Mood("calm", "Calm", "Calm.", "calm")


def disc() -> Placed:
    """A product of half the canvas, with texture inside and a soft edge."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    radius = np.hypot(x - SIDE / 2 + 0.5, y - SIDE / 2 + 0.5)
    alpha = np.clip(SIDE / 4 - radius + 0.5, 0, 1).astype(np.float32)
    rgb = np.stack([0.5 + 0.3 * np.sin(x / 9), 0.4 + 0.2 * np.cos(y / 7), np.full_like(x, 0.3)], axis=-1)
    return Placed(rgb=rgb.astype(np.float32), alpha=alpha, box=(80, 80, 240, 240), scale=0.5)


def painted(*colours: str) -> NDArray[np.float32]:
    """Vertical stripes of equal width."""
    canvas = np.empty((SIDE, SIDE, 3), np.float32)
    for index, columns in enumerate(np.array_split(np.arange(SIDE), len(colours))):
        canvas[:, columns] = hex_to_rgb(colours[index])
    return canvas


def laid(background: NDArray[np.float32], placed: Placed) -> NDArray[np.float32]:
    alpha = placed.alpha[..., None]
    return (placed.rgb * alpha + background * (1 - alpha)).astype(np.float32)


def report(
    background: NDArray[np.float32] | None = None,
    *,
    place: Preset = PRESET,
    palette: tuple[str, ...] = (),
    placed: Placed | None = None,
    image: NDArray[np.float32] | None = None,
    data: bytes | None = None,
) -> dict[str, Any]:
    placed = placed or disc()
    canvas = painted("#336699") if background is None else background
    if data is None:
        data = encode(laid(canvas, placed) if image is None else image, place).data
    behind = canvas if place.background != "transparent" else None
    found = inspect(data, spec=Spec(SCENE, MOOD, palette, place, 1), placed=placed, background=behind)
    return dict(zip(("palette", "fidelity", "preset"), to_json(found), strict=True))


def rules(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["rule"]: row for row in body["preset"]}
