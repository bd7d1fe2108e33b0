"""The context of a background: what its scene is composed around, the product on it, and a photo's light."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from pipeline.background.view import View
from pipeline.colour.asked import asked_colours
from pipeline.colour.photo_light import PhotoLight, gains, lit_from, photo_light, toned, toned_light
from pipeline.compositing.composite import composite
from pipeline.compositing.effects import Overlay, ProductEffects, product_effects
from pipeline.compositing.place import scaled
from pipeline.core.networks import Laid
from pipeline.core.parallel import by_rows
from pipeline.core.spec import Spec
from pipeline.core.types import Alpha, Cutout, Photo, Placed, Rgb, Rgb8
from pipeline.cutout.stance import pose_of
from pipeline.placement.place import Place
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout
from pipeline.scene.surfaces import product_colour

#: A product without a shadow and without a mirror image.
NO_EFFECTS = ProductEffects(None, None)
#: Width of the product's rim that is not kept, as a share of the side of the square of the picture's area. It is one
#: token of the latents of models trained at 1024 pixels, so that no kept token contains background.
RIM = 1 / 64


@dataclass(frozen=True, eq=False)
class SceneContext:
    """The context of a background. Without a product, the background is made around the product's place only."""

    #: H×W coverage of the canvas by the product, or by its place. What it covers is not measured.
    alpha: Alpha
    #: What the scene is composed around: arguments of `pipeline.scene.composition.compose`.
    around: Mapping[str, Any]
    #: (3,) channel gains of the photo's light (`pipeline.colour.photo_light.gains`).
    gains: NDArray[np.float32]
    placed: Placed | None = None
    #: How the product touches its scene, and its shadow: arguments of `pipeline.compositing.effects.product_effects`.
    contact: Mapping[str, Any] = field(default_factory=dict)
    #: The H×W×3 picture that guides the scene, for a network that takes one; None without one.
    reference: Rgb8 | None = None

    @classmethod
    def of(
        cls,
        photo: Photo,
        cutout: Cutout,
        place: Place,
        placed: Placed,
        light: PhotoLight | None = None,
        guide: View | None = None,
        reference: Rgb8 | None = None,
    ) -> "SceneContext":
        """Return the context of a product cut out of a photo and placed on the canvas.

        The scene is lit from the photo's side, and seen from its camera pose. `light` is the photo's, where it is known
        already. `guide` is the view of the scene's `reference`. The exposure follows the photo's light, unless colours
        were asked for.
        """
        light = light or photo_light(photo, cutout)
        side = lit_from(light)
        around = {
            "stands": place.stands,
            "hangs": place.hangs,
            "light_side": guide.side if side is None and guide is not None else side,
            "pose": pose_of(placed.alpha, place.facts),
            "box": place.position.bounds,
            "product": product_colour(cutout.rgb, cutout.alpha),
            "horizon": None if guide is None else guide.horizon,
        }
        toning = gains(light, asked_colours(place.spec).by_caller)
        contact = place.contact | {"shadow": place.spec.shadow}
        return cls(placed.alpha, around, toning, placed, contact, reference)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the canvas, pixels."""
        height, width = self.alpha.shape
        return width, height

    def compose(self, spec: Spec) -> Layout:
        """Compose a spec's scene."""
        return compose(spec, *self.size, **self.around)

    def postprocess(self, rows: Rgb) -> None:
        """Apply a share of the photo's tint and exposure to n×W×3 sRGB rows of a background of any size, in place."""
        toned(rows, self.gains)

    def postprocess_light(self, rows: Rgb) -> None:
        """Apply the same to n×W×3 rows of linear light in [0, 1], in place, which saves the transfer curve."""
        toned_light(rows, self.gains)

    def postprocessed(self, picture: Rgb, shadow: Overlay) -> Rgb:
        """Apply `postprocess` and an overlay's shadow to a whole H×W×3 background, in place, and return it."""

        def rows(top: int, bottom: int) -> None:
            self.postprocess(picture[top:bottom])
            shadow.darken(top, picture[top:bottom])

        by_rows(len(picture), rows)
        return picture

    def effects(self, layout: Layout) -> ProductEffects:
        """Trace the product's shadow and mirror image in a layout."""
        return NO_EFFECTS if self.placed is None else product_effects(self.placed, layout, **self.contact)

    def lay(self, effects: ProductEffects, drawing: Rgb, noise: float = 1.0) -> Laid | None:
        """Place the product with its effects on an h×w×3 sRGB drawing of any size; None where there is no product.

        `noise` is as in `Laid`.
        """
        if self.placed is None:
            return None
        height, width = drawing.shape[:2]
        small = scaled(self.placed, width, height)
        picture = composite(small, effects.at(width, height)(drawing.copy()))
        rim = max(1, round(RIM * float(np.sqrt(width * height))))
        return Laid(picture, np.asarray(minimum_filter(small.alpha, 2 * rim + 1), np.float32), noise)
