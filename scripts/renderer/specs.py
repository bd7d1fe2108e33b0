"""Random specs to train the renderer's network, and held-out specs that it never sees in training.

Both depend on an index only. Palettes of training and held-out specs come from different random streams.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.spaces import lab_to_srgb
from pipeline.core.spec import Mood, Preset, Scene, SceneKind, Spec
from service.catalogue.catalogue import load_catalogue

#: Kinds in neither training nor measurement of the shipped network: no truths of them exist.
UNSEEN: frozenset[SceneKind] = frozenset({"white", "flatlay"})
HELD_OUT = 120
#: First seed of the held-out specs. Training uses its indices, which are smaller.
HELD_OUT_SEED = 1_000_000
#: Kinds of palette: bounds of L* (0–100) and of chroma C*ab.
_RANGES = {
    "any": ((12.0, 95.0), (0.0, 75.0)),
    "pale": ((80.0, 96.0), (2.0, 22.0)),
    "dark": ((6.0, 32.0), (1.0, 32.0)),
    "saturated": ((38.0, 78.0), (45.0, 95.0)),
    "grey": ((10.0, 95.0), (0.0, 5.0)),
    "soft": ((50.0, 85.0), (10.0, 42.0)),
}
#: Hue differences between the colours of a harmony, in degrees.
_HARMONIES = ((0, 8, -8, 14, -14), (0, 32, -32, 60, -60), (0, 180, 15, 195, -15), (0, 120, 240, 20, 140))


@dataclass(frozen=True)
class Task:
    """One scene to render."""

    spec: Spec
    #: The product's width over height.
    product_aspect: float
    #: In pixels.
    height: int
    width: int


def training_task(index: int) -> Task:
    """Return the task of an index below HELD_OUT_SEED. Raises ValueError for others."""
    if not 0 <= index < HELD_OUT_SEED:
        raise ValueError(f"{index} is not a training index. Give 0 to {HELD_OUT_SEED - 1}")
    rng = np.random.default_rng([11, index])
    scenes, moods = _scenes(), _moods()
    scene = scenes[int(rng.integers(len(scenes)))]
    mood = moods[int(rng.integers(len(moods)))]
    return _task(scene, mood, _palette(rng, tuple(_RANGES), int(rng.integers(1, 7))), index, rng)


def held_out_tasks() -> list[Task]:
    """Return the HELD_OUT tasks: scenes and moods in turn, 1–5 colours, each kind of palette."""
    scenes, moods = _scenes(), _moods()
    kinds = ("dark", "pale", "saturated", "grey", "any")
    tasks = []
    for number in range(HELD_OUT):
        rng = np.random.default_rng([23, HELD_OUT_SEED + number])
        # 17 scenes and 12 moods have no common divisor, so that no pair repeats.
        mood = moods[number % len(moods)]
        colours = _palette(rng, (kinds[number // 3 % len(kinds)],), 1 + number % 5)
        tasks.append(_task(scenes[number % len(scenes)], mood, colours, HELD_OUT_SEED + number, rng))
    return tasks


def held_out_specs() -> list[Spec]:
    """Return the specs of `held_out_tasks`."""
    return [task.spec for task in held_out_tasks()]


@cache
def _scenes() -> list[Scene]:
    return [scene for scene in load_catalogue().scenes.values() if scene.kind not in UNSEEN]


@cache
def _moods() -> list[Mood]:
    return list(load_catalogue().moods.values())


def _task(scene: Scene, mood: Mood, palette: tuple[str, ...], seed: int, rng: np.random.Generator) -> Task:
    # Not by `seed` modulo 4 alone: that would give one size to all held-out indices, every 20th.
    height, width = ((128, 128), (128, 128), (96, 160), (160, 96))[(seed + seed // 20) % 4]
    aspect = float(np.exp(rng.uniform(np.log(0.25), np.log(2.2))))
    return Task(Spec(scene, mood, palette, _preset(rng), seed), aspect, height, width)


def _preset(rng: np.random.Generator) -> Preset:
    """Return a preset like the catalogue's, with random fill, margins and horizontal position."""
    margin = float(rng.uniform(0.05, 0.1))
    return Preset(
        name="studio",
        title="Studio",
        description="A canvas to train on.",
        credits=0,
        size=None,
        formats=("png",),
        max_bytes=None,
        quality=(90, 90),
        background="scene",
        fill=float(rng.uniform(0.4, 0.8)),
        margins=(margin,) * 4,
        centre_x=float(rng.choice([0.5, 0.5, 0.5, 0.36, 0.64])),
        digital_source_type=None,
        scene_sibling=None,
        source_url="",
        checked_on="",
    )


def _palette(rng: np.random.Generator, kinds: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Return `count` colours of one kind: some in harmony around one hue, some random, some with a stray."""
    kind = kinds[int(rng.integers(len(kinds)))]
    hue = float(rng.uniform(0, 360))
    turns = _HARMONIES[int(rng.integers(len(_HARMONIES)))] if rng.random() < 0.65 else None
    colours = []
    for number in range(count):
        turn = float(rng.uniform(0, 360)) if turns is None else turns[number % len(turns)] + float(rng.normal(0, 4))
        stray = len(kinds) > 1 and number > 0 and rng.random() < 0.2
        light, chroma = (rng.uniform(*bounds) for bounds in _RANGES["any" if stray else kind])
        colours.append(rgb_to_hex(_within(float(light), float(chroma), hue + turn)))
    return tuple(colours)


def _within(light: float, chroma: float, hue: float) -> NDArray[np.float32]:
    """Return sRGB of a colour in LCh(ab), clipped to the gamut."""
    angle = np.deg2rad(hue)
    return lab_to_srgb(np.array([light, chroma * np.cos(angle), chroma * np.sin(angle)], np.float32))
