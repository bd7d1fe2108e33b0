"""List the colour of each surface of a scene: for the report, and pixel by pixel for pictures to be repainted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.assignment import COUNT
from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.spaces import linear_to_srgb
from pipeline.report import AssignedColour
from pipeline.scene.composition import part_shares
from pipeline.scene.layout import Layout
from pipeline.scene.surfaces import ACCENT
from pipeline.scene.trace import trace

#: Names of roles in the report.
_NAMES = {"stand": "plinth", "prop": "props", "far": "place"}
#: Surfaces without a name of their own, by their role.
_NAMED = {"tube": "tube"}
#: Surfaces with a smaller share of the picture are left out.
LEAST = 0.002
#: Value of pixels without a surface of the palette.
UNPAINTED = 255


def assigned(layout: Layout) -> list[AssignedColour]:
    """Return the colours and their shares of the free background, the largest first.

    A surface is named by `Part.name`, else by its role.
    """
    shares = part_shares(layout)
    rows: dict[tuple[int, str], float] = {}
    for part, share in zip(layout.parts, shares, strict=True):
        key = part.slot, part.name or _NAMES.get(part.role, part.role)
        rows[key] = rows.get(key, 0.0) + float(share)
    listed = [
        AssignedColour(rgb_to_hex(linear_to_srgb(layout.colours[slot])), name, round(share, 4), slot < layout.asked)
        for (slot, name), share in rows.items()
        if share >= LEAST
    ]
    return sorted(listed, key=lambda row: -row.share)


@dataclass(frozen=True)
class PaintedPixels:
    """The surface of each pixel of a picture, and the surfaces' colours."""

    #: H×W uint8: an index into `surfaces`, or UNPAINTED.
    numbers: NDArray[np.uint8]
    #: Names as in `pipeline.scene.surfaces`, each with its colour as #rrggbb. Stand, panel and props are `accent`, once
    #: for each of their colours, asked colours first.
    surfaces: list[tuple[str, str]]


def painted_pixels(layout: Layout, alpha: NDArray[np.float32]) -> PaintedPixels:
    """Return the surface of each pixel of a layout outside a product of H×W coverage.

    A thing in a natural colour, such as a leaf, is no surface, nor is a place behind a table.
    """
    height, width = alpha.shape
    # `pipeline.colour.assignment` puts the asked colours and their tones first.
    painted = max(layout.asked, COUNT)
    keys = [
        (part.name or _NAMED.get(part.role, ACCENT), part.slot) if part.name or part.slot < painted else None
        for part in layout.parts
    ]
    named = [key for key in dict.fromkeys(keys) if key is not None]
    named.sort(key=lambda key: (key[0] == ACCENT, key[1]))
    order = {key: number for number, key in enumerate(named)}
    of_part = np.array([UNPAINTED if key is None else order[key] for key in keys], np.uint8)
    numbers = of_part[trace(layout, width, height).part]
    numbers[alpha > 0.5] = UNPAINTED
    return PaintedPixels(numbers, [(name, rgb_to_hex(linear_to_srgb(layout.colours[slot]))) for name, slot in named])
