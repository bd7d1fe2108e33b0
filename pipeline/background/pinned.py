"""A pinned background: made without the product, so that a spec has the same background for every product.

It is composed around a place with room for every product, in the light of mood and seed, and is measured around that
place. Then the product is placed there. Only its shadow and its mirror image change the background.
"""

import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import sha256
from io import BytesIO

import numpy as np

from pipeline.background.best_of import search
from pipeline.background.scene_context import SceneContext
from pipeline.background.selection import Means, Selection
from pipeline.compositing.effects import Overlay, product_effects
from pipeline.core.networks import painting
from pipeline.core.order import Dressing, Frame
from pipeline.core.spec import Spec
from pipeline.core.types import Placed, Rgb
from pipeline.cutout.stance import CameraPose, pose_of
from pipeline.placement.fit import place_of
from pipeline.placement.place import Place
from pipeline.report import TriedBackground, to_json
from pipeline.scene.footing import Spot, spots
from pipeline.scene.layout import Layout

#: The camera looks down at the mean angle of product photos. The surface reaches as far behind the foot as the base of
#: a box seen over its corner. This suits level photos, and products photographed from above do not float.
POSE = CameraPose(base_rise=0.15, pitch_slope=0.25)
#: Minimum share of a surface's light that counts as a product's shadow, about three of 255 codes. A mirror image must
#: cover at least the second share of the surface. Less is not drawn.
MIN_SHADOW = 0.03
MIN_MIRRORED = 0.004
#: Rounding of every pinned background, so that a cached one is identical: 16 levels for each of a file's 255 steps.
LEVELS = 4095


def pinned_context(spec: Spec, width: int, height: int) -> SceneContext:
    """Return the context of a place with room for every product on a width×height canvas, in no photo's light."""
    place = place_of(spec, width, height)
    left, top, right, bottom = (round(side) for side in place)
    alpha = np.zeros((height, width), np.float32)
    alpha[max(0, top) : bottom, max(0, left) : right] = 1
    return SceneContext(alpha, {"pose": POSE, "box": place}, np.ones(3, np.float32))


def pinned(spec: Spec, width: int, height: int, means: Means) -> Selection:
    """Return the spec's background for a width×height canvas: from the cache, or new and then cached.

    A smaller picture of it is made and cached at its own size. Raises the errors of `search`.
    """
    context = pinned_context(spec, width, height)
    by = painting(means.networks)
    name = _name(spec, context, by, means)
    cache = None if by is None else means.cache

    def cached() -> Selection | None:
        data = None if cache is None else cache.get("scenes", name)
        if data is None:
            return None
        background, seed, tried = unpacked(data)
        layout = context.compose(replace(spec, seed=seed))
        return Selection(layout, background, Overlay().mirror, seed, tried, "cached")

    found = cached()
    if found is not None:
        return found
    best = search(spec, context, means)
    # Another worker may have cached a background meanwhile. The first in the cache is the brand's.
    found = cached()
    if found is not None:
        return found
    data = packed(best.background, best.seed, best.tried)
    if cache is not None:
        cache.put("scenes", name, data)
    return replace(best, background=unpacked(data)[0])


def laid_on(
    layout: Layout, spec: Spec, place: Place, placed: Placed, width: int, height: int
) -> tuple[Callable[[Rgb], Rgb], tuple[Spot, ...]]:
    """Return the effects of a product on a width×height background that was made without it, and its feet there."""
    contact = place.contact | {"stands": place.stands or place.pinned}
    traced = product_effects(placed, layout, **contact, shadow=spec.shadow)
    box = tuple(side / placed.alpha.shape[0] for side in placed.box)
    feet = spots(pose_of(placed.alpha, place.facts), box)
    return traced.near(width, height, min_shadow=MIN_SHADOW, min_mirrored=MIN_MIRRORED), feet


def packed(background: Rgb, seed: int, tried: list[TriedBackground]) -> bytes:
    """Return an H×W×3 sRGB background, rounded to LEVELS, and its report rows: about 2 MB per megapixel."""
    codes = (background * LEVELS + 0.5).astype(np.int16)
    # Neighbours differ little, so their differences, zigzag-coded (0, -1, 1, -2 …), have few high bits.
    steps = np.diff(codes, axis=1, prepend=np.zeros_like(codes[:, :1]))
    steps = (steps << 1) ^ (steps >> 15)
    facts = json.dumps({"shape": codes.shape, "seed": seed, "tried": to_json(tried)}).encode()
    planes = (steps >> 8).astype(np.uint8), steps.astype(np.uint8)
    parts = (facts, *(zlib.compress(plane.tobytes(), 1) for plane in planes))
    file = BytesIO()
    np.savez(file, *(np.frombuffer(part, np.uint8) for part in parts))
    return file.getvalue()


def unpacked(data: bytes) -> tuple[Rgb, int, list[TriedBackground]]:
    """Return the input of `packed`, maybe from another release, the background as multiples of 1 / LEVELS."""
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        facts, high, low = (arrays[name].tobytes() for name in arrays.files)
    about = json.loads(facts)
    planes = (np.frombuffer(zlib.decompress(plane), np.uint8).reshape(about["shape"]) for plane in (high, low))
    upper, lower = (plane.astype(np.int16) for plane in planes)
    steps = (upper << 8) | lower
    codes = np.cumsum((steps >> 1) ^ -(steps & 1), axis=1, dtype=np.int16)
    known = TriedBackground.__dataclass_fields__
    tried = [TriedBackground(**{name: row[name] for name in row if name in known}) for row in about["tried"]]
    return codes.astype(np.float32) / np.float32(LEVELS), about["seed"], tried


def _name(spec: Spec, context: SceneContext, by: dict[str, str] | None, means: Means) -> str:
    """Return a name made of everything that determines a background. The output file's options are not part of it."""
    made_of = {
        "scene": asdict(spec.scene),
        "mood": asdict(spec.mood),
        "palette": spec.palette,
        "style_words": spec.style_words,
        "seed": spec.seed,
        "canvas": context.size,
        "place": context.around["box"],
        # Another release may compose otherwise, and would draw shadows where no product stands.
        "layout": sha256(repr(context.compose(spec)).encode()).hexdigest(),
        "control": asdict(means.control),
        "by": by,
    } | ({} if means.shown is None else {"shown": means.shown})
    if spec.dressing != Dressing():
        made_of["dressing"] = asdict(spec.dressing)
    if spec.frame != Frame():
        made_of["frame"] = asdict(spec.frame)
    return json.dumps(made_of, sort_keys=True)
