"""Whether a network that saw a product kept its shadow, detected in its picture: tried on all kinds of made-up ones."""

from collections import Counter

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from pipeline.colour.spaces import linear_to_srgb
from pipeline.compositing.kept_shadow import KeptShadow, Verdict, kept_shadow
from tests.lanes import rest_in_gate

SIDE = 256


def painted(rng: np.random.Generator, strength: float, *, mirrored: bool = False) -> KeptShadow:
    """Return the result for a picture in which a box's shadow has some strength, or falls to the other side.

    The scene, the box, the shadow, the network's own tone (6 %) and its grain (8 %) are random.
    """
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    middle, half, top, foot = rng.uniform(95, 160), rng.uniform(18, 40), rng.uniform(40, 110), rng.uniform(170, 200)
    alpha = ((abs(x - middle) < half) & (y > top) & (y < foot)).astype(np.float32)
    aside, cast, flat = rng.uniform(0.6, 1.8) * half * rng.choice([-1, 1]), rng.uniform(0.25, 0.6), rng.uniform(9, 16)

    def light(to: float) -> np.ndarray:
        soft = cast * np.exp(-(((x - middle - to) / (1.6 * half)) ** 2) - ((y - foot - 4) / flat) ** 2)
        contact = 0.3 * np.exp(-(((x - middle) / (1.1 * half)) ** 2) - ((y - foot - 2) / 4) ** 2)
        return np.asarray(np.clip(1 - soft - contact, 0.1, 1))

    drawing = np.full((SIDE, SIDE), rng.uniform(0.25, 0.7)) * np.where(y < 150, 1.1, 1)
    tone = np.exp(zoom(rng.normal(0, 0.06, (4, 4)), SIDE / 4, order=3))
    grain = np.exp(gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 1) * 0.08)
    picture = drawing * light(-aside if mirrored else aside) ** strength * tone * grain
    return kept_shadow(_grey(picture), _grey(drawing), (1 - light(aside)).astype(np.float32), alpha)


def _grey(light: np.ndarray) -> np.ndarray:
    return np.repeat(linear_to_srgb(np.clip(light, 0, 1).astype(np.float32))[..., None], 3, -1)


@pytest.mark.parametrize(
    ("strength", "mirrored", "verdict"),
    rest_in_gate([(1.0, False, "kept"), (0.0, False, "missing"), (1.0, True, "elsewhere")]),
)
def test_kept_missing_and_opposite_shadows_are_distinguished(strength: float, mirrored: bool, verdict: Verdict) -> None:
    rng = np.random.default_rng(20261126)  # no threshold was tuned on these
    read = [painted(rng, strength, mirrored=mirrored) for _ in range(20)]
    verdicts = Counter(one.verdict for one in read)
    assert verdicts[verdict] >= 19, verdicts
    # Next to a shadow, wherever it falls, no second one is added.
    assert {one.verdict for one in read if one.missing.max() > 0} <= {"missing"}


@pytest.mark.parametrize(("strength", "verdict"), [(0.0, "missing"), (1.0, "kept")])
def test_a_scene_of_other_contrast_and_colours_is_no_shadow(strength: float, verdict: Verdict) -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    alpha = ((abs(x - 128) < 30) & (y > 70) & (y < 185)).astype(np.float32)
    blocked = (0.5 * np.exp(-(((x - 185) / 40) ** 2) - ((y - 190) / 18) ** 2)).astype(np.float32)
    drawing = np.repeat(np.where(y < 150, 0.5, 0.4)[..., None], 3, -1)
    drawing[(abs(x - 190) < 34) & (abs(y - 192) < 22)] = 0.2  # a dark thing where the shadow falls
    painted = drawing**1.6  # the network painted its darkness stronger
    painted[(abs(x - 60) < 34) & (abs(y - 192) < 22)] *= 0.5, 0.7, 1.1  # and a blue thing on the other side
    shaded = painted * (1 - blocked[..., None]) ** strength
    picture, before = (linear_to_srgb(np.clip(one, 0, 1).astype(np.float32)) for one in (shaded, drawing))
    assert kept_shadow(picture, before, blocked, alpha).verdict == verdict


@pytest.mark.parametrize("strength", [0.0, 0.6, 1.3])
def test_the_added_part_completes_the_shadow_and_never_doubles_it(strength: float) -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    alpha = ((abs(x - 128) < 30) & (y > 70) & (y < 185)).astype(np.float32)
    blocked = (0.5 * np.exp(-(((x - 170) / 50) ** 2) - ((y - 190) / 14) ** 2)).astype(np.float32)
    drawing = np.full((SIDE, SIDE), 0.5)
    grain = np.exp(gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 1) * 0.04)
    picture = drawing * (1 - blocked) ** strength * grain
    result = kept_shadow(_grey(picture), _grey(drawing), blocked, alpha)
    whole = picture * (1 - result.missing)
    deepest = (blocked > 0.4) & (alpha == 0)
    darkness = -np.log(whole / drawing)[deepest].mean() / -np.log(1 - blocked)[deepest].mean()
    assert max(1.0, strength) - 0.5 * (result.verdict == "kept") - 0.12 < darkness < max(1.0, strength) + 0.12


def test_next_to_a_shadow_that_falls_elsewhere_only_the_foot_is_darkened() -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    alpha = ((abs(x - 128) < 30) & (y > 70) & (y < 185)).astype(np.float32)
    contact = (0.5 * np.exp(-(((x - 128) / 28) ** 2) - ((y - 187) / 4) ** 2) * (alpha == 0)).astype(np.float32)
    cast = [0.5 * np.exp(-(((x - at) / 36) ** 2) - ((y - 190) / 14) ** 2) for at in (186, 70)]
    blocked = (1 - (1 - cast[0]) * (1 - contact)).astype(np.float32)
    drawing = np.full((SIDE, SIDE), 0.5)
    result = kept_shadow(_grey(drawing * (1 - cast[1])), _grey(drawing), blocked, alpha, contact)
    assert result.verdict == "elsewhere"
    assert result.missing.max() > 0.2
    assert np.all(result.missing <= contact + 1e-6)


def test_without_a_shadow_the_verdict_is_unknown_and_all_of_it_is_missing() -> None:
    nothing = np.zeros((64, 64), np.float32)
    picture = np.full((64, 64, 3), 0.5, np.float32)
    result = kept_shadow(picture, picture, nothing, nothing)
    assert result.verdict == "unknown"
    assert result.missing is nothing
