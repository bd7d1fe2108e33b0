"""Where a background is made: how its scene is composed, what a product does to it, and what else is done to it."""

from typing import Protocol

from pipeline.compositing.effects import Overlay, ProductEffects
from pipeline.core.networks import Laid
from pipeline.core.parallel import by_rows
from pipeline.core.spec import Spec
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.scene.layout import Layout

#: A product that takes no light and is mirrored nowhere.
NO_EFFECTS = ProductEffects(None, None)


class SceneContext(Protocol):
    """Where a background is made: how its scene is composed, and what else is done to it before it is delivered."""

    def compose(self, spec: Spec) -> Layout:
        """Lay a spec's scene out."""

    def postprocess(self, rows: Rgb) -> None:
        """Do what else is done to n×W×3 sRGB rows of a background of any size, in place."""

    def postprocess_light(self, rows: Field) -> None:
        """Do the same to n×W×3 rows of linear light in [0, 1], which spares them the transfer curve."""

    def effects(self, layout: Layout) -> ProductEffects:
        """Return what the product does to a layout."""

    def lay(self, effects: ProductEffects, drawing: Rgb, noise: float) -> Laid | None:
        """Lay the product with its effects on an h×w×3 sRGB drawing of the context; None where there is none yet.

        `noise` is as in `Laid`.
        """


def postprocess(context: SceneContext, overlay: Overlay, top: int, rows: Rgb) -> None:
    """Postprocess rows of a background, from the row `top` on, and lay the shadow on them; in place."""
    context.postprocess(rows)
    overlay.darken(top, rows)


def postprocessed(picture: Rgb, context: SceneContext, overlay: Overlay) -> Rgb:
    """Do as `postprocess` to all of an H×W×3 background, in its own array, and return it."""
    by_rows(len(picture), lambda top, bottom: postprocess(context, overlay, top, picture[top:bottom]))
    return picture
