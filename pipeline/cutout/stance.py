"""The stance of a product in its photo: standing, lying, hanging or cut off below, and what follows.

A network that looks at the photo (`pipeline.cutout.viewpoint`) tells whether it stands there, was photographed from
above or is held, and from how high the camera looked. Where it is in doubt, nothing is claimed: the scene is shown as
asked, with the warning `placement_unsure`. The outline tells only what hangs from a hook, and how its base recedes
(`pipeline.cutout.camera_pose`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.resample import resize, tight_box
from pipeline.core.spec import Scene, SceneKind, StanceWord
from pipeline.core.types import Alpha, Cutout
from pipeline.cutout.camera_pose import UNKNOWN_POSE, CameraPose, camera_pose
from pipeline.cutout.viewpoint import RIGHT_ANGLE, is_held
from pipeline.placement.camera import CameraAngle, has_angle, seen_from
from pipeline.placement.facts import SAID, WORDS, StanceName, cuts_said, edges_in, stands_in, suited

#: Longer side in pixels of the silhouette that is looked at.
SIDE = 400
#: A hook: no wider than this share of the product's width over this share of its height from the top, half of that
#: where the photo cuts it; then shoulders, so wide within so much of the height, from a hook near the middle. Chosen on
#: all photos, since only two of them show a hanger; of the others none is taken for one.
HOOK_WIDE, HOOK_TALL = 0.065, 0.05
SHOULDERS, SHOULDERS_WITHIN = 0.5, 0.15
HOOK_MIDDLE = 0.17
#: From this probability of "side" on it is none: to the network what hangs flat was seen from above. A racing car's
#: aerial (.97) and a stick in a dessert (.53) are no hooks.
NO_HANGER = 0.5

#: A viewpoint of `Cutout.viewpoint` is believed from these probabilities on; between them nothing is claimed.
#: `models/viewpoint/README.md` says how they were chosen and what they are worth.
SURE_ABOVE, SURE_SIDE = 0.6, 0.75
#: What lies and is seen obliquely is looked down on so steeply, the camera's height over its distance, where its base
#: does not tell and no network looked: 30 degrees.
OBLIQUE = 0.58
Mask = NDArray[np.bool_]
NOBODY_LOOKED: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Stance:
    """How a product is in its photo, and what follows for its place in a picture."""

    name: StanceName
    #: Sides of the photo that cut it: any of "left", "top", "right", "bottom".
    cut_sides: tuple[str, ...] = ()
    #: How the photo sees its base.
    pose: CameraPose = UNKNOWN_POSE
    #: The network that looks at the photo is sure that the product stands and was seen from the side.
    side: bool = False
    #: The network is sure that a hand holds it.
    held: bool = False
    #: A network looked, and is sure of nothing.
    unsure: bool = False
    #: Degrees from which the camera looked down, 0 level and 90 from straight above; None: nobody looked.
    elevation: float | None = None
    #: The caller's word that it follows; auto: it is a guess.
    word: StanceWord = "auto"

    @property
    def angle(self) -> CameraAngle | None:
        """The camera angle that the photo was plainly taken from; None where nothing is plain.

        What lies was seen from above. What stands by the network's word was looked at from the side; what the photo
        cuts above can only stand in a picture that it reaches to the top of.
        """
        if self.word != "auto":
            return WORDS[self.word][1]
        if self.name == "lying":
            return "above"
        return "side" if self.side and self.name in ("standing", "cut_below") and "top" not in self.cut_sides else None

    @property
    def suits(self) -> tuple[SceneKind, ...]:
        """The kinds of scene that it looks right in as they are, in their usual order."""
        return suited(self.name, self.angle)

    def refused_in(self, kind: SceneKind) -> str | None:
        """Return why there is no honest placement in a scene of that kind, for a person; None where there is one."""
        turned = self._turned(kind)
        if turned is None or has_angle(kind, turned):
            return None
        how = "In the photo the product hangs" if self.name == "hanging" else "The product was photographed from above"
        if self.word != "auto":
            how = SAID[self.word]
        elif self.held:
            how = "In the photo a hand holds the product, so it stands on nothing"
        return (
            f"{how}, and this scene is what is far behind it: of that nothing is left seen from above. A table, a"
            " floor, dunes, a flat lay or a white background takes it as it is."
        )

    def scene_for(self, scene: Scene) -> Scene:
        """Return the scene as the photo sees the product: where it does not suit, its surface from the other angle.

        Raises ValueError where `refused_in` says why there is none.
        """
        turned = self._turned(scene.kind)
        return scene if turned is None else seen_from(scene, turned)

    def _turned(self, kind: SceneKind) -> CameraAngle | None:
        """Return the angle that a scene of that kind has to be shown from instead of its own."""
        if kind in self.suits:
            return None
        return "above" if self.name == "hanging" else self.angle

    def edges(self, kind: SceneKind) -> tuple[str, ...]:
        """Return the sides of the canvas that the product goes to in a scene of that kind."""
        return edges_in(self.name, self.cut_sides, kind)

    def stands_in(self, kind: SceneKind) -> bool:
        """Tell whether the product rests on its foot in a scene of that kind, which is then seen and mirrored."""
        return stands_in(self.name, kind)


def stance_of(cutout: Cutout, word: StanceWord = "auto") -> Stance:
    """Return how a cut-out's product is in its photo, by the caller's word or, where that is auto, by a guess.

    A few milliseconds, whatever its size.
    """
    if word == "auto":
        return stance(cutout.alpha, cutout.cut_sides, cutout.viewpoint)
    elevation = _elevation(cutout.viewpoint)
    pose = camera_pose(cutout.alpha, elevation) if word in ("standing", "lying") else UNKNOWN_POSE
    if word == "lying":
        pose = CameraPose(1 / cutout.aspect, pose.pitch_slope or OBLIQUE)
    return Stance(WORDS[word][0], cuts_said(word, cutout.cut_sides), pose, elevation=elevation, word=word)


def stance(alpha: Alpha, cut_sides: tuple[str, ...] = (), viewpoint: Mapping[str, float] = NOBODY_LOOKED) -> Stance:
    """Return how the product of an H×W alpha, which the photo cuts at `cut_sides`, is in its photo.

    `viewpoint`: as `Cutout.viewpoint`.
    """
    elevation = _elevation(viewpoint)
    above, side = (viewpoint.get(name, 0.0) >= sure for name, sure in (("above", SURE_ABOVE), ("side", SURE_SIDE)))
    if not side and "bottom" not in cut_sides and has_hook(_silhouette(alpha), cut="top" in cut_sides):
        return Stance("hanging", cut_sides, elevation=elevation)
    held = is_held(viewpoint)
    # A hand whose arm the photo cuts may hold it at that edge; without its arm it would stand with fingers on it.
    if above or (held and not set(cut_sides) - {"top"}):
        return Stance("lying", cut_sides, held=held, elevation=elevation)
    unsure = bool(viewpoint) and not side
    if "bottom" in cut_sides:
        return Stance("cut_below", cut_sides, UNKNOWN_POSE, side, held, unsure, elevation)
    pose = UNKNOWN_POSE if unsure else camera_pose(alpha, elevation)
    return Stance("standing", cut_sides, pose, side, held, unsure, elevation)


def _elevation(viewpoint: Mapping[str, float]) -> float | None:
    """Return the degrees from which a network sees that the camera looked down; None where none looked."""
    return RIGHT_ANGLE * viewpoint["elevation"] if "elevation" in viewpoint else None


def _silhouette(alpha: Alpha) -> Mask:
    """Return what is solid of an H×W alpha, h×w within its tight box, its longer side SIDE pixels at most."""
    height, width = alpha.shape
    scale = min(1.0, SIDE / max(height, width))
    grid = max(2, round(width * scale)), max(2, round(height * scale))
    solid = np.asarray(resize(alpha, *grid, Image.Resampling.BOX) > 0.5)
    left, top, right, bottom = tight_box(solid) or (0, 0, 1, 1)
    return solid[top:bottom, left:right]


def has_hook(solid: Mask, *, cut: bool = False) -> bool:
    """Tell whether a tight h×w silhouette hangs from a hook, as on a hanger; `cut`: the photo cuts it above."""
    height, width = solid.shape
    ends = width - solid[:, ::-1].argmax(axis=1)
    spans = np.where(solid.any(axis=1), ends - solid.argmax(axis=1), 0) / width
    tall = int(np.argmax(spans > HOOK_WIDE))
    if tall < HOOK_TALL * height * (0.5 if cut else 1.0):
        return False
    middle = np.nonzero(solid[:tall])[1].mean() / width
    shoulders = spans[tall : tall + max(1, round(SHOULDERS_WITHIN * height))]
    return abs(float(middle) - 0.5) < HOOK_MIDDLE and bool((shoulders > SHOULDERS).any())
