"""Products in scenes that a network paints round them, and what is then known to be true of the painting.

What a network makes of a scene can't be foreseen, so each case is made so that something holds whatever it paints: a
product that it never saw can't have grown; where no shadow was shown, or one on the other side, none can be kept.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from scipy.ndimage import affine_transform

from pipeline.background.expansion import Expansion
from pipeline.background.free import FreeSite
from pipeline.background.laying import expansion_of, lay, scaled, shadow_of
from pipeline.background.paint import Painting, paint
from pipeline.background.position import as_photographed, position_of, product_box
from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.compositing.composite import apply_shadow
from pipeline.compositing.effects import ProductEffects
from pipeline.compositing.kept_shadow import KeptShadow
from pipeline.compositing.place import lay as lay_on_canvas
from pipeline.core.networks import Generator, Laid, Networks, Segmenter
from pipeline.core.spec import Limits, Spec
from pipeline.core.types import Placed, Rgb
from pipeline.cutout.stance import stance_of
from pipeline.geometry.ray import Field
from pipeline.scene.layout import Layout
from pipeline.swap import cut_out

#: What a network is shown: the product held with its shadow; the shadow alone; neither; the shadow on the product's
#: other side; and the product's lower half, held, of which the network may paint the upper.
Shown = Literal["held", "unseen", "bare", "astray", "half"]


@dataclass(frozen=True)
class Stand:
    """One product in one scene."""

    name: str
    spec: Spec
    site: FreeSite
    layout: Layout
    effects: ProductEffects

    @property
    def placed(self) -> Placed:
        """The product on the canvas."""
        return self.site.placed

    @property
    def half(self) -> Placed:
        """The same with its upper half cut off."""
        alpha = self.placed.alpha.copy()
        _, top, _, bottom = self.placed.box
        alpha[: (top + bottom) // 2] = 0
        return replace(self.placed, alpha=alpha)


def stand(name: str, data: bytes, spec: Spec, side: int) -> Stand:
    """Return a product, a file with alpha, in a spec's scene on a square canvas of `side` pixels.

    It goes where `pipeline.swap` puts it. Raises PipelineError where it does not go into that scene.
    """
    spec = replace(spec, preset=replace(spec.preset, size=(side, side)))
    cut = cut_out(data, Networks(_unneeded, _unpainted), limits=Limits(), clock=time.perf_counter)
    photo, cutout = cut.photo, cut.found
    assert cutout is not None  # its alpha is given
    stance = stance_of(cutout)
    spec = as_photographed(spec, stance)
    box = product_box(cutout, spec, side, side, stance)
    position = position_of(cutout, spec, box, side, side, stance)
    placed, _ = lay_on_canvas(cutout, position, side, side)
    site = FreeSite.of(spec, photo, cutout, stance, placed, position.bounds)
    layout = site.compose(spec)
    return Stand(name, spec, site, layout, site.effects(layout))


def painting(one: Stand, generator: Generator, shown: Shown) -> Painting:
    """Let a network that holds products paint a stand's scene, from what it is `shown`."""
    height, width = one.placed.alpha.shape

    def laid(drawing: Rgb) -> Laid:
        size = drawing.shape[1], drawing.shape[0]
        nothing = np.zeros(drawing.shape[:2], np.float32)
        match shown:
            case "held":
                return lay(one.placed, one.effects, drawing)
            case "half":
                return lay(one.half, one.effects, drawing)
            case "unseen":
                return Laid(one.effects.at(*size)(drawing.copy()), nothing)
            case "bare":
                return Laid(drawing, nothing)
            case "astray":
                return Laid(apply_shadow(drawing.copy(), shaded_by(one, *size)), nothing)

    return paint(one.spec, one.layout, width, height, generator, lambda done: None, lay=laid)


def grown(one: Stand, picture: Rgb, by: float) -> Rgb:
    """Return an h×w×3 picture with the product painted on by a share of its size, about its foot's middle."""
    small = scaled(one.placed, picture.shape[1], picture.shape[0])
    rows, columns = np.nonzero(small.alpha > 0.5)
    foot = np.array([rows.max(), (columns.min() + columns.max()) / 2])
    move = partial(
        affine_transform, matrix=np.full(2, 1 / (1 + by)), offset=foot - foot / (1 + by), order=1, mode="constant"
    )
    alpha = move(small.alpha)[..., None]
    light = srgb_to_linear(small.rgb) * small.alpha[..., None]
    light = np.stack([move(light[..., channel]) for channel in range(3)], -1)
    return linear_to_srgb(np.clip(srgb_to_linear(picture) * (1 - alpha) + light, 0, 1).astype(np.float32))


def expansion_in(one: Stand, picture: Rgb, drawing: Rgb, segmenter: Segmenter, *, half: bool = False) -> Expansion:
    """Measure the expansion in a network's h×w×3 picture as the pipeline does.

    `drawing` is the scene without the product. With `half`, of the product's lower half.
    """
    placed = one.half if half else one.placed
    found = expansion_of(picture, lay(placed, one.effects, drawing), placed.alpha, segmenter)
    assert found is not None  # there are both a painting and a product
    return found


def shadow_in(one: Stand, made: Painting) -> KeptShadow:
    """Return what the pipeline says of a painting's shadow. Raises ValueError where the scene takes none."""
    found = shadow_of(made.picture, made.drawing, one.effects, one.placed.alpha)
    if found is None:
        raise ValueError(f"{one.name} casts no shadow in {one.spec.scene.name}")
    return found


def painted_shadow(one: Stand, made: Painting, bare: Painting) -> KeptShadow:
    """Say what a network really made of a shadow: its painting beside the one of the same seed that was shown none.

    What it paints otherwise is nearly the same in both, and so evens out; the pipeline has the drawing alone. Raises
    ValueError where the scene takes no shadow.
    """
    found = shadow_of(made.picture, bare.picture, one.effects, one.placed.alpha)
    if found is None:
        raise ValueError(f"{one.name} casts no shadow in {one.spec.scene.name}")
    return found


def shaded_by(one: Stand, width: int, height: int) -> Field:
    """Return the h×w share of light that the product would take if its shadow fell to its other side."""
    if one.effects.shadow is None:
        return np.zeros((height, width), np.float32)
    blocked = one.effects.shadow.at(width, height)
    left, _, right, _ = one.placed.box
    middle = (left + right) / 2 / one.placed.alpha.shape[1] * width
    source = np.rint(2 * middle - 1 - np.arange(width)).astype(int)
    inside = (source >= 0) & (source < width)
    return np.where(inside, blocked[:, np.clip(source, 0, width - 1)], 0).astype(np.float32)


def _unneeded(image: object) -> Field:
    raise RuntimeError("Products come with their alpha.")


def _unpainted(
    *, prompt: str, negative_prompt: str, conditions: object, seed: int, on_step: Callable[[float], None]
) -> Field:
    raise RuntimeError("Nothing is painted where a product is cut out.")
