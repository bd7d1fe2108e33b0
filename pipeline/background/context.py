"""The context of a background: how its scene is composed, the product's effects, and the postprocessing."""

from typing import Protocol

from pipeline.compositing.effects import Overlay, ProductEffects
from pipeline.core.networks import Laid
from pipeline.core.parallel import by_rows
from pipeline.core.spec import Spec
from pipeline.core.types import Rgb, Rgb8
from pipeline.geometry.ray import Field
from pipeline.scene.layout import Layout

#: A product without a shadow and without a mirror image.
NO_EFFECTS = ProductEffects(None, None)


class SceneContext(Protocol):
    """The context of a background: how its scene is composed, and its postprocessing before delivery."""

    @property
    def reference(self) -> Rgb8 | None:
        """The H×W×3 picture that guides the scene, for a network that takes one; None without one."""

    def compose(self, spec: Spec) -> Layout:
        """Compose a spec's scene."""

    def postprocess(self, rows: Rgb) -> None:
        """Postprocess n×W×3 sRGB rows of a background of any size, in place."""

    def postprocess_light(self, rows: Field) -> None:
        """Postprocess n×W×3 rows of linear light in [0, 1] in place, which saves the transfer curve."""

    def effects(self, layout: Layout) -> ProductEffects:
        """Return the product's effects on a layout."""

    def lay(self, effects: ProductEffects, drawing: Rgb, noise: float) -> Laid | None:
        """Place the product with its effects on an h×w×3 sRGB drawing of the context; None where there is no product.

        `noise` is as in `Laid`.
        """


def postprocess(context: SceneContext, overlay: Overlay, top: int, rows: Rgb) -> None:
    """Postprocess rows of a background, from the row `top` on, and add the shadow to them; in place."""
    context.postprocess(rows)
    overlay.darken(top, rows)


def postprocessed(picture: Rgb, context: SceneContext, overlay: Overlay) -> Rgb:
    """Apply `postprocess` to a whole H×W×3 background, in place, and return it."""
    by_rows(len(picture), lambda top, bottom: postprocess(context, overlay, top, picture[top:bottom]))
    return picture
