"""The colours of a scene's thumbnail as an order would paint them, so that the page only multiplies pixels."""

from collections.abc import Sequence
from itertools import chain, cycle

import numpy as np

from pipeline.colour.assignment import Assignment, Colour
from pipeline.colour.gamuts import linear_of
from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.spaces import linear_to_srgb
from pipeline.scene.surfaces import ACCENT

#: Share of colourless light in a tube's room, chosen by eye.
_WHITE_LIGHT = 0.45


def recoloured(slots: Sequence[tuple[str, str]], plan: Assignment) -> dict[str, list[str]]:
    """Return {from, to}: the colour of each slot in the thumbnail and by the plan, #rrggbb.

    `slots`: surfaces with their colours, by number.
    """
    first = [plan.surfaces["tube"]] if "tube" in plan.surfaces else []
    accents = cycle(chain(first, plan.left, plan.tones, range(plan.asked)))
    before = [linear_of(colour) for _, colour in slots]
    after = [plan.colours[next(accents) if name == ACCENT else plan.surfaces[name]] for name, _ in slots]
    for tube in [i for i, (name, _) in enumerate(slots) if name == "tube"][:1]:
        old, fresh = _light(before[tube]), _light(after[tube])
        for i, (name, _) in enumerate(slots):
            if name in ("wall", "floor"):  # seen in the tube's light
                ratio = after[i] * fresh / np.maximum(before[i] * old, 1e-5)
                # Two light colours with that ratio: #rrggbb has finer steps there.
                before[i], after[i] = np.minimum(1, 1 / np.maximum(ratio, 1e-3)), np.minimum(1, ratio)
    return {"from": [_hex(colour) for colour in before], "to": [_hex(colour) for colour in after]}


def _light(tube: Colour) -> Colour:
    return np.asarray(_WHITE_LIGHT + (1 - _WHITE_LIGHT) * tube / max(float(tube.max()), 1e-3), np.float32)


def _hex(linear: Colour) -> str:
    return rgb_to_hex(linear_to_srgb(np.asarray(linear, np.float32)))
