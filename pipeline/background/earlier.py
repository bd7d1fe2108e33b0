"""The background of an earlier render, made again without its product, so that another product goes on it.

A pinned background is its brand's. Any other was composed around its own product, in the light of that product's photo,
so that photo is cut out again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.background.best_of import search
from pipeline.background.callers_picture import OwnPicture, guided
from pipeline.background.context import NO_EFFECTS
from pipeline.background.free import FreeContext
from pipeline.background.pinned import Pinned, pinned
from pipeline.compositing.effects import ProductEffects
from pipeline.compositing.place import lay
from pipeline.core.errors import Rejected
from pipeline.core.networks import Laid, Networks
from pipeline.core.spec import Limits, Spec
from pipeline.core.stages import Stages
from pipeline.core.types import Cutout, Photo, Placed, Rgb
from pipeline.cutout.cache import Cache
from pipeline.cutout.cutting import Cutting
from pipeline.cutout.given import GivenMask
from pipeline.cutout.stance import place_cutout
from pipeline.photo.decode import decode
from pipeline.placement.place import Place
from pipeline.scene.layout import Layout


@dataclass(frozen=True, eq=False)
class _Vacant(FreeContext):
    """A context around a product that is not there any more."""

    def effects(self, layout: Layout) -> ProductEffects:
        return NO_EFFECTS

    def lay(self, effects: ProductEffects, drawing: Rgb, noise: float) -> Laid | None:  # type: ignore[override]  # none
        return None


@dataclass(frozen=True)
class EarlierRender:
    """The product of an earlier render, on the canvas of this spec."""

    photo: Photo
    cutout: Cutout
    place: Place
    placed: Placed
    own: OwnPicture | None

    @classmethod
    def of(
        cls,
        spec: Spec,
        files: Mapping[str, bytes],
        size: tuple[int, int],
        networks: Networks,
        *,
        limits: Limits,
        mask: GivenMask | None,
    ) -> "EarlierRender | None":
        """Cut out the product of the render that the spec names; None where it names none.

        `size`: width and height of the canvas. `mask`: of that product. Raises the errors of `decode` and `Cutting`.
        """
        earlier = spec.earlier
        if earlier is None or spec.ground.background != "render" or spec.preset.background != "scene":
            return None
        one = replace(earlier.spec, preset=spec.preset, output=spec.output)
        own = OwnPicture.of(one, files, limits)
        try:
            photo = decode(files[earlier.photo], limits)
            cutting = Cutting(photo, files[earlier.photo], networks, mask=mask)
            unheard = Stages({"segment": 0, "refine": 0}, lambda *_: None, lambda: 0.0)
            cutout = cutting.product(unheard, one.subject).unassessed
            place = place_cutout(cutout, guided(one, own), *size)
        except Rejected as error:
            raise type(error)(f"background_render: {error}") from error
        return cls(photo, cutout, place, lay(cutout, place.position, *size), own)

    def placing(self, spec: Spec) -> Spec:
        """Return the spec of the next product, which goes where this one stood."""
        assert spec.earlier is not None  # `of` returned this record for it
        return replace(spec, earlier=replace(spec.earlier, box=self.place.position.bounds))

    def background(
        self, networks: Networks, on_step: Callable[[float], None], cache: Cache | None, **given: Any
    ) -> Pinned:
        """Return its background without the product; the arguments are those of `pipeline.background.pinned.pinned`.

        Raises the errors of `search`.
        """
        spec, (width, height) = self.place.spec, self.place.size
        if self.place.pinned:
            return pinned(spec, width, height, networks, on_step, cache=cache, **given)
        view = None if self.own is None else self.own.view
        context = _Vacant.of(self.photo, self.cutout, self.place, self.placed, guide=view)
        best = search(spec, context, self.placed.alpha, networks, on_step, watched=False, **given)
        return Pinned(best.layout, best.background, best.seed, best.tried, "computed")
