"""The background: a sketch in the asked colours, painted over by the network, brought to full size.

A network with `paints == "picture"` gives the finished picture, which is scaled up. One with `paints == "light"` (the
checkpoint that ships) is too soft to be shown, but it has learned how light spreads: its painting divided by
its sketch is light, which goes onto the sharp full-size sketch. Light is smooth, so nothing is lost at low resolution.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.colour import linear_to_srgb, srgb_to_linear
from pipeline.errors import ModelFailed
from pipeline.image import Rgb
from pipeline.layout import Layout
from pipeline.networks import Generator, painting_size, paints
from pipeline.resample import resize
from pipeline.sketch import draw
from pipeline.spec import Spec

#: The most that a light-painting network may brighten or darken a place, in stops.
MOST_STOPS = 0.22
#: Its light is smoothed over this share of the longer side, wider than its own blotches.
SMOOTHING = 0.07
#: Share of each side where its light is not trusted: convolutions see padding there and darken the border.
BORDER = 0.06
#: Rec. 709 luminance of linear sRGB.
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)

NEGATIVE_PROMPT = "product, bottle, person, hands, text, logo, watermark, clutter, frame, low quality, blurry"


def paint_background(
    spec: Spec,
    layout: Layout,
    width: int,
    height: int,
    generator: Generator,
    on_step: Callable[[float], None],
) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: the scene without the product and its shadow.

    `on_step` is called with 0–1 as the network proceeds, and may raise. Raises ModelFailed for an answer that is no
    picture of the sketch's size.
    """
    scale = painting_size(generator) / max(width, height)
    small = (max(16, round(width * scale)), max(16, round(height * scale)))
    light_only = paints(generator) == "light"
    sketch = draw(layout, *small, lit=not light_only)
    painted = np.asarray(
        generator(
            prompt=prompt(spec, layout), negative_prompt=NEGATIVE_PROMPT, sketch=sketch, seed=spec.seed, on_step=on_step
        ),
        np.float32,
    )
    if painted.shape != sketch.shape or not np.isfinite(painted).all():
        raise ModelFailed("The network that paints the background gave something that is no picture of the size asked.")
    if not light_only:
        return np.clip(resize(np.clip(painted, 0, 1), width, height, Image.Resampling.LANCZOS), 0, 1)
    stops = resize(painted_light(painted, sketch), width, height)
    picture = srgb_to_linear(draw(layout, width, height, lit=True))
    picture *= np.exp2(stops)[..., None]
    return linear_to_srgb(picture)


def painted_light(painted: Rgb, sketch: Rgb) -> NDArray[np.float32]:
    """Return h×w stops of light that a painting adds to its flat sketch, smooth, of median 0, within ±MOST_STOPS.

    Both are h×w×3 sRGB. Along the sketch's edges the soft painting mixes two colours, which is no light: those pixels
    and the border weigh nothing, and their neighbours' light is spread over them (normalised convolution: Knutsson and
    Westin, CVPR 1993).
    """
    bright, flat = srgb_to_linear(painted) @ _LUMINANCE, srgb_to_linear(sketch) @ _LUMINANCE
    stops = np.clip(np.log2((bright + 0.02) / (flat + 0.02)), -2, 2)
    height, width = flat.shape
    edges = np.hypot(*np.gradient(gaussian_filter(np.sqrt(flat), 0.01 * max(height, width))))
    weight = np.exp(-((edges / 0.004) ** 2)).astype(np.float32) + np.float32(1e-4)
    rows, columns = max(1, int(BORDER * height)), max(1, int(BORDER * width))
    inner = np.full_like(weight, 1e-4)
    inner[rows:-rows, columns:-columns] = weight[rows:-rows, columns:-columns]
    sigma = SMOOTHING * max(height, width)
    spread = gaussian_filter(stops * inner, sigma, mode="nearest") / gaussian_filter(inner, sigma, mode="nearest")
    spread = spread - np.median(spread)
    limited: NDArray[np.float32] = (MOST_STOPS * np.tanh(spread / MOST_STOPS)).astype(np.float32)
    return limited


def prompt(spec: Spec, layout: Layout) -> str:
    """Return the words for the network: what the shipped checkpoint's captions hold first, then plain description."""
    side = "left" if layout.light_side < 0 else "right"
    words = [
        f"{layout.kind} scene",
        f"{spec.mood.name} mood",
        f"light {side}",
        f"{layout.surface_finish} floor",
        f"empty background of {spec.scene.prompt}",
        spec.mood.prompt,
        "professional product photography backdrop, empty space in the middle, nothing standing on the surface",
    ]
    if spec.palette:
        words.append("colours " + ", ".join(spec.palette))
    if spec.style_words:
        words.append(spec.style_words)
    return ", ".join(words)
