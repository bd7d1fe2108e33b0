"""What a placement would come to, as far as an earlier render of the same photo tells: told before it is paid for."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.core.errors import NoHonestPlacement
from pipeline.core.spec import Placement, Preset, Scene
from pipeline.placement.adjust import adjusted
from pipeline.placement.camera import angle_of
from pipeline.placement.facts import angle_for
from pipeline.placement.fit import fit
from pipeline.placement.margins import placement_rules
from service.catalogue.cautions import Caution


def placement_cautions(
    placement: Placement, preset: Preset, scene: Scene, *, pinned: bool, seen: Mapping[str, Any]
) -> Iterator[Caution]:
    """Give what a caller should hear of a placement.

    `pinned`: the brand's backgrounds are. `seen` is what an earlier render reports of the cut-out, with its
    `aspect`; where it is empty, or the photo cuts the product or it hangs, the picture itself will tell. A turn is left
    out: the outline that it would be worked out from is not known here.
    """
    if not placement.moves:
        return
    drawn = preset.background == "scene" and scene.kind != "white"
    if pinned and drawn and (placement.shift_x or placement.shift_y or placement.scale > 1):
        text = "The brand's background is pinned to where its products stand: moved away, this one gets its own."
        yield Caution("placement_unpins", text)
    stance = seen.get("stance")
    if preset.size is None or "aspect" not in seen or seen.get("cut_sides") or stance not in ("standing", "lying"):
        return
    width, height = preset.size
    top_down = (angle_for(stance, seen.get("suits", (scene.kind,)), scene.kind) or angle_of(scene.kind)) == "above"
    stands = drawn and not top_down
    box = fit(preset, seen["aspect"], width, height, top_down=drawn and top_down, stands=stands)
    upright = Placement(placement.shift_x, placement.shift_y, placement.scale)
    try:
        there = adjusted(box, upright, width, height, stands=stands).bounds
    except NoHonestPlacement as error:
        yield Caution("no_honest_placement", f"{error} The swap would fail and be refunded.")
        return
    kept = {rule.name for rule in placement_rules(preset, box, 1.0, width, height) if rule.status == "pass"}
    now = placement_rules(preset, there, 1.0, width, height, touches=())
    broken = [rule.name for rule in now if rule.name in kept and rule.status != "pass"]
    if broken:
        yield Caution("placement_breaks_rules", f"Placed so, the picture breaks the preset's {' and '.join(broken)}.")
