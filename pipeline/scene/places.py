"""Places far out of focus: views into panoramas, each with its light, as `scripts/assets/places.py` baked them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import LUMINANCE
from pipeline.core.spec import Far, Mood
from pipeline.scene.layout import View

#: What a plate shows, in tangents: above and below the horizon, and to either side.
UP, DOWN, SIDE = 0.49, 0.68, 0.64
#: Binary logarithms of the linear light of the codes 0 and 255.
LEAST_STOPS, MOST_STOPS = -7.0, 6.0

#: x of a plate's light from which its side matters.
ASIDE = 0.15
#: Exponents by which asked colours tint and lift a place, and the greatest factors. Chosen by eye: more looks dyed.
TINT, MOST_TINT, LIFT, MOST_LIFT = 0.3, 1.16, 0.25, 1.3
#: Radius of the disc of a far point of light, in canvas heights: at a depth of field of 0, and what 1 adds.
SOFT, SOFTER = 0.018, 0.012
#: Factor of that radius at night, where larger discs of lamps are the picture.
WIDE = 1.5
#: Distance of the product from the camera, in metres, as for a small thing on a table.
FOCUS = 1.1
#: Canvas heights by which a seed moves the view to either side.
SHIFT = 0.12

#: Plates that are kept decoded, 0.5 MB each.
KEPT = 8

_FOLDER = files("pipeline") / "assets" / "places"


@dataclass(frozen=True)
class Plate:
    """A view into a place, and the light there. Vectors are (3,); colours are linear, of luminance 1."""

    name: str
    place: Far
    #: Distance of what ends the view, metres.
    metres: float
    #: Its mean colour, linear.
    mean: tuple[float, ...]
    #: Unit direction to its brightest light: x to the right, y up, z towards the camera.
    way: tuple[float, ...]
    #: How far its bright places are apart: 0 one point, 1 all around.
    softness: float
    key: tuple[float, ...]
    fill: tuple[float, ...]
    #: Share of the sphere above the ground that gives 40 % of the light.
    area: float


@cache
def plates(place: Far) -> tuple[Plate, ...]:
    """Return the plates of a place."""
    rows: list[dict[str, Any]] = json.loads((_FOLDER / "places.json").read_text("utf-8"))
    found: list[dict[str, Any]] = [
        {key: tuple(one) if isinstance(one, list) else one for key, one in row.items()}
        for row in rows
        if row["place"] == place
    ]
    return tuple(Plate(**row) for row in found)


def chosen(place: Far, side: float, rng: np.random.Generator) -> tuple[Plate, bool]:
    """Return a plate of a place, and whether to flip it so that its light comes from a side: -1 left to 1 right."""
    found = plates(place)[int(rng.integers(len(plates(place))))]
    return found, abs(found.way[0]) > ASIDE and found.way[0] * side < 0


def view_of(
    found: Plate,
    flipped: bool,
    mood: Mood,
    asked: Sequence[NDArray[np.float32]],
    rng: np.random.Generator,
    *,
    calm: bool = False,
) -> View:
    """Return the view of a plate in a mood's light, tinted towards `asked`, (3,) linear each, the first one most.

    `calm`: it is twice as blurred, for copy.
    """
    gain = np.array([1 + 0.1 * mood.warmth, 1.0, 1 - 0.14 * mood.warmth])
    if asked:
        weights = 0.5 ** np.arange(len(asked))
        wanted = np.average(np.stack(list(asked)), axis=0, weights=weights) + 0.02
        ratio = wanted / np.asarray(found.mean)
        bright = float(ratio @ LUMINANCE)
        gain = gain * np.clip((ratio / bright) ** TINT, 1 / MOST_TINT, MOST_TINT)
        gain = gain * np.clip(bright**LIFT, 1 / MOST_LIFT, MOST_LIFT)
    # Nearer things are less out of focus: the disc's radius is proportional to 1 - focus / distance.
    blur = (SOFT + SOFTER * mood.depth_of_field) * (1 - FOCUS / found.metres)
    blur *= (2 if calm else 1) * (WIDE if found.place == "lights" else 1)
    shift = float(rng.uniform(-SHIFT, SHIFT))
    red, green, blue = (round(float(one), 4) for one in gain)
    return View(found.name, flipped, shift, (red, green, blue), blur)


def seen_colour(found: Plate, view: View) -> NDArray[np.float32]:
    """Return the (3,) linear mean of a plate in a view."""
    return np.asarray(np.clip(np.asarray(found.mean) * view.gain, 0, 1), np.float32)


@lru_cache(maxsize=KEPT)
def stops_of(name: str) -> NDArray[np.float32]:
    """Return the binary logarithm of a plate's H×W×3 light: rows from UP above the horizon to DOWN below, ±SIDE."""
    codes = np.asarray(Image.open(BytesIO((_FOLDER / f"{name}.webp").read_bytes())).convert("RGB"), np.float32)
    return codes * np.float32((MOST_STOPS - LEAST_STOPS) / 255) + np.float32(LEAST_STOPS)
