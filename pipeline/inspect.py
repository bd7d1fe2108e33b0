"""The report that goes with every picture: what was asked, measured on the delivered file itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, minimum_filter

from pipeline.colour import delta_e00, srgb_to_lab
from pipeline.image import Cutout, Placed, Rgb
from pipeline.palette import compare_palette
from pipeline.rules import check_rules, reopen
from pipeline.spec import Spec

#: Longest side of the reduced picture on which colours are clustered, pixels.
_PALETTE_SIDE = 192
#: Most pixels whose fidelity is computed; above, an even sample of the mask stands for it.
_FIDELITY_PIXELS = 400_000
#: The mask is eroded by this many pixels: nearer the edge the colour is blended with the background by design.
_EDGE = 2


def inspect(
    delivered: bytes,
    *,
    spec: Spec,
    placed: Placed,
    background: Rgb | None,
    cutout: Cutout,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Measure a delivered file and return the JSON-ready report: palette, fidelity, preset, cutout, provenance.

    `placed` is the product as it was laid on the canvas; `background` what was painted behind it, shadow included
    (H×W×3 sRGB in [0, 1]), None for a transparent picture. Colours are CIEDE2000 on the file decoded again, so the
    encoder's share of the error is in every figure.

    Raises ValueError where the file's size is not the canvas's.
    """
    file = reopen(delivered)
    if file.rgb.shape[:2] != placed.alpha.shape:
        raise ValueError(f"The file is {file.rgb.shape[:2]}, the canvas {placed.alpha.shape} (rows, columns).")
    return {
        "palette": _palette(file.rgb, spec, placed),
        "fidelity": _fidelity(file.rgb, placed),
        "preset": check_rules(file, spec.preset, placed, background),
        "cutout": {"confidence": round(float(cutout.confidence), 4), "warnings": list(cutout.warnings)},
        "provenance": dict(provenance),
    }


def _palette(rgb: NDArray[np.uint8], spec: Spec, placed: Placed) -> dict[str, Any]:
    """Compare the background's colours with the spec's, else with the scene's own; white presets ask for white."""
    if spec.preset.background == "transparent":
        return {"asked": [], "found": [], "mean_delta_e00": None}
    own = ("#ffffff",) if spec.preset.background == "white" else spec.palette or spec.scene.palette
    height, width = placed.alpha.shape
    step = max(1, -(-max(height, width) // _PALETTE_SIDE))
    rows, columns = height // step, width // step
    # block means and not single pixels: grain is not a colour of the background
    means = Image.fromarray(rgb[: rows * step, : columns * step]).reduce(step)
    small = np.asarray(means, dtype=np.float32) / np.float32(255.0)
    covered = placed.alpha[: rows * step, : columns * step].reshape(rows, step, columns, step).max(axis=(1, 3))
    outside = ~binary_dilation(covered >= 0.01)
    return compare_palette(small[outside], own)


def _fidelity(rgb: NDArray[np.uint8], placed: Placed) -> dict[str, Any]:
    """Compare the product inside its eroded mask with what was laid on the canvas.

    `pixels` is how many were compared and `of_pixels` how many the mask holds: above 400 000 an even sample is taken.
    """
    left, top, right, bottom = placed.box
    opaque = (placed.alpha[top:bottom, left:right] >= 0.999).astype(np.uint8)
    inside = np.flatnonzero(minimum_filter(opaque, size=2 * _EDGE + 1, mode="constant", cval=0))
    chosen = inside[:: max(1, -(-len(inside) // _FIDELITY_PIXELS))]
    report: dict[str, Any] = {"mean": None, "p99": None, "max": None, "unit": "CIEDE2000"}
    if len(chosen):
        rows, columns = np.divmod(chosen, right - left)
        laid = placed.rgb[top:bottom, left:right][rows, columns]
        arrived = rgb[top:bottom, left:right][rows, columns].astype(np.float32) / np.float32(255.0)
        error = delta_e00(srgb_to_lab(laid), srgb_to_lab(arrived))
        report["mean"] = round(float(error.mean()), 3)
        report["p99"] = round(float(np.quantile(error, 0.99)), 3)
        report["max"] = round(float(error.max()), 3)
    return report | {"pixels": len(chosen), "of_pixels": len(inside)}
