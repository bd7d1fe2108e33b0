"""Lights far out of focus."""

import numpy as np
from PIL import Image

from pipeline.colour.harmony import to_oklab, tone
from pipeline.core.resample import resize
from pipeline.geometry.ray import Field
from pipeline.materials.canvas import Canvas
from pipeline.scene.layout import Colour, Layout

#: Rows that it is drawn at: nothing in it is sharper than this shows.
ROWS = 900
#: OKLab distance from which a colour is seen as a light on another.
APART = 0.2


def lights(layout: Layout, width: int, height: int) -> Field:
    """Return H×W×3 linear: soft clouds in tones of the first colour, and discs in the third and further ones.

    Only what is above the layout's edge is drawn.
    """
    scale = min(1.0, ROWS / height)
    canvas = Canvas(max(2, round(width * scale)), max(2, round(height * scale)))
    canvas.pixels[:] = layout.colours[0]
    rng = np.random.default_rng(layout.seed + 3)
    wall, surface = layout.colours[0], layout.colours[1]
    asked = layout.colours[2 : layout.asked]
    # Tones are paler than what they are of, and faint lights of them turn grey.
    own = surface if _apart(wall, surface) else tone(surface, 1.6)
    colours = asked or (tone(wall, 1.6), own, tone(wall, 0.8))

    def disc(colour: Colour, size: float, y: float, soft: float, strength: float) -> None:
        x = float(rng.uniform(-0.05, layout.aspect + 0.05))
        reach = size * (1 + soft)
        where = canvas.window(x - reach, y - reach, x + reach, y + reach)
        distance = np.hypot(canvas.x[:, where[1]] - x, canvas.y[where[0]] - y)
        cover = canvas.coverage(distance - size, soft * size) * strength
        # Out of focus, a small light is a disc a little brighter along its rim.
        cover = cover * (0.8 + 0.2 * np.minimum(distance / size, 1) ** 6)
        canvas.paint(where, np.clip(cover, 0, 1).astype(np.float32), colour)

    wide = max(1.0, layout.aspect)
    # What is behind, farthest out of focus: broad clouds of lighter and darker tones.
    for index in range(int(26 * wide)):
        cloud = tone(wall, float(rng.uniform(0.2, 0.9)) * (1 if index % 2 else -1))
        disc(cloud, float(rng.uniform(0.1, 0.24)), layout.edge * float(rng.uniform(0, 1.05)), 1.4, 0.5)
    # Lights: few large and faint ones, then the ones that give the picture its colours, then small bright ones.
    for count, low, high, weight in ((8, 0.08, 0.13, 0.35), (30, 0.038, 0.074, 0.97), (10, 0.012, 0.028, 0.95)):
        for index in range(int(count * wide)):
            y = layout.edge * (0.04 + 0.92 * float(rng.beta(1.5, 1.5)))
            colour = colours[index % len(colours)]
            colour = tone(colour, 0.9) if high < 0.03 else colour
            disc(colour, float(rng.uniform(low, high)), y, 0.16, weight * float(rng.uniform(0.75, 1.0)))
    return np.maximum(resize(canvas.pixels, width, height, Image.Resampling.BICUBIC), 0)


def _apart(one: Colour, other: Colour) -> bool:
    return float(np.linalg.norm(to_oklab(one) - to_oklab(other))) > APART
