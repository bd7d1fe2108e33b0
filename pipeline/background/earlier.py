"""The background of an earlier render, made again without its product, so that another product goes on it.

A pinned background is its brand's. Any other was composed around its own product, in the light of that product's photo,
so that photo is cut out again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.background.callers_picture import OwnPicture, guided
from pipeline.background.scene_context import SceneContext
from pipeline.compositing.place import lay
from pipeline.core.errors import Rejected
from pipeline.core.networks import Networks
from pipeline.core.spec import Limits, Spec
from pipeline.core.stages import Stages
from pipeline.cutout.cutting import Cutting
from pipeline.cutout.given import GivenMask
from pipeline.cutout.stance import place_cutout
from pipeline.photo.decode import decode
from pipeline.placement.place import Place
from pipeline.report import BackgroundReport


@dataclass(frozen=True)
class EarlierRender:
    """The place of an earlier render's product on the canvas of this spec, and what its scene was composed around."""

    place: Place
    context: SceneContext

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
        laid, view = lay(cutout, place.position, *size), None if own is None else own.view
        return cls(place, replace(SceneContext.of(photo, cutout, place, laid, guide=view), placed=None))

    @property
    def report(self) -> BackgroundReport:
        """The report on the background."""
        return BackgroundReport(source="render")

    def placing(self, spec: Spec) -> Spec:
        """Return the spec of the next product, which goes where this one stood."""
        assert spec.earlier is not None  # `of` returned this record for it
        return replace(spec, earlier=replace(spec.earlier, box=self.place.position.bounds))
