"""Colour transfer, a gentle one: what a finished background misses of the asked colours, made good and bounded.

A closed loop on a small picture: show it, measure it as the report will, move each colour by its remainder, and keep
the best. A light network's picture is moved through the albedo of the parts that have the colour, under the same light:
gradients keep their ratios, edges stay sharp, and mirror images and bloom follow. A painted picture has no parts: there
the colours near the one that was found are moved in Lab, the nearer the more, the same colour everywhere alike.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import vq
from scipy.optimize import linear_sum_assignment

from pipeline.colour.palette import background_pixels, dominant_colours, free_blocks
from pipeline.colour.spaces import delta_e00, lab_to_srgb, srgb_to_lab, srgb_to_linear
from pipeline.core.parallel import by_strips
from pipeline.core.types import Alpha, Rgb
from pipeline.light.relight import Shaded
from pipeline.materials.bokeh import share_of

#: Times that the remainder is measured and made good, how many of them colours are known by their places, and the
#: share of the remainder that one move takes.
ROUNDS = 6
BY_PLACE = 4
PACE = 0.8
#: What moves no factor of an albedo by more than this, or no Lab value, is no other picture.
STILL = 0.01
#: A picture whose score is less by no more than this is no better one: rounds that come to the same would be chosen
#: among by their noise.
LEAST_GAIN = 0.02
#: A colour is moved by at most this much, CIEDE2000: more is another picture, and another seed finds it more honestly.
MAX_MOVED = 10.0
#: Of an albedo: the most that a channel's linear light is raised and lowered by. Raised further, what lies near a
#: glowing tube or in the sun burns out to white.
MAX_RAISED, MAX_LOWERED = 1.6, 3.0
#: No albedo is raised beyond this linear light, sRGB 245, or pale floors in the light burn out; what is asked to be
#: brighter may be so.
BRIGHTEST = 0.92
#: Share of a colour's own places that a cluster needs to stand for it.
GOOD_PART = 0.15
#: How near in Lab a picture's colours go along with the one that is moved. A slope of moves over colours stays below
#: 1 for moves up to 1.6 × this, so that no gradient is turned round.
REACH = 14.0
#: Linear light below this is black to the eye: two blacks need no factor between them.
_BLACK = 0.003

#: asked×3, what each asked colour is moved by: linear factors of an albedo, or Lab.
Moves = NDArray[np.float64]
Lab = NDArray[np.float32]


@dataclass(frozen=True)
class Match:
    """What a small picture has of the asked colours."""

    #: asked×3 Lab: the dominant colour that stands for each by its places, where those are known, and by its look
    #: alone, no two alike as long as there are enough.
    by_place: Lab
    by_look: Lab
    #: CIEDE2000 of each asked colour to the nearest dominant one.
    deltas: tuple[float, ...]
    #: K×3 Lab: all dominant colours, largest first.
    centres: Lab

    @property
    def mean(self) -> float:
        """The plain mean over the asked colours."""
        return float(np.mean(self.deltas))

    @property
    def worst(self) -> float:
        """The largest."""
        return max(self.deltas)

    @property
    def score(self) -> float:
        """The less the better: the mean, and half of the worst, so that no colour is given up for the others."""
        return self.mean + 0.5 * self.worst


def measure(picture: Rgb, alpha: Alpha, asked: Lab, owners: NDArray[np.intp] | None = None) -> Match | None:
    """Compare a small H×W×3 sRGB picture, where H×W alpha leaves it free, with asked×3 Lab colours, as the report does.

    `owners`: H×W, which asked colour a place is painted in, where that is known; -1 none. The report itself does not
    ask that: it looks for the nearest dominant colour anywhere. None where the product leaves nothing free.
    """
    lab = srgb_to_lab(background_pixels((picture * 255 + 0.5).astype(np.uint8), alpha))
    centres, _ = dominant_colours(lab)
    if len(centres) == 0:
        return None
    apart = delta_e00(asked[:, None], centres[None])
    by_look = by_place = anchors(asked, centres)[: len(asked)]
    if owners is not None:
        by_place = _of_owners(lab, _at_blocks(owners, alpha), by_look, apart, centres)
    return Match(by_place, by_look, tuple(float(least) for least in apart.min(axis=1)), centres)


def owners_of(scene: Shaded) -> NDArray[np.intp]:
    """Return H×W: which asked colour of the layout each place is painted in, -1 none."""
    layout, part = scene.layout, scene.geometry.part
    slots = np.array([thing.slot if thing.role != "tube" else -1 for thing in layout.parts])
    out = np.where(slots[part] < layout.asked, slots[part], -1)
    if layout.kind == "bokeh":
        seen = [share_of(layout, slot, *part.shape[::-1]) for slot in range(layout.asked)]
        far = np.array([thing.role == "far" for thing in layout.parts])[part]
        out = np.where(far, np.argmax(seen, axis=0), out)
    return np.asarray(out, np.intp)


def fit_colours(
    asked: Lab,
    start: Moves,
    show: Callable[[Moves], Rgb],
    move: Callable[[Lab, Moves, Lab], Moves],
    alpha: Alpha,
    rounds: int = ROUNDS,
    owners: NDArray[np.intp] | None = None,
) -> tuple[Moves, Match | None]:
    """Fit the colours in a closed loop: return the moves whose picture is nearest to asked×3 Lab, and how near that is.

    `show` makes the small picture of some moves; `move` is `more_paint` or `more_shift`; `owners` as in `measure`. With
    no rounds `start` is only measured.
    """
    best, match = start, measure(show(start), alpha, asked, owners)
    moves, now = best, match
    for turn in range(rounds):
        if turn == BY_PLACE:
            # Where places led nowhere, looks may lead from the best so far.
            moves, now = best, match
        if match is None or now is None or match.worst < 1:
            break
        further = move(asked, moves, now.by_place if turn < BY_PLACE else now.by_look)
        if np.abs(further - moves).max() < STILL:
            continue  # it would be the same picture
        moves = further
        now = measure(show(moves), alpha, asked, owners)
        if now is not None and now.score < match.score - LEAST_GAIN:
            best, match = moves, now
    return best, match


def more_paint(asked: Lab, factors: Moves, found: Lab) -> Moves:
    """Return asked×3 linear albedo factors moved on by what `found` (asked×3 Lab) is short of, within the bounds."""
    wanted = srgb_to_linear(lab_to_srgb(asked)).astype(np.float64)
    seen = srgb_to_linear(lab_to_srgb(found)).astype(np.float64)
    stops = np.log(factors) + PACE * np.log((wanted + _BLACK) / (seen + _BLACK))
    stops = np.clip(stops, -np.log(MAX_LOWERED), np.log(MAX_RAISED))
    return _held_back(asked, np.exp(_bounded(asked, stops, lambda some: _painted(wanted, some))))


def _held_back(asked: Lab, factors: Moves) -> Moves:
    """Return asked×3 albedo factors of which none raises its colour beyond BRIGHTEST, all channels alike.

    The fit knows a colour by its dominant cluster, which for a floor may be its shade; its light would burn out. What
    is held back in each round goes on to find the hue; held back after the last, factors that went apart while they
    rose would leave a pale floor yellow.
    """
    own = srgb_to_linear(lab_to_srgb(asked)).astype(np.float64)
    highest = np.maximum(BRIGHTEST, own.max(1, keepdims=True))
    painted = (own * factors).max(1, keepdims=True)
    return np.asarray(factors * np.minimum(1, highest / np.maximum(painted, 1e-6)))


def more_shift(asked: Lab, shifts: Moves, found: Lab) -> Moves:
    """Return asked×3 Lab shifts moved on by what `found` (asked×3 Lab) is short of, within the bound."""
    return _bounded(asked, shifts + PACE * (asked - found), lambda some: (asked - some).astype(np.float32))


def anchors(asked: Lab, centres: Lab) -> Lab:
    """Return K×3 Lab: the dominant colour that is to be moved for each asked one, no two alike, then the others.

    Where there are fewer dominant colours than asked, an asked colour stands for itself: nothing is near it.
    """
    apart = delta_e00(asked[:, None], centres[None])
    rows, columns = linear_sum_assignment(apart)
    own = asked.copy()
    own[rows] = centres[columns]
    others = np.delete(centres, columns, axis=0)
    return np.concatenate([own, others]).astype(np.float32)


def shifted(picture: Rgb, anchors: Lab, shifts: Moves) -> Rgb:
    """Return the H×W×3 sRGB picture with the colours about the first anchors (K×3 Lab) moved by the shifts (≤ K×3 Lab).

    A colour's move is the mean of the shifts weighted by a Gaussian of its distance to each anchor, and fades where no
    anchor is near. Anchors beyond the shifts hold their surroundings.
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


