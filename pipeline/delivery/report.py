"""The report that goes with every picture: what was asked, measured on the delivered file itself."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.asked import asked_colours
from pipeline.colour.palette import MEAN_BAR, WORST_BAR, background_pixels, compare_palette, meets_bars
from pipeline.core.parallel import together
from pipeline.core.provenance import Credentials
from pipeline.core.resample import tight_box
from pipeline.core.spec import Spec
from pipeline.core.types import Cutout, Placed, Rgb, Rgb8
from pipeline.delivery.fidelity import Product
from pipeline.delivery.preset_rules import check_rules, reopen
from pipeline.placement.facts import CutoutFacts


def inspect(
    delivered: bytes,
    *,
    spec: Spec,
    placed: Placed,
    background: Rgb | None,
    cutout: Cutout,
    facts: CutoutFacts | None = None,
    provenance: dict[str, Any],
    credentials: Credentials | None = None,
    photo_size: tuple[int, int] | None = None,
    decoded: Rgb8 | None = None,
    fidelity: Mapping[str, Any] | None = None,
    palette: Mapping[str, Any] | None = None,
    canvas: Placed | None = None,
    touches: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Measure a delivered file and return the JSON-ready report: palette, fidelity, preset, cutout, provenance.

    `placed` is the product as it was laid on the canvas; `background` what was painted behind it, shadow included
    (H×W×3 sRGB in [0, 1]), None for a transparent picture. Colours are CIEDE2000 on the file decoded again, so the
    encoder's share of the error is in every figure. `credentials` is what signed the file, where something did.
    With the product's `facts`, `cutout` has its stance, who says so, which kinds of scene suit it and from how high it
    was seen. With `photo_size`, the photo's width and height in pixels, it has where the product was and where it is
    now. `decoded` is the file's picture, `fidelity` its product's and `palette` what `background_palette` gave, where
    that was measured already. `canvas`: of a preview, the product on the canvas of the picture that it stands for;
    `touches` as in `pipeline.placement.margins`.

    Raises ValueError where the file's size is not the canvas's.
    """
    file = reopen(delivered, credentials, decoded)
    if file.rgb.shape[:2] != placed.alpha.shape:
        raise ValueError(f"The file is {file.rgb.shape[:2]}, the canvas {placed.alpha.shape} (rows, columns).")
    issuer = credentials.issuer if credentials else None
    if palette is None or fidelity is None:
        palette, fidelity = together(
            lambda: background_palette(file.rgb, spec, placed),
            lambda: Product(placed.whole(), placed.alpha).fidelity(file.rgb),
        )
    rules = check_rules(
        file,
        spec.preset,
        placed,
        background,
        issuer=issuer,
        canvas=canvas,
        touches=touches,
        own_size=spec.output.width is not None,
    )
    return {
        "palette": dict(palette),
        "fidelity": dict(fidelity),
        "preset": rules,
        "cutout": {
            "confidence": round(float(cutout.confidence), 4),
            "warnings": list(cutout.warnings),
            "cut_sides": list(cutout.cut_sides),
            "where": {code: [list(box) for box in boxes] for code, boxes in cutout.where.items()},
            "viewpoint": {name: round(float(share), 4) for name, share in cutout.viewpoint.items()},
        }
        | ({} if facts is None else _stance(facts))
        | ({} if photo_size is None else _boxes(cutout, canvas or placed, photo_size)),
        "provenance": dict(provenance),
    }


def _stance(facts: CutoutFacts) -> dict[str, Any]:
    said = "guess" if facts.word == "auto" else "caller"
    seen = {} if facts.elevation is None else {"elevation": round(facts.elevation, 1)}
    return {"stance": facts.stance, "stance_from": said, "suits": list(facts.suits), **seen}


def _boxes(cutout: Cutout, placed: Placed, photo_size: tuple[int, int]) -> dict[str, list[float]]:
    """Return the product's box in the photo and on the canvas: left, top, right, bottom as shares 0–1 of each."""
    left, top, right, bottom = tight_box(cutout.alpha > 0.5) or (0, 0, 1, 1)
    x, y = cutout.origin
    height, width = placed.alpha.shape
    boxes = {
        "source_box": ((left + x, top + y, right + x, bottom + y), photo_size),
        "placed_box": (placed.box, (width, height)),
    }
    return {name: [round(at / size[i % 2], 5) for i, at in enumerate(box)] for name, (box, size) in boxes.items()}


def background_palette(rgb: NDArray[np.uint8], spec: Spec, placed: Placed) -> dict[str, Any]:
    """Compare a delivered background's colours with the spec's, else with the scene's own.

    White presets ask for white.
    """
    if spec.preset.background == "transparent":
        return {"asked": [], "found": [], "mean_delta_e00": None}
    found = compare_palette(background_pixels(rgb, placed.alpha), asked_colours(spec))
    met = meets_bars([row["delta_e00"] for row in found["asked"]])
    return found | {"bar": {"mean": MEAN_BAR, "worst": WORST_BAR, "met": met}}
