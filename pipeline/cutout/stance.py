"""The stance of a product in its photo: standing, lying, hanging or cut off below. And the pose of the camera.

A network (`pipeline.cutout.viewpoint`) classifies whether the product stands, was photographed from above or is held,
and how high the camera was. In doubt Backdrop claims nothing. It then shows the scene as asked, with the warning
`placement_unsure`. The outline shows only whether the product hangs from a hook, how its base recedes, and
where its feet are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.order import StanceWord
from pipeline.core.resample import resize, tight_box
from pipeline.core.spec import Spec
from pipeline.core.types import Alpha, Cutout
from pipeline.cutout.viewpoint import RIGHT_ANGLE, is_held
from pipeline.geometry.contact import NOTCH, feet, lowest_points, receding_base
from pipeline.placement.adjust import FULL_BOX, Outline
from pipeline.placement.facts import CutoutFacts, StanceName, suited
from pipeline.placement.place import Place
from pipeline.placement.plan import accepted, placed

#: Longer side in pixels of the examined silhouette.
SIDE = 400
#: A hook is at most this share of the product's width, over at least this share of its height from the top. If the
#: photo crops it, half of that height is enough. Below it come shoulders of at least this width, within this share of
#: the height. The hook is near the middle. Chosen on all photos, because only two show a hanger. No other photo passes.
HOOK_WIDE, HOOK_TALL = 0.065, 0.05
SHOULDERS, SHOULDERS_WITHIN = 0.5, 0.15
HOOK_MIDDLE = 0.17
#: Minimum probabilities at which a viewpoint of `Cutout.viewpoint` counts; below them Backdrop claims nothing.
#: `models/viewpoint/README.md` reports how they were chosen and how accurate they are.
SURE_ABOVE, SURE_SIDE, SURE_GARMENT = 0.6, 0.75, 0.9
#: Least probability of "above", and least elevation in degrees, at which scenes are shown from there. Eight of ten
#: folds chose them, on 255 open photos labelled by eye: from up to 60 degrees, or from 75 up. A wrong turn costs twice.
TURNED, TURNED_FROM = 0.97, 55.0
#: Slope of the view onto a lying product, the camera's height over its distance: 30 degrees. Assumed where neither its
#: base nor a network shows it.
OBLIQUE = 0.58
Mask = NDArray[np.bool_]
NOBODY_LOOKED: Mapping[str, float] = MappingProxyType({})
#: Longer side in pixels of the examined silhouette.
POSE_SIDE = 512
#: Steepest angle, in degrees, at which a scene shows its surface: above it there is no horizon.
STEEPEST_PITCH = 45.0
#: Error of a network's elevation, in degrees. A foot that rises higher than a base as deep as it is wide does at this
#: more than the elevation is a part that overhangs.
DOUBT = 8.0


@dataclass(frozen=True)
class CameraPose:
    """The camera's pose towards the ground under the product; all 0 where the photo does not show it."""

    #: Rise in the picture from the foot up to the hidden far corner of its base, in product widths.
    base_rise: float = 0.0
    #: The camera's height above the foot divided by its distance.
    pitch_slope: float = 0.0
    #: Each foot's place from the product's left, and its rise from the lowest foot, in product widths.
    feet: tuple[tuple[float, float], ...] = ()


UNKNOWN_POSE = CameraPose()


def facts_of(cutout: Cutout, word: StanceWord = "auto") -> CutoutFacts:
    """Return the facts that decide where a cut-out goes: the caller's stance or, for auto, a guess.

    Takes a few milliseconds at any size.
    """
    guessed = guess(cutout.alpha, cutout.cut_sides, cutout.viewpoint)
    left, top, right, bottom = tight_box(cutout.alpha > 0.5) or (0, 0, 1, 1)
    x, y = cutout.origin
    box = left + x, top + y, right + x, bottom + y
    return replace(guessed, aspect=(right - left) / (bottom - top), box=box).said(word)


def place_cutout(cutout: Cutout, spec: Spec, width: int, height: int) -> Place:
    """Return the place of a cut-out on a spec's width×height canvas.

    Raises NoHonestPlacement.
    """
    outline = Outline.of(cutout.alpha) if spec.placement.moves else FULL_BOX
    return accepted(placed(spec, facts_of(cutout, spec.placement.stance), width, height, outline))


