"""Which colour of a scene went on what, for the report."""

import numpy as np

from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.spaces import linear_to_srgb
from pipeline.materials.bokeh import share_of
from pipeline.report import AssignedColour
from pipeline.scene.composition import part_shares, sampled
from pipeline.scene.layout import Layout

#: What callers know a role by.
_NAMES = {"stand": "plinth", "prop": "props"}
#: A smaller share of the picture than this is left out.
LEAST = 0.002


def assigned(layout: Layout) -> list[AssignedColour]:
    """Return the colours, their shares those of what the product leaves free, the largest first.

    A surface is named by `Part.name`, else by its role; far lights are `lights`.
    """
    shares = part_shares(layout)
    rows: dict[tuple[int, str], float] = {}
    for part, share in zip(layout.parts, shares, strict=True):
        key = part.slot, part.name or _NAMES.get(part.role, part.role)
        rows[key] = rows.get(key, 0.0) + float(share)
    for slot in sorted({blur.slot for blur in layout.blurs} - {layout.behind}):
        seen = np.clip(share_of(layout, slot, *sampled(layout)), 0, 1)
        far = [part.role == "far" for part in layout.parts]
        rows[slot, "lights"] = float(seen.mean() * shares[far].sum())
    listed = [
        AssignedColour(rgb_to_hex(linear_to_srgb(layout.colours[slot])), name, round(share, 4), slot < layout.asked)
        for (slot, name), share in rows.items()
        if share >= LEAST
    ]
    return sorted(listed, key=lambda row: -row.share)
