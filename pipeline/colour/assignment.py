"""Which colour goes on what: the palette assigned to a scene's surfaces, each in a colour that it has in the world.

One small optimisation, exact since all of its few hundred cases are looked at. Each surface takes an asked colour or
one of its own; what is left goes to what may be painted. The sum of these is the least, each as a share of the picture
or of a surface: how odd a colour is on its material (`pipeline.colour.gamuts`), what is not asked for, asked colours
that no surface has, an earlier colour on less of the picture than a later one, surfaces side by side that are alike,
and a product before its own colour.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from itertools import product as every
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.gamuts import GAMUTS, Lab, Material, is_gold, linear_of, nearest_sample
from pipeline.colour.harmony import complete, tone
from pipeline.colour.spaces import delta_e00, linear_to_srgb, srgb_to_lab

Colour = NDArray[np.float32]

#: What a surface in a colour of its own costs, and what it costs more to leave the palette for a sample.
OWN, SAMPLE = 0.3, 0.06
#: What an asked colour without a surface costs: the first, and each later one so much of the one before. Gold: nothing.
LEFT, LATER = 0.2, 0.5
#: An earlier colour on a smaller surface costs this times what the areas differ by.
ORDER = 0.15
#: Gold that is neither metal nor light, as a share of its surface.
MUSTARD = 0.35
SHINING: frozenset[Material] = frozenset({"lights", "tube"})
#: Two surfaces less than this apart (CIEDE2000), and a product before what is less apart from it, cost this at most.
APART, ALIKE = 10.0, 0.12
#: Tones of an asked colour that a surface may have as its own, in steps of `pipeline.colour.harmony.tone`.
TONES = (-2.4, -1.6, -1.0, 1.0, 1.6, 2.4)
#: No tone is lighter than this L*: in the light it would burn out. None is darker: in the shade it would be black.
PALEST, DARKEST = 93.0, 14.0
#: How many colours a scene has at least, asked ones and tones of them.
COUNT = 6


@dataclass(frozen=True)
class Surface:
    """Something large that needs a colour."""

    name: str
    material: Material
    #: Its usual share of the picture, 0–1.
    share: float
    #: The product is seen before it.
    behind: bool = False


@dataclass(frozen=True)
class Assignment:
    """A scene's colours and where they go; a slot is an index into `colours`."""

    #: (3,) linear each: the asked ones in their order, then tones of them, then what surfaces and natural things have.
    colours: tuple[Colour, ...]
    asked: int
    #: The slot of each surface, by its name.
    surfaces: Mapping[str, int]
    #: Slots of asked colours that no surface has, in their order.
    left: tuple[int, ...]
    #: Slots of tones of the asked colours, for what is painted and was not asked for.
    tones: tuple[int, ...]
    #: Slots of natural things' colours, by their material.
    natural: Mapping[Material, int]

    @cached_property
    def lab(self) -> Lab:
        """n×3 Lab of the colours."""
        return _lab(np.stack(self.colours))

    def metallic(self, slot: int) -> bool:
        """Return whether what has a slot's colour is to be of metal: gold looks like mustard on anything else."""
        return slot < self.asked and is_gold(self.lab[slot])

    def suits(self, slot: int, material: Material) -> bool:
        """Return whether a material has a slot's colour."""
        return GAMUTS[material].has(self.lab[slot])


#: What small things are of that no caller's colour changes.
NATURAL: tuple[Material, ...] = ("leaf", "stone", "earth", "egg", "page", "wood", "metal")


NOT_FIXED: Mapping[str, int] = MappingProxyType({})


def assign(
    asked: Sequence[Colour],
    surfaces: Sequence[Surface],
    product: Lab | None = None,
    *,
    fixed: Mapping[str, int] = NOT_FIXED,
    accents: Collection[int] = (),
) -> Assignment:
    """Assign asked colours ((3,) linear each, at least one) to surfaces; `product`: (3,) Lab of what stands there.

    `fixed`: surfaces that have a certain slot, by their names. `accents`: slots that no surface has. The same for every
    seed, so that seeds of one order show one set of colours.
    """
    lab = _lab(np.stack(list(asked)))
    free = [slot for slot in range(-1, len(asked)) if slot not in (*fixed.values(), *accents)]
    choices = [[fixed[one.name]] if one.name in fixed else free for one in surfaces]
    best = min((chosen for chosen in every(*choices) if _once(chosen)), key=_Costs.of(lab, surfaces, product, fixed))
    colours = [np.asarray(colour, np.float32) for colour in asked]
    # A tone of gold is mustard.
    bases = [colour for colour, its in zip(colours, lab, strict=True) if not is_gold(its)] or list(colours)
    colours += complete(bases, COUNT - len(colours) + len(bases))[len(bases) :]
    tones = tuple(range(len(asked), len(colours)))
    places: dict[str, int] = {}
    for surface, slot in zip(surfaces, best, strict=True):
        if slot < 0:
            beside = [lab[other] for other in best if other >= 0]
            beside += [_lab(colours[other]) for other in places.values() if other >= len(asked)]
            colours.append(_own(surface, bases, lab, beside))
            slot = len(colours) - 1
        places[surface.name] = slot
    natural: dict[Material, int] = {}
    for material in NATURAL:
        natural[material] = len(colours)
        colours.append(linear_of(nearest_sample(material, lab)))
    left = tuple(slot for slot in range(len(asked)) if slot not in best)
    return Assignment(tuple(colours), len(asked), places, left, tones, natural)


