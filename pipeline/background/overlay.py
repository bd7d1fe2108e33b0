"""A product placed into its drawing, for a network that paints the scene around it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import minimum_filter

from pipeline.background.growth import Growth, growth
from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.compositing.composite import composite
from pipeline.compositing.effects import ProductEffects
from pipeline.compositing.kept_shadow import KeptShadow, kept_shadow
from pipeline.core.networks import Capabilities, Laid, Painted, PaintRequest, Segmenter
from pipeline.core.resample import resize, tight_box
from pipeline.core.types import Alpha, Placed, Rgb

#: Width of the product's rim that is not kept, as a share of the side of the square of the picture's area. It is one
#: token of the latents of models trained at 1024 pixels, so that no kept token contains background.
RIM = 1 / 64


def lay(placed: Placed, effects: ProductEffects, drawing: Rgb, noise: float = 1.0) -> Laid:
    """Place a product, its shadow and its mirror image on a drawing of its canvas, h×w×3 sRGB in [0, 1], any size."""
    height, width = drawing.shape[:2]
    small = scaled(placed, width, height)
    picture = composite(small, effects.at(width, height)(drawing.copy()))
    rim = max(1, round(RIM * float(np.sqrt(width * height))))
    return Laid(picture, np.asarray(minimum_filter(small.alpha, 2 * rim + 1), np.float32), noise)


@dataclass(frozen=True)
class Unchanged:
    """A generator that returns its input light, and so gives the renderer's own background."""

    capabilities = Capabilities(paints="light", size=128)

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted]:
        """Return the light of each request's conditions, h×w×3 linear."""
        for request in requests:
            request.on_step(1.0)
        return [request.conditions.light for request in requests]


def growth_of(painted: Rgb | None, laid: Laid | None, alpha: Alpha, segmenter: Segmenter) -> Growth | None:
    """Return how much a network enlarged the product that it was shown; None where it saw none.

    `painted` is the network's picture, h×w×3 sRGB in [0, 1], `alpha` the product's H×W coverage of the canvas.
    """
    if painted is None or laid is None:
        return None
    height, width = painted.shape[:2]
    covered = np.clip(resize(alpha, width, height, Image.Resampling.BOX), 0, 1)
    pasted = painted + covered[..., None] * (laid.picture - painted)
    return growth(pasted, laid.picture, covered, segmenter)


def shadow_of(painted: Rgb | None, drawing: Rgb | None, effects: ProductEffects, alpha: Alpha) -> KeptShadow | None:
    """Return the state of the shadow that a network was shown in its painting; None where it was shown none.

    `painted` is the network's picture, `drawing` its input without the product, both h×w×3 sRGB in [0, 1]. `alpha` is
    the product's H×W coverage of the canvas.
    """
    if painted is None or drawing is None or effects.shadow is None:
        return None
    height, width = drawing.shape[:2]
    covered = np.clip(resize(alpha, width, height, Image.Resampling.BOX), 0, 1)
    shadow = effects.shadow
    return kept_shadow(painted, drawing, shadow.at(width, height), covered, shadow.contact(width, height))


def scaled(placed: Placed, width: int, height: int) -> Placed:
    """Return a placed product on a canvas of another size and about the same shape, by premultiplied linear light."""
    if placed.alpha.shape == (height, width):
        return placed
    filtered = Image.Resampling.BILINEAR  # sharper filters ring at a product's edge
    alpha = np.clip(resize(placed.alpha, width, height, filtered), 0, 1)
    light = resize(srgb_to_linear(placed.whole()) * placed.alpha[..., None], width, height, filtered)
    rgb = linear_to_srgb(np.clip(light / np.maximum(alpha, 1e-4)[..., None], 0, 1))
    box = tight_box(alpha > 0.5) or (0, 0, 1, 1)
    return Placed(rgb, alpha, box, placed.scale * width / placed.alpha.shape[1])
