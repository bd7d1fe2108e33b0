"""Bake the places behind a table: small views into panoramas, and the light that the panorama has there.

Usage: python -m scripts.assets.places PANORAMAS

PANORAMAS has the 1k panoramas of Poly Haven that `places.toml` names, as NAME_1k.hdr. They are in the repositories
gkjohnson/3d-demo-data and naver/egjs-view3d. Writes NAME_NUMBER.webp and places.json into `pipeline/assets/places`,
whose README.md has the authors. Needs opencv-python-headless to read the panoramas.
"""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

from pipeline.colour.spaces import LUMINANCE
from pipeline.scene.places import DOWN, LEAST_STOPS, MOST_STOPS, SIDE, UP

OUT = Path(__file__).parents[2] / "pipeline/assets/places"
#: Pixels of a plate per unit of tangent: those of a panorama of 1024 pixels straight ahead.
SCALE = 163
#: Radiance, in multiples of the panorama's mean, above which a lamp or the sun is cut: brighter discs only burn out.
BRIGHTEST = 300.0
#: Share of the sphere's light that counts as the key light, from its brightest places.
KEY_SHARE = 0.4

Light = NDArray[np.float64]


def main() -> None:
    """Bake all plates."""
    source, rows = Path(sys.argv[1]), []
    table = tomllib.loads(Path(__file__).with_name("places.toml").read_text("utf-8"))
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.webp"):
        old.unlink()
    for place in table["place"]:
        for number, (panorama, yaw, metres, *down) in enumerate(place["views"]):
            name = f"{place['name']}_{number}"
            light = read(source / f"{panorama}_1k.hdr")
            plate = view(light, yaw, *down)
            level = float(np.exp(np.log(plate[: UP_ROWS + 20] @ LUMINANCE + 1e-6).mean()))
            plate *= place["key"] / level
            # Lamps that the panorama's exposure left as small spots still make discs.
            bright = np.clip((plate @ LUMINANCE / place["key"] - 6) / 10, 0, 1)[..., None]
            plate *= 1 + (place.get("lamps", 1.0) - 1) * bright
            save(plate, OUT / f"{name}.webp")
            mean = plate[: UP_ROWS + 20].reshape(-1, 3).clip(0, 1).mean(0)
            rows.append(
                {"name": name, "place": place["name"], "metres": metres, "mean": rounded(mean), **lit(light, yaw)}
            )
            print(rows[-1], panorama, flush=True)
    (OUT / "places.json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


UP_ROWS = round(UP * SCALE)


def read(path: Path) -> Light:
    """Return H×2H×3 linear light of a Radiance file, without its extremes."""
    import cv2  # type: ignore[import-not-found]  # installed by who bakes, as the docstring says

    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise SystemExit(f"{path} is missing or is no Radiance file. Fetch it as the docstring says.")
    light = np.clip(found[..., ::-1].astype(np.float64), 0, None)
    return np.asarray(np.minimum(light, BRIGHTEST * float((light @ LUMINANCE).mean())), np.float64)


def view(light: Light, yaw: float, down: float = 0.0) -> Light:
    """Return the perspective view of a panorama in a direction: rows from the tangent UP to -DOWN, ±SIDE across.

    All rows are `down` lower, a tangent too, to show what stands on the floor.
    """
    height, width = light.shape[:2]
    x = np.linspace(-SIDE, SIDE, round(2 * SIDE * SCALE), endpoint=False) + 0.5 / SCALE
    y = -down + np.linspace(UP, -DOWN, round((UP + DOWN) * SCALE), endpoint=False) - 0.5 / SCALE
    across, up = np.meshgrid(x, y)
    column = (np.arctan(across) + np.radians(yaw)) / (2 * np.pi) * width + width / 2 - 0.5
    row = (0.5 - np.arctan2(up, np.hypot(across, 1)) / np.pi) * height - 0.5
    # Cubic, in stops: a bilinear look-up is soft between pixels alone, which shows as a pattern.
    stops = np.log2(light + 1e-6)
    found = np.exp2(
        np.stack([map_coordinates(stops[..., c], [row, column], order=3, mode="grid-wrap") for c in range(3)], -1)
    )
    return np.asarray(found, np.float64)


def save(plate: Light, path: Path) -> None:
    """Write linear light as stops: code 0 is 2 to the power LEAST_STOPS, 255 is MOST_STOPS."""
    stops = (np.log2(np.maximum(plate, 1e-9)) - LEAST_STOPS) / (MOST_STOPS - LEAST_STOPS)
    Image.fromarray((np.clip(stops, 0, 1) * 255 + 0.5).astype(np.uint8)).save(path, lossless=True, method=6)


def lit(light: Light, yaw: float) -> dict[str, Any]:
    """Return the key light: unit direction (x right, y up, z towards the camera), softness 0–1, colours, its share."""
    height, width = light.shape[:2]
    up = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    turn = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi - np.radians(yaw)
    weight = np.cos(up)[:, None] * np.ones(width) * (up > -0.1)[:, None]
    shine = (light @ LUMINANCE) * weight
    order = np.argsort(light @ LUMINANCE, axis=None)[::-1]
    bright = order[: 1 + int(np.searchsorted(np.cumsum(shine.ravel()[order]), KEY_SHARE * shine.sum()))]
    ways = np.stack(
        [np.cos(up)[:, None] * np.sin(turn), np.sin(up)[:, None] * np.ones(width), -np.cos(up)[:, None] * np.cos(turn)],
        -1,
    )
    total = shine.ravel()[bright]
    way = (ways.reshape(-1, 3)[bright] * total[:, None]).sum(0) / total.sum()
    key = (light.reshape(-1, 3)[bright] * weight.ravel()[bright, None]).sum(0)
    rest = (light * weight[..., None]).reshape(-1, 3).sum(0) - key
    return {
        "way": rounded(way / np.linalg.norm(way)),
        "softness": round(float(np.clip(1 - np.linalg.norm(way), 0, 1)), 3),
        "key": rounded(key / (key @ LUMINANCE)),
        "fill": rounded(rest / (rest @ LUMINANCE)),
        "area": round(float(weight.ravel()[bright].sum() / weight.sum()), 4),
    }


def rounded(values: Light) -> list[float]:
    """Return numbers of three decimals."""
    return [round(float(value), 3) for value in values]


if __name__ == "__main__":
    main()