def _at_blocks(owners: NDArray[np.intp], alpha: Alpha) -> NDArray[np.intp]:
    """Return N: the owners at the middles of the blocks that are measured."""
    free, step = free_blocks(alpha)
    middle = owners[step // 2 :: step, step // 2 :: step]
    return middle[: free.shape[0], : free.shape[1]][free]


def _of_owners(lab: Lab, owners: NDArray[np.intp], own: Lab, apart: NDArray[np.floating], centres: Lab) -> Lab:
    """Return for each asked colour the nearest dominant one that is mostly its own places, and a good part of them.

    Where there is none, all its places lie in clusters of others, and their median stands for it.
    """
    labels, _ = vq(lab, centres)
    counts = np.bincount(labels, minlength=len(centres))
    out = own.copy()
    for index in range(len(own)):
        mine = np.bincount(labels[owners == index], minlength=len(centres))
        if mine.sum() == 0:
            continue
        purity = mine / np.maximum(counts, 1)
        good = np.flatnonzero((purity > 0.5) & (mine >= GOOD_PART * mine.sum()))
        if good.size:
            out[index] = centres[good[np.argmin(apart[index, good])]]
        else:
            out[index] = np.median(lab[owners == index], axis=0)
    return out


def _painted(wanted: NDArray[np.float64], stops: Moves) -> Lab:
    linear = np.clip(wanted * np.exp(stops), 0, 1)
    return srgb_to_lab(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055))


def _bounded(asked: Lab, moves: Moves, place: Callable[[Moves], Lab]) -> Moves:
    """Draw each move in until `place` of it is within MAX_MOVED of its asked colour."""
    low, high = np.zeros(len(asked)), np.ones(len(asked))
    if (delta_e00(asked, place(moves)) <= MAX_MOVED).all():
        return moves
    for _ in range(12):
        middle = (low + high) / 2
        inside = delta_e00(asked, place(moves * middle[:, None])) <= MAX_MOVED
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    fits = delta_e00(asked, place(moves)) <= MAX_MOVED
    return np.asarray(moves * np.where(fits, 1.0, low)[:, None])
