"""A free context: a background made for one product, with its photo's light and camera pose, and with its effects."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.background.overlay import lay
from pipeline.background.view import View
from pipeline.colour.asked import asked_colours
from pipeline.colour.gamuts import Lab
from pipeline.colour.photo_light import PhotoLight, gains, lit_from, photo_light, toned, toned_light
from pipeline.compositing.effects import ProductEffects, product_effects
from pipeline.core.networks import Laid
from pipeline.core.spec import Spec
from pipeline.core.types import Cutout, Photo, Placed, Rgb, Rgb8
from pipeline.cutout.camera_pose import CameraPose
from pipeline.cutout.stance import pose_of
from pipeline.geometry.ray import Field
from pipeline.placement.place import Place
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout
from pipeline.scene.surfaces import product_colour


@dataclass(frozen=True, eq=False)
class FreeContext:
    """A `pipeline.background.context.SceneContext` around one product on its canvas."""

    cutout: Cutout
    placed: Placed
    place: Place
    #: The photo's light.
    light: PhotoLight
    pose: CameraPose
    #: Whether colours were asked for: then the exposure does not follow the photo's light.
    asked: bool
    #: The view of a reference that guides the scene; None without one.
    guide: View | None = None
    #: The reference itself.
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
    ) -> "FreeContext":
        """Return the context of a product cut out of a photo and placed on the canvas.

        `light` is the photo's, where it is known already. `guide` is the view of the scene's `reference`.
        """
        light, pose = light or photo_light(photo, cutout), pose_of(placed.alpha, place.facts)
        return cls(cutout, placed, place, light, pose, asked_colours(place.spec).by_caller, guide, reference)

    def compose(self, spec: Spec) -> Layout:
        """Compose a spec's scene around the product, lit from the photo's side, from the photo's camera pose."""
        height, width = self.placed.alpha.shape
        side = lit_from(self.light)
        side = self.guide.side if side is None and self.guide is not None else side
        return compose(
            spec,
            width,
            height,
            stands=self.place.stands,
            hangs=self.place.hangs,
            light_side=side,
            pose=self.pose,
            box=self.place.position.bounds,
            product=self._colour,
            horizon=None if self.guide is None else self.guide.horizon,
        )

    @cached_property
    def _colour(self) -> Lab | None:
        return product_colour(self.cutout.rgb, self.cutout.alpha)

    @cached_property
    def _gains(self) -> NDArray[np.float32]:
        return gains(self.light, self.asked)

    def postprocess(self, rows: Rgb) -> None:
        """Apply a share of the photo's tint and exposure to n×W×3 sRGB rows of a background, in place."""
        toned(rows, self._gains)

    def postprocess_light(self, rows: Field) -> None:
        """Apply the same to n×W×3 rows of linear light, in place."""
        toned_light(rows, self._gains)

    def effects(self, layout: Layout) -> ProductEffects:
        """Trace the product's shadow and mirror image in a layout."""
        return product_effects(self.placed, layout, **self.place.contact, shadow=self.place.spec.shadow)

    def lay(self, effects: ProductEffects, drawing: Rgb, noise: float) -> Laid:
        """Place the product with its effects on a drawing."""
        return lay(self.placed, effects, drawing, noise)
