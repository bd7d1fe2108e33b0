"""Colour transfer: solve for the remaining error of a finished background's asked colours, within bounds.

In linear light a picture is nearly linear in its albedos. So a few Newton steps bring each asked colour's
representative, a smoothly weighted mean in a small picture, onto the colour. Noise in the picture causes noise of its
own size in the result. A light network's picture changes through the albedo of the parts in that colour, under the same
light. Gradients keep their ratios, edges stay sharp, and mirror images and bloom follow. A painted picture has no
parts. There the colours near the found colour are shifted in Lab, nearer colours more, and equal colours equally.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.palette import background_pixels, dominant_colours, free_blocks
from pipeline.colour.spaces import delta_e00, lab_to_srgb, linear_to_srgb, srgb_to_lab, srgb_to_linear
from pipeline.core.parallel import by_strips
from pipeline.core.types import Alpha, Rgb
from pipeline.light.relight import Shaded, before_tone

#: Number of Newton steps.
STEPS = 2
#: Distance in Lab within which a colour's own pixels represent it, and the weight of its pixels farther away.
NEAR, FAR_WEIGHT = 5.0, 1e-3
#: Maximum move of a colour, CIEDE2000: a larger move would give another picture.
MAX_MOVED = 10.0
#: Maximum factors by which a channel of an albedo is raised and lowered, in linear light. Raised further, places near a
#: glowing tube or in the sun burn out to white.
MAX_RAISED, MAX_LOWERED = 1.6, 3.0
#: Linear light, sRGB 245, beyond which no albedo is raised, or pale floors in the light burn out. Asked colours may be
#: brighter.
BRIGHTEST = 0.92
#: Distance in Lab within which a picture's colours follow a moved colour. The slope of moves over colours stays below
#: 1 for moves up to 1.6 × this, so that no gradient is reversed.
REACH = 14.0
#: Linear light below this looks black: two blacks need no factor between them.
_BLACK = 0.003

#: asked×3, the move of each asked colour: linear factors of an albedo, or Lab.
Moves = NDArray[np.float64]
Lab = NDArray[np.float32]


@dataclass(frozen=True)
class Match:
    """The match of a small picture with the asked colours."""

    #: CIEDE2000 of each asked colour to the nearest dominant colour; empty where the product leaves no background.
    deltas: tuple[float, ...]
    #: K×3 Lab: all dominant colours, largest first.
    centres: Lab
    #: Share of the picture that shows the least visible asked colour: pixels weighted by nearness to it. Measured
    #: without clustering, so that noise can't choose among pictures.
    shown: float

    @property
    def mean(self) -> float:
        """Unweighted mean over the asked colours."""
        return float(np.mean(self.deltas))

    @property
    def worst(self) -> float:
        """The largest difference."""
        return max(self.deltas)

    @property
    def score(self) -> float:
        """The lower the better: the mean plus half the worst, so that no colour is sacrificed for the others."""
        return self.mean + 0.5 * self.worst if self.deltas else 0.0


def measure(picture: Rgb, alpha: Alpha, asked: Lab) -> Match:
    """Compare a small H×W×3 sRGB picture outside its H×W alpha with asked×3 Lab colours, as the report does."""
    lab = _lab_of(picture, alpha)
    centres, _ = dominant_colours(lab)
    if len(centres) == 0:
        return Match((), centres, 1.0)
    apart = delta_e00(asked[:, None], centres[None]).min(axis=1)
    shown = min(float(_nearness(lab, colour).mean()) for colour in asked)
    return Match(tuple(float(least) for least in apart), centres, shown)


def owners_of(scene: Shaded) -> NDArray[np.intp]:
    """Return H×W: the index of the asked colour that each place is painted in, -1 for none."""
    layout, part = scene.layout, scene.geometry.part
    slots = np.array([thing.slot if thing.role != "tube" else -1 for thing in layout.parts])
    return np.asarray(np.where(slots[part] < layout.asked, slots[part], -1), np.intp)


def owners_near(picture: Rgb, fixed: Lab, asked: int) -> NDArray[np.intp]:
    """Return H×W: the index of the nearest of the first `asked` anchors (K×3 Lab) in an sRGB picture, -1 for none."""
    from scipy.cluster.vq import vq  # here: it delays every start by 0.1 s, and only painted pictures need it

    labels, _ = vq(srgb_to_lab(picture).reshape(-1, 3), fixed)
    return np.where(labels < asked, labels, -1).astype(np.intp).reshape(picture.shape[:2])


def fit_colours(
    asked: Lab,
    start: Moves,
    show: Callable[[Moves], Rgb],
    move: Callable[[Lab, Moves, Lab], Moves],
    alpha: Alpha,
    owners: NDArray[np.intp],
) -> Moves:
    """Return the moves, from `start`, after which a picture shows asked×3 Lab colours in their places.

    `show` makes the small picture of given moves; `move` is `more_paint` or `more_shift`. `owners`: H×W, the index of
    the asked colour of each place, -1 for none.
    """
    moves, own = start, _at_blocks(owners, alpha)
    for _ in range(STEPS):
        moves = move(asked, moves, standing_for(asked, _lab_of(show(moves), alpha), own))
    return moves


def standing_for(asked: Lab, lab: Lab, owners: NDArray[np.intp]) -> Lab:
    """Return asked×3 Lab: each asked colour's representative in N×3 Lab pixels, or the colour itself if it has none.

    It is the mean of its own pixels (`owners`, N: their colours), weighted by a Gaussian of their distance to it. Where
    it equals the colour, the pixels are densest there, as in the report's dominant colours. But it needs no clustering,
    which noise can change.
    """
    out = asked.astype(np.float64)
    for index in range(len(asked)):
        mine = lab[owners == index]
        if len(mine):
            out[index] = np.average(mine, axis=0, weights=_nearness(mine, asked[index]) + FAR_WEIGHT)
    return out.astype(np.float32)


def more_paint(asked: Lab, factors: Moves, found: Lab) -> Moves:
    """Return asked×3 linear albedo factors, corrected by what `found` (asked×3 Lab) still misses, within the bounds.

    The asked colour is the paint in full light, before the tone curve: no paint can undo the curve's white.
    """
    wanted = srgb_to_linear(lab_to_srgb(asked)).astype(np.float64)
    seen = before_tone(srgb_to_linear(lab_to_srgb(found)).astype(np.float64))
    stops = np.log(factors) + np.log((wanted + _BLACK) / (seen + _BLACK))
    stops = np.clip(stops, -np.log(MAX_LOWERED), np.log(MAX_RAISED))
    return _held_back(asked, np.exp(_bounded(asked, stops, lambda some: _painted(wanted, some))))


def _held_back(asked: Lab, factors: Moves) -> Moves:
    """Return asked×3 albedo factors, limited so that none raises its colour beyond BRIGHTEST; all channels alike.

    A floor's representative may come from its shade. Then its lit part would burn out. If each channel were limited on
    its own, a pale floor would turn yellow.
    """
    own = srgb_to_linear(lab_to_srgb(asked)).astype(np.float64)
    highest = np.maximum(BRIGHTEST, own.max(1, keepdims=True))
    painted = (own * factors).max(1, keepdims=True)
    return np.asarray(factors * np.minimum(1, highest / np.maximum(painted, 1e-6)))


def more_shift(asked: Lab, shifts: Moves, found: Lab) -> Moves:
    """Return asked×3 Lab shifts, corrected by what `found` (asked×3 Lab) still misses, within the bound."""
    return _bounded(asked, shifts + (asked - found), lambda some: (asked - some).astype(np.float32))


def anchors(asked: Lab, centres: Lab) -> Lab:
    """Return K×3 Lab: for each asked colour a different dominant colour to move, then the other dominant colours.

    With fewer dominant than asked colours, an asked colour is its own anchor: no other colour is near it.
    """
    from scipy.optimize import linear_sum_assignment  # here: it takes 0.25 s, and not every job has colours

    apart = delta_e00(asked[:, None], centres[None])
    rows, columns = linear_sum_assignment(apart)
    own = asked.copy()
    own[rows] = centres[columns]
    others = np.delete(centres, columns, axis=0)
    return np.concatenate([own, others]).astype(np.float32)


def shifted(picture: Rgb, anchors: Lab, shifts: Moves) -> Rgb:
    """Return the H×W×3 sRGB picture with the colours near the first anchors (K×3 Lab) moved by the shifts (≤ K×3 Lab).

    A colour's move is the mean of the shifts, weighted by a Gaussian of its distance to each anchor. It fades where no
    anchor is near. Anchors without a shift keep their surroundings in place.
    """
    if np.abs(shifts).max() < 0.01:
        return picture

    def strip(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        lab = srgb_to_lab(rgb)
        total = np.full(lab.shape[:2], np.exp(-2.0), np.float32)
        change = np.zeros_like(lab)
        for index, anchor in enumerate(anchors):
            weight = np.exp(((lab - anchor) ** 2).sum(-1) * np.float32(-0.5 / REACH**2))
            total += weight
            if index < len(shifts):
                change += weight[..., None] * shifts[index].astype(np.float32)
        return lab_to_srgb(lab + change / total[..., None])

    out = picture.copy()
    by_strips(strip, out)
    return out


def _lab_of(picture: Rgb, alpha: Alpha) -> Lab:
    return srgb_to_lab(background_pixels((picture * 255 + 0.5).astype(np.uint8), alpha))


def _at_blocks(owners: NDArray[np.intp], alpha: Alpha) -> NDArray[np.intp]:
    """Return N: the owners at the middles of the measured blocks."""
    free, step = free_blocks(alpha)
    middle = owners[step // 2 :: step, step // 2 :: step]
    return middle[: free.shape[0], : free.shape[1]][free]


def _nearness(lab: Lab, colour: Lab) -> NDArray[np.float32]:
    """Return N: the nearness of N×3 Lab pixels to a colour, 0–1."""
    return np.asarray(np.exp(((lab - colour) ** 2).sum(1) * np.float32(-0.5 / NEAR**2)), np.float32)


def _painted(wanted: NDArray[np.float64], stops: Moves) -> Lab:
    return srgb_to_lab(linear_to_srgb(np.clip(wanted * np.exp(stops), 0, 1).astype(np.float32)))


def _bounded(asked: Lab, moves: Moves, place: Callable[[Moves], Lab]) -> Moves:
    """Reduce each move until its `place` is within MAX_MOVED of its asked colour."""
    low, high = np.zeros(len(asked)), np.ones(len(asked))
    if (delta_e00(asked, place(moves)) <= MAX_MOVED).all():
        return moves
    for _ in range(12):
        middle = (low + high) / 2
        inside = delta_e00(asked, place(moves * middle[:, None])) <= MAX_MOVED
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    fits = delta_e00(asked, place(moves)) <= MAX_MOVED
    return np.asarray(moves * np.where(fits, 1.0, low)[:, None])
