"""Figures of a cut-out against a true alpha: errors of the matte, its holes, and its halo on other backgrounds.

All alphas are H×W float32 in [0, 1], all pictures H×W×3 sRGB.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, distance_transform_edt, label

from benchmarks.picture.rivals import whole
from pipeline.colour.spaces import delta_e00, linear_to_srgb, srgb_to_lab, srgb_to_linear
from pipeline.compositing.composite import composite
from pipeline.core.types import Alpha, Cutout, Photo, Placed, Rgb, Rgb8

#: Half the width of the band around the true edge, as a share of the longer side.
BAND = 0.01
#: Enclosed background below this alpha is a hole; it counts from this share of the product's area on.
HOLE_ALPHA, HOLE_AREA = 0.1, 0.0005


def edge_band(truth: Alpha) -> NDArray[np.bool_]:
    """Return the pixels whose centre is within 1 % of the longer side from the boundary of alpha > 0.5.

    The boundary runs between pixels. The picture's border is no edge.
    """
    product = truth > 0.5
    if product.all() or not product.any():
        return np.zeros_like(product)
    # One of both distances is 0. A pixel's centre is half a pixel from its side.
    distance = distance_transform_edt(product) + distance_transform_edt(~product) - 0.5
    return np.asarray(distance <= BAND * max(truth.shape), bool)


def matte_errors(alpha: Alpha, truth: Alpha, band: NDArray[np.bool_]) -> dict[str, float]:
    """Return madb (mean |error| ×1000 in the band), sad (sum of |error| / 1000), mse ×1000, mae ×1000, iou at 0.5."""
    error = np.abs(alpha - truth)
    own, theirs = alpha > 0.5, truth > 0.5
    return {
        "madb": 1000 * float(error[band].mean()) if band.any() else 0.0,
        "sad": float(error.sum(dtype=np.float64)) / 1000,
        "mse": 1000 * float(np.square(error).mean(dtype=np.float64)),
        "mae": 1000 * float(error.mean(dtype=np.float64)),
        "iou": float((own & theirs).sum() / max(1, int((own | theirs).sum()))),
    }


def enclosed_holes(truth: Alpha) -> NDArray[np.bool_]:
    """Return background that the product encloses: areas below HOLE_ALPHA that don't touch the picture's border."""
    labels, count = label(truth < HOLE_ALPHA)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    kept = areas >= HOLE_AREA * (truth > 0.5).sum()
    kept[0] = False
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        kept[side] = False
    return np.asarray(kept[labels], bool)


def open_share(alpha: Alpha, holes: NDArray[np.bool_]) -> float:
    """Return the share of the holes' pixels that a cut-out leaves open (alpha below 0.5)."""
    return float((alpha[holes] < 0.5).mean())


def true_colours(photo: Photo, truth: Alpha) -> Rgb:
    """Return H×W×3 sRGB foreground colours for the true alpha.

    They are estimated in linear light by multi-level foreground estimation (Germer et al., "Fast Multi-Level Foreground
    Estimation", ICPR 2020; pymatting). Where the true alpha is 1 they are the photo's own.
    """
    from pymatting import estimate_foreground_ml

    light = srgb_to_linear(photo.rgb.astype(np.float32) / 255)
    found = estimate_foreground_ml(light.astype(np.float64), truth.astype(np.float64))
    return np.where((truth >= 1)[..., None], photo.rgb.astype(np.float32) / 255, linear_to_srgb(found))


def halo(
    photo: Photo, truth: Alpha, cutout: Cutout, plain: NDArray[np.uint8], backgrounds: Sequence[Rgb8]
) -> dict[str, float]:
    """Return mean CIEDE2000 from the true composite, of Backdrop and plain rembg, at the soft edge and in the 1 % band.

    The true composite and Backdrop's are made in linear light by `pipeline.compositing.composite`. The plain one is
    Pillow's paste with the cut-out as its own mask. The soft edge is where the true alpha is in (0.02, 0.98), grown by
    2 pixels. `backgrounds` have the photo's size; values are means over them.
    """
    soft = binary_dilation((truth > 0.02) & (truth < 0.98), iterations=2)
    band = edge_band(truth)
    either = soft | band
    alpha, rgb = whole(cutout, photo)
    exact = _column(true_colours(photo, truth)[either], truth[either])
    own = _column(rgb[either], alpha[either])
    pasted = Image.fromarray(plain[either][:, None])
    sums = dict.fromkeys(("own_soft", "plain_soft", "own_band", "plain_band"), 0.0)
    for background in backgrounds:
        behind = background[either][:, None]
        light = behind.astype(np.float32) / 255
        naive = Image.fromarray(behind)
        naive.paste(pasted, mask=pasted)
        wanted = srgb_to_lab(composite(exact, light.copy()))
        got: dict[str, Rgb] = {
            "own": composite(own, light.copy()),
            "plain": np.asarray(naive, np.float32) / np.float32(255),
        }
        for name, picture in got.items():
            difference = delta_e00(srgb_to_lab(picture), wanted)[:, 0]
            sums[f"{name}_soft"] += float(difference[soft[either]].mean())
            sums[f"{name}_band"] += float(difference[band[either]].mean())
    return {name: total / len(backgrounds) for name, total in sums.items()}


def _column(rgb: NDArray[np.float32], alpha: NDArray[np.float32]) -> Placed:
    """Return N chosen pixels as a picture of one column, for the composite."""
    return Placed(rgb[:, None], np.ascontiguousarray(alpha[:, None]), (0, 0, 1, len(alpha)), 1.0)
