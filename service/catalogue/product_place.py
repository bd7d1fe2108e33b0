"""Where preset and scene put a product whose cut-out is known, before its caller moves it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipeline.core.errors import NoHonestPlacement
from pipeline.core.spec import Spec
from pipeline.delivery.output import ordered
from pipeline.placement.camera import TOP_DOWN, has_angle, seen_from
from pipeline.placement.facts import StanceName, angle_for, as_said, edges_in, stands_in
from pipeline.placement.fit import Box, box_in, fit, leaves_place

#: What a product is scaled and turned about: the middle of its foot's, or of its hook's, end of its box; or its middle.
Anchor = Literal["foot", "hook", "middle"]


@dataclass(frozen=True)
class ProductPlace:
    """Where a product goes by itself."""

    #: Left, top, right, bottom of its tight box, as shares of the picture's width and height.
    box: Box
    anchor: Anchor
    #: Sides of the picture that it has to reach: the photo cuts it there, or it hangs from above.
    edges: tuple[str, ...]


def product_place(spec: Spec, facts: Mapping[str, Any], photo: tuple[int, int]) -> ProductPlace | None:
    """Return where the swap of a spec will put the product, as `pipeline.background.position.product_box` does.

    `facts` are the cut-out's, `photo` its width and height in pixels. None where nothing was cut out, and where there
    is no honest placement.
    """
    if not facts.get("product_box"):
        return None
    left, top, right, bottom = facts["product_box"]
    facts = as_said(facts, spec.placement.stance)
    stance: StanceName = facts["stance"]
    preset = ordered(spec.preset, spec.output)
    width, height = preset.size or photo
    drawn = preset.background == "scene" and not spec.is_white
    if drawn and (angle := angle_for(stance, facts["suits"], spec.scene.kind)):
        if not has_angle(spec.scene.kind, angle):
            return None
        spec = replace(spec, scene=seen_from(spec.scene, angle))
    kind = spec.scene.kind if drawn else "white"
    edges, stands = edges_in(stance, tuple(facts["cut_sides"]), kind), stands_in(stance, kind)
    aspect = (right - left) / (bottom - top)
    try:
        if preset.background == "transparent" and preset.size is None:
            box: Box = left, top, right, bottom
        elif drawn and spec.pinned and not edges and not leaves_place(spec.placement):
            box = box_in(replace(spec, preset=preset), aspect, width, height)
        else:
            box = fit(preset, aspect, width, height, edges, top_down=kind in TOP_DOWN, stands=stands)
    except NoHonestPlacement:
        return None
    anchor: Anchor = "foot" if stands or "bottom" in edges else "hook" if "top" in edges else "middle"
    return ProductPlace((box[0] / width, box[1] / height, box[2] / width, box[3] / height), anchor, edges)
