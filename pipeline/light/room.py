"""The room that the camera doesn't see, as polish mirrors it: a dark studio with a reflector and a camera.

Radiance by direction alone, over the fill's: what is mirrored in a ball is far away. All numbers by eye.
"""

import numpy as np

from pipeline.geometry.ray import Field
from pipeline.scene.layout import Layout

#: Outdoors: how much lighter than its mean the sky is straight above, and darker straight below.
SKY = np.float32(0.45)
#: The studio's walls by their foot, and what of light there is more of towards its ceiling.
WALLS, CEILING = np.float32(0.36), np.float32(0.8)
#: The light that the key light spills onto the room about it.
SPILL = np.float32(0.8)
#: The reflector that stands across from the key light: its radiance; tangents of half its width and height.
REFLECTOR, WIDE, TALL = np.float32(2.3), 0.42, 0.62
#: What is left of the light behind the camera, and the tangents of that dark's half width and height.
CAMERA, BROAD, LONG = np.float32(0.22), 0.12, 0.16


def room(layout: Layout, way: Field) -> Field:
    """Return n factors of the fill's light that come from 3×n unit ways, from beyond all parts of a layout."""
    up = way[2 if layout.top_down else 1]
    if layout.kind == "sand":
        return np.asarray(1 + SKY * up, np.float32)
    key = np.asarray(layout.rig.position, np.float64) - np.asarray(layout.rig.target, np.float64)
    key /= np.linalg.norm(key)
    high = np.array([0, 0, 1.0] if layout.top_down else [0, 1.0, 0])
    across = key - (key @ high) * high
    # as high as the key light, but no higher than a stand
    reflector = 0.5 * high - across / max(float(np.linalg.norm(across)), 1e-3)
    if not layout.top_down:
        # before the scene, not behind its wall
        reflector[2] = abs(reflector[2]) + 0.35
    out = WALLS + CEILING * np.maximum(up, 0) + SPILL * np.maximum(key.astype(np.float32) @ way, 0) ** 6
    share = _panel(way, reflector, high, WIDE, TALL, 0.12)
    out += (REFLECTOR - out) * share
    before, aside = np.array([0, 0, 1.0]), np.array([0, 1.0, 0])
    return np.asarray(out * (1 - (1 - CAMERA) * _panel(way, before, aside, BROAD, LONG, 0.08)), np.float32)


def _panel(way: Field, towards: np.ndarray, up: np.ndarray, wide: float, tall: float, soft: float) -> Field:
    """Return how far n of 3×n ways meet a rectangle, 0 to 1; half its sides and its soft edge are tangents."""
    axis = towards / np.linalg.norm(towards)
    right = np.cross(up, axis)
    right /= np.linalg.norm(right)
    u, v = right, np.cross(axis, right)
    ahead = axis.astype(np.float32) @ way
    by = np.maximum(ahead, np.float32(1e-3))
    out = np.float32(1)
    for side, half in ((u, wide), (v, tall)):
        off = np.abs(side.astype(np.float32) @ way) / by
        out = out * np.clip((half + soft / 2 - off) / np.float32(soft), 0, 1)
    return np.asarray(out * (ahead > 0), np.float32)
