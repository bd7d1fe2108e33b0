"""Compose scenes: a spec becomes a layout, by one short method for each kind of scene.

The asked colours go to the surfaces that have them (`pipeline.scene.surfaces`). The other asked colours go to stand,
panel and props, each large enough to be visible. Other surfaces get tones of them (`pipeline.colour.harmony`). The seed
chooses among a designer's variants: the stand, the panel, the props and their places, the wall's distance, the camera's
height, the light's direction.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.asked import asked_colours
from pipeline.colour.assignment import Assignment
from pipeline.colour.gamuts import Lab
from pipeline.core.spec import Spec
from pipeline.cutout.stance import UNKNOWN_POSE, CameraPose
from pipeline.placement.camera import TOP_DOWN
from pipeline.placement.fit import fit
from pipeline.placement.frame import copy_room
from pipeline.scene.footing import Spot, hovering, spots
from pipeline.scene.layout import FOCAL, Layout, Lens
from pipeline.scene.places import chosen, seen_colour, view_of
from pipeline.scene.rig import asked_softness, rig
from pipeline.scene.sets import WALLS, SetBuilder
from pipeline.scene.surfaces import assigned_to
from pipeline.scene.trace import trace

#: Minimum share of an asked colour in the picture around the product, and number of compositions to try for it.
MIN_SHARE = 0.028
#: Maximum share of that picture in natural colours, such as leaves and stones, because they were not asked for.
MOST_NATURAL = 0.04
TRIES = 12
#: Width in pixels of the picture that measures these shares.
SAMPLE = 96
#: Maximum height of a camera raised to match the photo's, in canvas heights above the foot.
HIGHEST = 1.2
#: Least height of a camera that matches a photo's, relative to the seed's.
LEVEL = 0.75
#: Least and greatest height of a camera that follows a reference's horizon, in the same unit.
HEIGHTS = (0.25, 0.8)

#: Wall behind a product that hangs flat against it, z in canvas heights: near enough to be sharp, behind all folds.
HUNG_WALL = -0.15
#: Least distance of the floor below a hanging product, and from the picture's top, in canvas heights. Chosen by eye.
HUNG_OVER, HUNG_FLOOR = 0.08, 0.94


def compose(
    spec: Spec,
    width: int,
    height: int,
    product_aspect: float = 1.0,
    *,
    stands: bool = True,
    hangs: bool = False,
    light_side: float | None = None,
    pose: CameraPose = UNKNOWN_POSE,
    box: tuple[float, float, float, float] | None = None,
    product: Lab | None = None,
    horizon: float | None = None,
) -> Layout:
    """Compose the scene for a canvas of width×height pixels and a product of that width over height.

    `stands`: false for a product cropped below or hanging. It gets nothing around its foot. `hangs`: it hangs flat
    against the wall, above the floor. `light_side`: negative, the key light comes from the left, positive from the
    right; None: the seed decides. `pose`: the photo's view of the product's base; the camera is raised to match it.
    `box`: the product's box, pixels; None: the place that `pipeline.placement.fit` gives an uncropped product.
    `product`: (3,) Lab, its mean colour, where it is known. Its background gets another colour, if the palette has
    another. `horizon`: wished for, canvas heights from the top, within HEIGHTS of the camera; None: the seed decides.

    An asked colour may have too small a share of the picture around the product, or natural colours too large a share.
    Things may be in the room for copy, or a foot may hover (`pipeline.scene.footing`). Then the seed's next composition
    is tried. The best of TRIES wins.
    """
    if box is None:
        top_down = spec.scene.kind in TOP_DOWN
        box = fit(spec.preset, product_aspect, width, height, top_down=top_down, stands=stands, frame=spec.frame)
    plan = assigned_to(spec, product)
    natural = {*plan.natural.values(), plan.as_is}
    best, best_score = None, -np.inf
    for attempt in range(TRIES):
        rng = np.random.default_rng([spec.seed, attempt])
        layout = _composed(spec, plan, width, height, box, stands, hangs, light_side, pose, rng, horizon)
        shares = part_shares(layout)
        beyond = sum(share for part, share in zip(layout.parts, shares, strict=True) if part.slot in natural)
        score = min(0.0, min_share(layout, shares) - MIN_SHARE) - max(0.0, beyond - MOST_NATURAL) - crowded(layout)
        score -= hovering(layout, layout.feet)
        if score > best_score:
            best, best_score = layout, score
        if score == 0 or hangs:  # around a product that hangs is nothing to vary
            break
    assert best is not None, "TRIES is at least 1"
    return best


def part_shares(layout: Layout) -> NDArray[np.float64]:
    """Return each part's share, 0–1, of the picture around the product's box."""
    width, height = sampled(layout)
    part = trace(layout, width, height).part
    left, top, right, bottom = layout.product
    x = (np.arange(width) + 0.5) * (layout.aspect / width)
    y = (np.arange(height) + 0.5) / height
    free = (x < left) | (x > right) | ((y < top) | (y > bottom))[:, None]
    return np.bincount(part[free], minlength=len(layout.parts)) / max(1, int(free.sum()))


def crowded(layout: Layout) -> float:
    """Return the share, 0–1, of the room for copy that is not on its largest surface; 0 where there is no such room."""
    if layout.copy_room is None:
        return 0.0
    width, height = sampled(layout)
    left, top, right, bottom = (round(side * height) for side in layout.copy_room)
    part = trace(layout, width, height).part[top : max(bottom, top + 1), left : max(right, left + 1)]
    return 1 - float(np.bincount(part.ravel()).max()) / part.size


def min_share(layout: Layout, shares: NDArray[np.float64]) -> float:
    """Return the share, 0–1, of the least present asked colour, by the `part_shares` of a layout."""
    # A glowing tube looks white, so it shows none of the colours.
    slots = [len(layout.colours) if part.role == "tube" else part.slot for part in layout.parts]
    return float(np.bincount(slots, shares, layout.asked)[: layout.asked].min())


def sampled(layout: Layout) -> tuple[int, int]:
    """Return the width and height in pixels at which a layout's shares are measured."""
    width = max(16, round(SAMPLE * min(1.0, layout.aspect)))
    return width, max(16, round(width / layout.aspect))