def guess(alpha: Alpha, cut_sides: tuple[str, ...] = (), viewpoint: Mapping[str, float] = NOBODY_LOOKED) -> CutoutFacts:
    """Return the stance in the photo of the product of an H×W alpha, which the photo crops at `cut_sides`.

    `viewpoint`: as `Cutout.viewpoint`. Limp clothing hangs, as from a hook. A product that could not stand as seen lies
    at a slant. If that is certain, it was seen from above. A product that stands was seen from the side. A product
    cropped at the top can only stand in a picture whose top edge it reaches, so its angle is left open.
    """
    elevation = RIGHT_ANGLE * viewpoint["elevation"] if "elevation" in viewpoint else None
    above, side = (viewpoint.get(name, 0.0) >= sure for name, sure in (("above", SURE_ABOVE), ("side", SURE_SIDE)))
    hook = not side and "bottom" not in cut_sides and has_hook(_silhouette(alpha), cut="top" in cut_sides)
    if hook or viewpoint.get("garment", 0.0) >= SURE_GARMENT:
        return CutoutFacts("hanging", suited("hanging", None), cut_sides, elevation=elevation)
    held = is_held(viewpoint)
    # If the photo crops the arm, the hand can hold it at that edge. Without an arm it would stand with fingers on it.
    forbids = viewpoint.get("above", 0.0) >= TURNED and elevation is not None and elevation >= TURNED_FROM
    if forbids or (held and not set(cut_sides) - {"top"}):
        return CutoutFacts("lying", suited("lying", "above"), cut_sides, held=held, elevation=elevation)
    if above:
        return CutoutFacts("lying", suited("lying", None), cut_sides, held=held, unsure=True, elevation=elevation)
    name: StanceName = "cut_below" if "bottom" in cut_sides else "standing"
    suits = suited(name, "side" if side and "top" not in cut_sides else None)
    unsure = bool(viewpoint) and not side
    return CutoutFacts(name, suits, cut_sides, held=held, unsure=unsure, elevation=elevation)


def pose_of(alpha: Alpha, facts: CutoutFacts) -> CameraPose:
    """Return the camera pose that the base of a product, H×W alpha, shows; UNKNOWN_POSE without a visible base."""
    pose = camera_pose(alpha, facts.elevation) if facts.stance == "standing" or facts.lies else UNKNOWN_POSE
    if not facts.lies:
        return pose
    left, top, right, bottom = tight_box(alpha > 0.5) or (0, 0, 1, 1)
    return CameraPose((bottom - top) / (right - left), pose.pitch_slope or OBLIQUE, pose.feet)


def _silhouette(alpha: Alpha) -> Mask:
    """Return the solid part of an H×W alpha, h×w within its tight box, its longer side at most SIDE pixels."""
    height, width = alpha.shape
    scale = min(1.0, SIDE / max(height, width))
    grid = max(2, round(width * scale)), max(2, round(height * scale))
    solid = np.asarray(resize(alpha, *grid, Image.Resampling.BOX) > 0.5)
    left, top, right, bottom = tight_box(solid) or (0, 0, 1, 1)
    return solid[top:bottom, left:right]


def has_hook(solid: Mask, *, cut: bool = False) -> bool:
    """Return whether a tight h×w silhouette hangs from a hook, as on a hanger; `cut`: the photo crops its top."""
    height, width = solid.shape
    ends = width - solid[:, ::-1].argmax(axis=1)
    spans = np.where(solid.any(axis=1), ends - solid.argmax(axis=1), 0) / width
    tall = int(np.argmax(spans > HOOK_WIDE))
    if tall < HOOK_TALL * height * (0.5 if cut else 1.0):
        return False
    middle = np.nonzero(solid[:tall])[1].mean() / width
    shoulders = spans[tall : tall + max(1, round(SHOULDERS_WITHIN * height))]
    return abs(float(middle) - 0.5) < HOOK_MIDDLE and bool((shoulders > SHOULDERS).any())


def camera_pose(alpha: Alpha, elevation: float | None) -> CameraPose:
    """Return the pose from a product's H×W alpha and the camera's `elevation`, degrees; UNKNOWN_POSE without either.

    A base is assumed to be as deep as it is wide. In the picture it spans the sine of the elevation times its width.
    All columns that end in the lower half of that span are on it. It also reaches its edges and its highest foot, which
    raises the camera by at most DOUBT, because with too low a camera that foot hovers. The slopes of the edges don't:
    of the 24 of 665 photos (ECSSD) in which they asked for 10 degrees more, 22 show no such base.
    """
    height, width = alpha.shape
    scale = min(1.0, POSE_SIDE / max(height, width))
    grid = max(2, round(width * scale)), max(2, round(height * scale))
    small = np.clip(resize(alpha, *grid, Image.Resampling.BOX), 0, 1)
    box = tight_box(small > 0.5)
    if box is None or elevation is None:
        return UNKNOWN_POSE
    wide = box[2] - box[0]
    lowest, columns = lowest_points(small)
    rise = (box[3] - lowest) / wide
    angle, most = np.deg2rad(np.clip([elevation, max(0.0, elevation) + DOUBT], 0, STEEPEST_PITCH))
    based = np.count_nonzero(columns & (rise <= np.sin(angle) / 2)) / wide
    edges = rise[(receding_base(lowest, columns, box) > 0) & (rise <= np.sin(most))]
    stood = [x for x, _ in feet(lowest, columns, NOTCH * wide) if rise[x] <= np.sin(most)]
    highest = float(rise[stood].max())
    base = max(float(np.sin(angle)) * based, highest, float(edges.max(initial=0)))
    spots = tuple(((x + 0.5 - box[0]) / wide, float(rise[x])) for x in stood)
    return CameraPose(base, float(np.tan(max(angle, np.arcsin(highest)))), spots)