def _once(chosen: tuple[int, ...]) -> bool:
    """Return whether no asked colour is taken twice."""
    taken = [slot for slot in chosen if slot >= 0]
    return len(taken) == len(set(taken))


@dataclass(frozen=True)
class _Costs:
    """What a choice of asked colours for surfaces costs; all that needs colour science is worked out once."""

    surfaces: Sequence[Surface]
    #: For each surface what each asked colour costs there.
    odd: list[list[float]]
    #: How alike two asked colours are, 0–1.
    alike: list[list[float]]
    #: What each asked colour costs that no surface has.
    left: list[float]

    @classmethod
    def of(
        cls, lab: Lab, surfaces: Sequence[Surface], product: Lab | None, fixed: Mapping[str, int] = NOT_FIXED
    ) -> "_Costs":
        gold = [is_gold(colour) for colour in lab]

        def odd(surface: Surface, slot: int) -> float:
            if surface.name in fixed:
                return 0.0  # even where the material does not have the colour: it is no choice
            mustard = MUSTARD if gold[slot] and len(lab) > 1 and surface.material not in SHINING else 0.0
            before = ALIKE * _alike(product, lab[slot]) if surface.behind and product is not None else 0.0
            return surface.share * (GAMUTS[surface.material].cost(lab[slot]) + mustard) + before

        return cls(
            surfaces,
            [[odd(surface, slot) for slot in range(len(lab))] for surface in surfaces],
            [[_alike(one, two) for two in lab] for one in lab],
            [0.0 if gold[slot] else LEFT * LATER**slot for slot in range(len(lab))],
        )

    def __call__(self, chosen: tuple[int, ...]) -> float:
        total = sum(cost for slot, cost in enumerate(self.left) if slot not in chosen)
        areas: dict[int, float] = {}
        for surface, costs, slot in zip(self.surfaces, self.odd, chosen, strict=True):
            total += costs[slot] if slot >= 0 else OWN * surface.share
            if slot >= 0 and surface.material not in SHINING:
                areas[slot] = surface.share
        for (_, area), (_, later) in combinations(sorted(areas.items()), 2):
            total += ORDER * max(0.0, later - area)
        placed = [slot for slot in chosen if slot >= 0]
        return total + ALIKE * sum(self.alike[one][two] for one, two in pairwise(placed))


def _own(surface: Surface, bases: Sequence[Colour], lab: Lab, beside: Sequence[Lab]) -> Colour:
    """Return the colour of a surface that has none of the asked ones: a tone of one that it has, else a sample's.

    `bases`: (3,) linear, of which there are tones.
    """
    gamut = GAMUTS[surface.material]
    tones = [(tone(colour, steps), 0.0) for colour in bases for steps in TONES]
    tones = [(found, more) for found, more in tones if DARKEST <= _lab(found)[0] <= PALEST]
    sample = [(linear_of(nearest_sample(surface.material, lab)), SAMPLE)] if gamut.samples else []
    light = float(np.mean([other[0] for other in beside or lab]))

    def cost(found: tuple[Colour, float]) -> float:
        own = _lab(found[0])
        # Near what is beside it in lightness, and yet apart from it.
        away = abs(own[0] - light) / 400 + sum(ALIKE * _alike(own, other) for other in beside)
        mustard = MUSTARD if is_gold(own) else 0.0
        return float(gamut.cost(own) + found[1] + away + mustard)

    return min((*tones, *sample), key=cost)[0]


def _alike(one: Lab, two: Lab) -> float:
    return max(0.0, 1 - float(delta_e00(one, two)) / APART)


def _lab(linear: NDArray[np.float32]) -> Lab:
    return np.asarray(srgb_to_lab(linear_to_srgb(linear)), np.float64)