def _composed(
    spec: Spec,
    plan: Assignment,
    width: int,
    height: int,
    box: tuple[float, float, float, float],
    stands: bool,
    hangs: bool,
    light_side: float | None,
    pose: CameraPose,
    rng: np.random.Generator,
    horizon: float | None = None,
) -> Layout:
    aspect = width / height
    kind = spec.scene.kind
    left, top, right, bottom = (side / height for side in box)
    nearest, farthest = WALLS[kind]
    wall = float(rng.uniform(farthest, nearest))
    if hangs:
        # A curtain fills the picture, unless its floor has a colour that the caller asked for.
        bare = kind == "curtain" and not (asked_colours(spec).by_caller and plan.surfaces["floor"] < plan.asked)
        bottom, wall = 1.2 if bare else max(bottom + HUNG_OVER, HUNG_FLOOR), HUNG_WALL
    elif not stands and kind not in TOP_DOWN:
        bottom = max(bottom, 1.0)
    angle = spec.mood.light_angle * (1 if rng.random() < 0.6 else -1) + float(rng.uniform(-9, 9))
    if light_side is None and spec.frame.copy_space in ("left", "right"):
        # Shadows fall away from the copy.
        light_side = -1.0 if spec.frame.copy_space == "left" else 1.0
    if light_side is not None:
        # Change only the sign, so that the seed's other choices stay the same.
        angle = abs(angle) if light_side > 0 else -abs(angle)
    asked, falls = asked_softness(spec.shadow), spec.shadow.shadow_direction
    # A higher camera shows more of the surface; a tall canvas has room for it below.
    by_caller = asked_colours(spec).by_caller
    high = float(rng.uniform(0.34, 0.5)) * (1.15 if kind in ("sand", "bokeh") else 1.0)
    if horizon is not None:
        high = float(np.clip(bottom - horizon, *HEIGHTS))
    base = 0.0
    feet: tuple[Spot, ...] = ()
    if (pose.feet or pose.pitch_slope > 0) and kind not in TOP_DOWN and stands:
        # Keep the horizon within a picture that shows sky: dunes end before it.
        least = high if horizon is not None else LEVEL * high
        high = max(least, min(bottom if kind == "sand" else HIGHEST, pose.pitch_slope * FOCAL))
        feet = spots(pose, (left, top, right, bottom))
        rise = min(pose.base_rise * (right - left), 0.55 * high)
        base = FOCAL * rise / (high - rise)
        wall = min(wall, -(base + 0.55 * (right - left) + 0.15))
    room = copy_room(spec.frame)
    place = chosen(spec.scene.far, float(np.sin(np.deg2rad(angle))), rng) if kind == "bokeh" else None
    view = (
        None
        if place is None
        else view_of(*place, spec.mood, plan.colours[: plan.asked] if by_caller else (), rng, calm=room is not None)
    )
    colours = plan.colours if view is None or place is None else (*plan.colours, seen_colour(place[0], view))
    empty = Layout(
        kind=kind,
        aspect=aspect,
        horizon_y=bottom - high,
        product=(left, top, right, bottom),
        colours=colours,
        asked=plan.asked,
        parts=(),
        rig=rig(kind, spec.mood, wall, angle, rng, spec.shadow, place),
        light_side=float(np.sin(np.deg2rad(angle if falls is None else falls + 180))),
        softness=spec.mood.softness if asked is None else asked,
        seed=spec.seed,
        base=base,
        feet=feet,
        view=view,
        lens=Lens(spec.mood.depth_of_field, spec.mood.vignette, spec.mood.grain),
        kept=None if room is None else (room[0] * aspect, room[1], room[2] * aspect, room[3]),
    )
    builder = SetBuilder(spec, plan, empty, wall, rng, furnished=stands, hangs=hangs)
    return getattr(builder, kind)()  # type: ignore[no-any-return]  # one method for each SceneKind but white
