"""Make the pictures from which `scripts.ground.fit` fits the estimates of a picture's view.

Usage: python -m scripts.ground.pictures OUT [TUNED HELD]

OUT gets a PNG and a JSON file of the truth for each picture: renders of the catalogue's scenes, and crops of panoramas.
TUNED and HELD are folders of level panoramas, each an .npy file of H×2H×3 linear light. The shipped weights used the
1k panoramas of Poly Haven (CC0) in github.com/gkjohnson/3d-demo-data, and for the last table those of the npm package
@pmndrs/assets (CC0), without those that are in both, and without skies that have no ground. Pictures that exist are
kept.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

from pipeline.background.paint import Unchanged, paint_background
from pipeline.colour.spaces import LUMINANCE, linear_to_srgb
from pipeline.core.order import SEED_LIMIT
from pipeline.core.spec import Spec
from pipeline.cutout.stance import UNKNOWN_POSE, CameraPose
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout
from service.catalogue.catalogue import load_catalogue

#: Longer side of a render and of a crop, in pixels, and the shapes of both.
RENDER, CROP, ASPECTS = 384, 256, (1.0, 1.0, 0.8, 4 / 3, 1.5, 2 / 3)
#: Rounds of renders, of which each shows a quarter of the pairs of scene and mood.
ROUNDS = 14
#: Crops of a panorama from about eye level, and from above.
LEVEL, ABOVE = 13, 3


def main() -> None:
    """Make what is missing."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for kind, folder in zip(("tuned", "held"), sys.argv[2:], strict=False):
        for path in sorted(Path(folder).glob("*.npy")):
            for number, (picture, truth) in enumerate(crops(np.clip(np.load(path), 0, None), path.stem)):
                write(out / f"{kind}-{path.stem}-{number}", picture, truth | {"src": kind, "group": path.stem})
    renders(out)


def write(path: Path, picture: NDArray[np.float32], truth: dict[str, Any]) -> None:
    """Write an H×W×3 sRGB picture in [0, 1] and its truth."""
    Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)).save(path.with_name(path.name + ".png"))
    path.with_name(path.name + ".json").write_text(json.dumps(truth))


def renders(out: Path) -> None:
    """Render empty scenes, with the camera and the light that their layouts have."""
    catalogue = load_catalogue()
    scenes = [scene for scene in catalogue.scenes.values() if scene.kind != "white"]
    preset = catalogue.preset("shopify_product")
    every = [(r, i, j) for r in range(ROUNDS) for i in range(len(scenes)) for j in range(len(catalogue.moods))]
    for number, (turn, i, j) in enumerate(every):
        scene, mood = scenes[i], list(catalogue.moods.values())[j]
        path = out / f"{scene.name}-{mood.name}-{turn}"
        if (i + j + turn) % 4 or path.with_name(path.name + ".json").exists():
            continue
        rng = np.random.default_rng(number)
        width, height = sides(float(rng.choice(ASPECTS)), RENDER)
        spec = Spec(scene, mood, (), preset, int(rng.integers(SEED_LIMIT)))
        known = CameraPose(base_rise=float(rng.uniform(0, 0.3)), pitch_slope=float(rng.uniform(0.02, 0.5)))
        pose = UNKNOWN_POSE if rng.random() < 0.5 else known
        stands, aspect = bool(rng.random() < 0.9), float(rng.uniform(0.35, 1.6))
        layout = compose(spec, width, height, aspect, stands=stands, pose=pose)
        picture = paint_background(spec, layout, width, height, Unchanged(), lambda done: None)
        horizon = None if layout.top_down else layout.horizon_y
        truth = {"src": "set", "group": scene.name, "horizon": horizon, "top_down": layout.top_down}
        write(path, picture, truth | {"dir": lit_from(layout)})


def lit_from(layout: Layout) -> list[float]:
    """Return the light on a layout's floor as a vector: right, up, towards the viewer; 1 long for a bare bulb."""
    rig = layout.rig
    way = np.subtract(rig.position, rig.target)
    way /= np.linalg.norm(way)
    if layout.top_down:
        way = np.array([way[0], way[2], -way[1]])
    key = rig.key * max(float(way[1]), 0.05)
    return [float(one) for one in way * key / (key + rig.fill)]


