"""The place behind a table, as a lens shows it that is focused on the product."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from pipeline.colour.spaces import LUMINANCE
from pipeline.core.resample import resize
from pipeline.geometry.ray import Field
from pipeline.scene.layout import Layout, View
from pipeline.scene.places import DOWN, SIDE, UP, stops_of

CUBIC = Image.Resampling.BICUBIC
#: Rows at which it is drawn at most: nothing in it is sharper than this.
ROWS = 640
#: Tangent of the view across a square canvas, 48 degrees. Wider than the camera's, so that a place is recognised.
ACROSS = 0.89
#: Height of the place's horizon above the table's edge, at most this share of what is seen above that edge.
LOWEST = 0.62
#: Width of the disc's soft edge, as a share of its radius.
RIM = 0.45
#: Linear light that the film shows as white, and its gain in the mid tones (Reinhard et al. 2002, equation 4).
WHITE, MIDDLE = 6.0, 1.25


def draw_place(layout: Layout, part: NDArray[np.uint16], out: Field) -> None:
    """Draw the view of a layout onto those of its H×W parts that are far; `out` is H×W×3 linear."""
    if layout.view is None:
        return
    height, width = part.shape
    shown = np.array([thing.role == "far" for thing in layout.parts])[part]
    below = int(np.flatnonzero(shown.any(1)).max(initial=-1)) + 1
    if below == 0:
        return
    scale = min(1.0, ROWS / height)
    rows, columns = max(2, round(height * scale)), max(2, round(width * scale))
    # From a raised camera only the place's floor would be seen, and no place recognised.
    horizon = max(layout.horizon_y, LOWEST * layout.edge)
    small = developed(layout.view, horizon, layout.aspect, columns, rows)
    # Only down to the table, and a row more, which the filter reads.
    drawn = min(rows, -(-below * rows // height) + 1)
    tall = min(height, round(drawn * height / rows))
    for plane, to in zip(small, np.moveaxis(out, -1, 0), strict=True):
        np.maximum(resize(plane[:drawn], width, tall, CUBIC)[:below], 0, out=to[:below], where=shown[:below])


def developed(view: View, horizon: float, aspect: float, width: int, height: int) -> Field:
    """Return 3×height×width linear light, 0 to about 1: a place on a canvas whose horizon is at `horizon`."""
    stops = stops_of(view.plate)
    stops = stops[:, ::-1] if view.flipped else stops
    scale = stops.shape[1] / (2 * SIDE)
    each = ACROSS / max(aspect, 1.0) * scale  # pixels of the plate per canvas height
    left = SIDE * scale - (aspect / 2 + view.shift) * each
    top = UP * scale - horizon * each
    # What the plate does not show goes on as its edge.
    more = int(max(0.0, -left, -top, left + aspect * each - stops.shape[1], top + each - (UP + DOWN) * scale)) + 2
    stops = np.pad(stops, ((more, more), (more, more), (0, 0)), mode="edge")
    box = left + more, top + more, left + more + aspect * each, top + more + each
    # Stops are enlarged, not light, or a lamp would ring.
    large = [
        np.asarray(Image.fromarray(np.ascontiguousarray(stops[..., c])).resize((width, height), CUBIC, box))
        for c in range(3)
    ]
    planes = np.exp2(np.stack(large)) * np.asarray(view.gain, np.float32)[:, None, None]
    planes = through_lens(planes, view.blur * height)
    level = np.tensordot(LUMINANCE.astype(np.float32), planes, 1)
    return np.asarray(planes * (MIDDLE * (1 + level / WHITE**2) / (1 + level)), np.float32)


def through_lens(planes: Field, radius: float) -> Field:
    """Return C×H×W light with each point spread over a disc of that radius, in pixels; edges are continued."""
    if radius < 0.7:
        return planes
    reach = int((1 + RIM / 2) * radius) + 2
    padded = np.pad(planes, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    size = [fft.next_fast_len(side, real=True) for side in padded.shape[1:]]
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    # A sharp edge would beat with the plate's pixels, and show them as a weave.
    rim = max(1.0, RIM * radius)
    disc = np.clip((radius - np.hypot(x, y)) / rim + 0.5, 0, 1).astype(np.float32)
    spectrum = fft.rfft2(padded, size) * fft.rfft2(disc / disc.sum(), size)
    spread = fft.irfft2(spectrum, size)
    return np.asarray(
        np.maximum(spread[:, 2 * reach :, 2 * reach :][:, : planes.shape[1], : planes.shape[2]], 0), np.float32
    )
