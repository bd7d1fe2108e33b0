"""Scenes composed: a spec becomes a layout, one short method for each kind of place.

The asked colours go to the surfaces that have them (`pipeline.scene.surfaces`), what is left to stand, panel and
props, each on enough of the picture to be seen; the others take tones of them (`pipeline.colour.harmony`). The seed
chooses among a designer's variants: which stand, which panel, which props and where, how far the wall, how high the
camera, the light's exact direction.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.assignment import Assignment
from pipeline.colour.gamuts import Lab
from pipeline.core.spec import Spec
from pipeline.cutout.camera_pose import UNKNOWN_POSE, CameraPose
from pipeline.placement.camera import TOP_DOWN
from pipeline.placement.fit import fit
from pipeline.scene.layout import FOCAL, Layout, Lens
from pipeline.scene.rig import rig
from pipeline.scene.sets import WALLS, SetBuilder
from pipeline.scene.surfaces import assigned_to
from pipeline.scene.trace import trace

#: An asked colour's least share of the picture around the product, and how many compositions are tried for it.
MIN_SHARE = 0.028
#: The most of that picture that leaves, stones and what else has a natural colour may have: they are not asked for.
MOST_NATURAL = 0.04
TRIES = 12
#: Pixels across that they are looked at with.
SAMPLE = 96
#: The highest that a camera is raised to meet the photo's, canvas heights above the foot.
HIGHEST = 1.2

#: Where the floor is under what hangs: as if it stood so far down, canvas heights. By eye.
HUNG_FLOOR = 1.0


def compose(
    spec: Spec,
    width: int,
    height: int,
    product_aspect: float = 1.0,
    *,
    stands: bool = True,
    light_side: float | None = None,
    pose: CameraPose = UNKNOWN_POSE,
    box: tuple[float, float, float, float] | None = None,
    product: Lab | None = None,
) -> Layout:
    """Lay the scene out for a canvas of width×height pixels and a product of that width over height.

    One that does not stand (`stands`), since it is cut below or hangs, has nothing put around its foot; what hangs has
    the floor well below it. `light_side`: negative, the key light comes from the left, positive from the right; None
    leaves it to the seed. `pose`: how the photo sees the product's base; the camera is raised to meet it. `box`: where
    the product goes, pixels; None: where `pipeline.placement.fit` puts what is whole. `product`: (3,) Lab, its mean
    colour, where it is known: what is behind it is another one, if the palette has one.

    Where an asked colour has too little of the picture that the product leaves free, or natural colours have too much,
    the next of the seed's compositions is tried; of TRIES the best is taken.
    """
    if box is None:
        top_down = spec.scene.kind in TOP_DOWN
        box = fit(spec.preset, product_aspect, width, height, top_down=top_down, stands=stands)
    plan = assigned_to(spec, product)
    natural = set(plan.natural.values())
    best, best_score = None, -np.inf
    for attempt in range(TRIES):
        rng = np.random.default_rng([spec.seed, attempt])
        layout = _composed(spec, plan, width, height, box, stands, light_side, pose, rng)
        shares = part_shares(layout)
        beyond = sum(share for part, share in zip(layout.parts, shares, strict=True) if part.slot in natural)
        score = min(0.0, min_share(layout, shares) - MIN_SHARE) - max(0.0, beyond - MOST_NATURAL)
        if score > best_score:
            best, best_score = layout, score
        if score == 0:
            break
    assert best is not None, "TRIES is at least 1"
    return best


def part_shares(layout: Layout) -> NDArray[np.float64]:
    """Return the share, 0–1, that each part has of the picture around the product's box."""
    width, height = sampled(layout)
    part = trace(layout, width, height).part
    left, top, right, bottom = layout.product
    x = (np.arange(width) + 0.5) * (layout.aspect / width)
    y = (np.arange(height) + 0.5) / height
    free = (x < left) | (x > right) | ((y < top) | (y > bottom))[:, None]
    return np.bincount(part[free], minlength=len(layout.parts)) / max(1, int(free.sum()))


def min_share(layout: Layout, shares: NDArray[np.float64]) -> float:
    """Return the share, 0–1, of the least present asked colour, by the `part_shares` of a layout."""
    if layout.kind == "bokeh":
        # Its lights are drawn, on as much of the picture as they need.
        return 1.0
    # A glowing tube is seen white, so it shows none of the colours.
    slots = [len(layout.colours) if part.role == "tube" else part.slot for part in layout.parts]
    return float(np.bincount(slots, shares, layout.asked)[: layout.asked].min())


def sampled(layout: Layout) -> tuple[int, int]:
    """Return the width and height in pixels that a layout is looked at with."""
    width = max(16, round(SAMPLE * min(1.0, layout.aspect)))
    return width, max(16, round(width / layout.aspect))


def _composed(
    spec: Spec,
    plan: Assignment,
    width: int,
    height: int,
    box: tuple[float, float, float, float],
    stands: bool,
    light_side: float | None,
    pose: CameraPose,
    rng: np.random.Generator,
) -> Layout:
    aspect = width / height
    kind = spec.scene.kind
    left, top, right, bottom = (side / height for side in box)
    if not stands and kind not in TOP_DOWN:
        bottom = max(bottom, HUNG_FLOOR)
    nearest, farthest = WALLS[kind]
    wall = float(rng.uniform(farthest, nearest))
    angle = spec.mood.light_angle * (1 if rng.random() < 0.6 else -1) + float(rng.uniform(-9, 9))
    if light_side is not None:
        # Only the sign: the seed's other choices stay what they were.
        angle = abs(angle) if light_side > 0 else -abs(angle)
    # The higher the camera, the more of the surface is seen; a tall canvas has room for it below.
    high = float(rng.uniform(0.34, 0.5)) * (1.15 if kind in ("sand", "bokeh") else 1.0)
    base = 0.0
    if pose.pitch_slope > 0 and kind not in TOP_DOWN and stands:
        # Where the sky is to be seen the horizon is no higher than the picture: dunes end before it.
        high = max(high, min(bottom if kind == "sand" else HIGHEST, pose.pitch_slope * FOCAL))
        rise = min(pose.base_rise * (right - left), 0.55 * high)
        base = FOCAL * rise / (high - rise)
        wall = min(wall, -(base + 0.55 * (right - left) + 0.15))
    empty = Layout(
        kind=kind,
        aspect=aspect,
        horizon_y=bottom - high,
        product=(left, top, right, bottom),
        colours=plan.colours,
        asked=plan.asked,
        parts=(),
        rig=rig(kind, spec.mood, wall, angle, rng),
        light_side=float(np.sin(np.deg2rad(angle))),
        softness=spec.mood.softness,
        seed=spec.seed,
        base=base,
        lens=Lens(spec.mood.depth_of_field, spec.mood.vignette, spec.mood.grain),
    )
    place = SetBuilder(spec, plan, empty, wall, rng, furnished=stands)
    return getattr(place, kind)()  # type: ignore[no-any-return]  # one method for each SceneKind but white
