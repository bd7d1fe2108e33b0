"""Scenes composed: a spec becomes a layout, one short method for each kind of place.

The asked colours fill wall, surface, stand, panel and props in their order, each on enough of the picture to be seen;
what is left takes tones of them (`pipeline.harmony`). The seed chooses among a designer's variants: which stand, which
panel, which props and where, how far the wall, how high the camera, the light's exact direction.
"""

import numpy as np

from pipeline.colour import hex_to_rgb, srgb_to_linear
from pipeline.harmony import complete, to_oklab, tone
from pipeline.layout import Layout, fit
from pipeline.rig import rig
from pipeline.scenery import WALLS, Scenery
from pipeline.spec import Spec
from pipeline.trace import trace

#: An asked colour's least share of the picture, and how many compositions are tried for it, seen at this many pixels.
LEAST_SHARE = 0.028
TRIES = 8
SAMPLE = 96


def compose(
    spec: Spec, width: int, height: int, product_aspect: float = 1.0, cut_sides: tuple[str, ...] = ()
) -> Layout:
    """Lay the scene out for a canvas of width×height pixels and a product of that width over height.

    `cut_sides`: where the photo cuts the product off. One that is cut below stands on nothing that is seen, so nothing
    is put around its foot. Where an asked colour has too little of the picture, the next of the seed's compositions is
    tried; of TRIES the best is taken.
    """
    best, most = None, -1.0
    for attempt in range(TRIES):
        layout = _composed(spec, width, height, product_aspect, cut_sides, np.random.default_rng([spec.seed, attempt]))
        share = least_share(layout)
        if share > most:
            best, most = layout, share
        if share >= LEAST_SHARE:
            break
    assert best is not None, "TRIES is at least 1"
    return best


def least_share(layout: Layout) -> float:
    """Return the share of the picture, 0–1, that the least present of the asked colours has."""
    if layout.kind == "bokeh":
        # Its lights are drawn, on as much of the picture as they need.
        return 1.0
    width = max(16, round(SAMPLE * min(1.0, layout.aspect)))
    part = trace(layout, width, max(16, round(width / layout.aspect))).part
    shares = np.bincount(np.array([thing.slot for thing in layout.parts])[part].ravel(), minlength=layout.asked)
    return float(shares[: layout.asked].min() / part.size)


def _composed(
    spec: Spec,
    width: int,
    height: int,
    product_aspect: float,
    cut_sides: tuple[str, ...],
    rng: np.random.Generator,
) -> Layout:
    aspect = width / height
    left, top, right, bottom = (side / height for side in fit(spec.preset, product_aspect, width, height, cut_sides))
    kind = spec.scene.kind
    colours = [srgb_to_linear(hex_to_rgb(colour)) for colour in (spec.palette or spec.scene.palette)]
    nearest, farthest = WALLS[kind]
    wall = float(rng.uniform(farthest, nearest))
    angle = spec.mood.light_angle * (1 if rng.random() < 0.6 else -1) + float(rng.uniform(-9, 9))
    # The higher the camera, the more of the surface is seen; a tall canvas has room for it below.
    high = float(rng.uniform(0.34, 0.5)) * (1.15 if kind in ("sand", "bokeh") else 1.0)
    empty = Layout(
        kind=kind,
        aspect=aspect,
        eye=bottom - high,
        product=(left, top, right, bottom),
        colours=(*complete(colours, 6), tone(colours[0], -2.6 if to_oklab(colours[0])[0] > 0.5 else 2.2)),
        asked=len(colours),
        parts=(),
        rig=rig(kind, spec.mood, wall, angle, rng),
        light_side=float(np.sin(np.deg2rad(angle))),
        softness=spec.mood.softness,
        contrast=spec.mood.contrast,
        exposure=spec.mood.exposure,
        warmth=spec.mood.warmth,
        seed=spec.seed,
    )
    place = Scenery(spec, empty, wall, rng, furnished="bottom" not in cut_sides)
    return getattr(place, kind)()  # type: ignore[no-any-return]  # one method for each SceneKind but white