def crops(panorama: NDArray[np.float32], name: str) -> Iterator[tuple[NDArray[np.float32], dict[str, Any]]]:
    """Yield crops of an H×2H×3 panorama, as sRGB, with their truth."""
    rng = np.random.default_rng(sum(map(ord, name)))
    right, up, back = light_of(panorama)
    for number in range(LEVEL + ABOVE):
        above = number >= LEVEL
        yaw = np.deg2rad(rng.uniform(0, 360) if above else number * 360 / LEVEL + rng.uniform(0, 27))
        pitch = np.deg2rad(rng.uniform(-90, -62) if above else rng.uniform(-32, 4))
        field, (width, height) = np.deg2rad(rng.uniform(40, 75)), sides(float(rng.choice(ASPECTS)), CROP)
        focal = 0.5 * width / np.tan(field / 2)
        seen = view(panorama, float(yaw), float(pitch), float(focal), width, height)
        light = seen @ LUMINANCE
        gain = rng.uniform(0.55, 0.95) / max(float(np.percentile(light, rng.uniform(80, 98))), 1e-6)
        turned = [right * np.cos(yaw) + back * np.sin(yaw), up, back * np.cos(yaw) - right * np.sin(yaw)]
        horizon = None if above else float((0.5 * height + focal * np.tan(pitch)) / height)
        truth = {"horizon": horizon, "top_down": above, "dir": [float(one) for one in turned]}
        yield linear_to_srgb(np.clip(seen * gain, 0, 1).astype(np.float32)), truth


def view(
    panorama: NDArray[np.float32], yaw: float, pitch: float, focal: float, width: int, height: int
) -> NDArray[np.float32]:
    """Return what a camera sees in a panorama, height×width×3, each pixel the mean of 2×2; angles are radians."""
    columns, rows = np.meshgrid(np.arange(2 * width) + 0.5, np.arange(2 * height) + 0.5)
    x, y, z = (columns / 2 - width / 2) / focal, (height / 2 - rows / 2) / focal, -np.ones_like(rows)
    y, z = y * np.cos(pitch) - z * np.sin(pitch), z * np.cos(pitch) + y * np.sin(pitch)
    x, z = x * np.cos(yaw) - z * np.sin(yaw), x * np.sin(yaw) + z * np.cos(yaw)
    tall, wide = panorama.shape[:2]
    across = np.arctan2(x, -z) % (2 * np.pi) / (2 * np.pi) * wide - 0.5
    down = np.arccos(np.clip(y / np.sqrt(x * x + y * y + z * z), -1, 1)) / np.pi * tall - 0.5
    round_ = np.concatenate([panorama[:, -2:], panorama, panorama[:, :2]], axis=1)
    seen = np.stack(
        [map_coordinates(plane, [down, across + 2], order=1, mode="nearest") for plane in np.moveaxis(round_, -1, 0)],
        -1,
    )
    return np.asarray(seen.reshape(height, 2, width, 2, 3).mean((1, 3)), np.float32)


def light_of(panorama: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return the light on a level floor in the panorama: its mean direction; 1 long where it comes from one place."""
    tall, wide = panorama.shape[:2]
    down, across = (np.arange(tall)[:, None] + 0.5) / tall * np.pi, (np.arange(wide) + 0.5) / wide * 2 * np.pi
    up = np.cos(down) * np.ones(wide)
    weight = (panorama @ LUMINANCE) * np.sin(down) * np.maximum(up, 0)
    ways = (np.sin(down) * np.sin(across), up, -np.sin(down) * np.cos(across))
    right, high, back = (float((weight * way).sum() / weight.sum()) for way in ways)
    return right, high, back


def sides(aspect: float, longer: int) -> tuple[int, int]:
    """Return width and height of a shape."""
    return (longer, round(longer / aspect)) if aspect >= 1 else (round(longer * aspect), longer)


if __name__ == "__main__":
    main()
