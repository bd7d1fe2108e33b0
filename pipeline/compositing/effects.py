"""A product's effects on its scene: its cast shadow, which is the light that it takes, and its mirror image."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from pipeline.compositing.composite import apply_shadow
from pipeline.compositing.shadow import CastShadow, cast_shadow
from pipeline.core.parallel import together
from pipeline.core.resample import resize
from pipeline.core.types import Placed, Rgb
from pipeline.geometry.ray import Field
from pipeline.kernels.image.layers import darken
from pipeline.light.reflection import MirrorImage, mirror_image
from pipeline.scene.layout import Layout
from pipeline.scene.trace import Geometry


@dataclass(frozen=True)
class Overlay:
    """What lays a product's shadow, and then its mirror image, on a background of one size."""

    #: H×W: the share of light, 0–1, that is taken; None for none.
    blocked: Field | None = None
    image: MirrorImage | None = None
    #: As in `MirrorImage.on`.
    min_mirrored: float = 0.0

    def __call__(self, background: Rgb) -> Rgb:
        """Lay both on an H×W×3 sRGB background in [0, 1], in its own array, and return that."""
        if self.blocked is not None:
            apply_shadow(background, self.blocked)
        return self.mirror(background)

    def darken(self, top: int, rows: Rgb) -> None:
        """Lay the shadow alone on some n×W×3 rows of a background, from the row `top` on, in place."""
        if self.blocked is not None:
            darken(self.blocked[top : top + len(rows)], rows)

    def mirror(self, background: Rgb) -> Rgb:
        """Lay the mirror image alone, where the shadow is laid already, and return the background."""
        return background if self.image is None else self.image.on(background, self.min_mirrored)


class Effects(Protocol):
    """What a product does to its scene."""

    def at(self, width: int, height: int, geometry: Geometry | None = None) -> Overlay:
        """Return what lays it on a width×height background.

        `geometry` is that of the layout at this size, where its light is still to be mixed along edges.
        """


@dataclass(frozen=True)
class MissingShadow:
    """The part of a product's shadow that a network which saw it did not paint."""

    #: h×w: the share of light, 0–1, that is still to be taken.
    share: Field

    def at(self, width: int, height: int, geometry: Geometry | None = None) -> Overlay:
        """Return what lays it on a width×height background."""
        return Overlay(np.clip(resize(self.share, width, height, Image.Resampling.BICUBIC), 0, 1))


@dataclass(frozen=True)
class ProductEffects:
    """A product's shadow and mirror image, each made once for a layout and shown on a picture of any size."""

    #: None where there is none.
    shadow: CastShadow | None
    image: MirrorImage | None

    def at(self, width: int, height: int, geometry: Geometry | None = None) -> Overlay:
        """Return what lays both on a width×height background."""
        return Overlay(None if self.shadow is None else self.shadow.at(width, height, geometry), self.image)

    def near(self, width: int, height: int, *, min_shadow: float, min_mirrored: float) -> Overlay:
        """Return what `at` does, kept to where it is seen: the rest of the background stays as it is, to the bit.

        A product takes light from all of a scene, if little. Where that is less than the share `min_shadow`, nothing
        is taken, and from there on the shadow begins at nothing. Where the mirror image covers less than
        `min_mirrored` of the surface, there is none.
        """
        blocked = None if self.shadow is None else self.shadow.at(width, height)
        if blocked is not None:
            blocked = np.maximum((blocked - np.float32(min_shadow)) / np.float32(1 - min_shadow), 0)
        return Overlay(blocked, self.image, min_mirrored)


def product_effects(placed: Placed, layout: Layout, *, stands: bool = True, lies: bool = False) -> ProductEffects:
    """Trace what the placed product does to a layout.

    `stands`: its foot is seen. What is cut off below or hangs stands on nothing: nothing falls on the floor and no
    polish mirrors it. From above, what lies is seen whole by the surface wherever the photo cuts it. `lies`: it is seen
    from the side, and rests on its whole lower contour.
    """
    afloat = not layout.top_down and not stands
    mirrors = not (afloat or layout.top_down)
    shadow, image = together(
        lambda: cast_shadow(placed.alpha, layout, cut_below=afloat, lies=lies),
        lambda: mirror_image(placed, layout, lies=lies) if mirrors else None,
    )
    return ProductEffects(shadow, image)
