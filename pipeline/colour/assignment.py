"""Assign the palette to a scene's surfaces, each in a colour that its material has in the world.

It is one small optimisation, exact because it examines all of the few hundred cases. Each surface gets an asked colour
or one of its own. Painted props get the asked colours that are left. The optimum has the least sum of these costs, each
as a share of the picture or of a surface:

- a colour that is unusual for its material (`pipeline.colour.gamuts`)
- a colour that was not asked for
- an asked colour that no surface has
- an earlier colour on less of the picture than a later colour
- neighbouring surfaces that look alike
- a product in front of its own colour
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

#: Cost of a surface in a colour of its own, and the extra cost of a sample's colour over a tone of the palette's.
OWN, SAMPLE = 0.3, 0.06
#: Cost of the first asked colour without a surface, and each later colour's share of the cost before it. Gold costs 0.
LEFT, LATER = 0.2, 0.5
#: Weight of the difference in area where an earlier colour is on a smaller surface.
ORDER = 0.15
#: Cost of gold that is neither metal nor light, as a share of its surface.
MUSTARD = 0.35
SHINING: frozenset[Material] = frozenset({"tube"})
#: Distance (CIEDE2000) below which two surfaces, or a product and the surface behind it, look alike; and the maximum
#: cost of that.
APART, ALIKE = 10.0, 0.12
#: Tones of an asked colour that a surface may have as its own, in steps of `pipeline.colour.harmony.tone`.
TONES = (-2.4, -1.6, -1.0, 1.0, 1.6, 2.4)
#: Bounds of a tone's L*: a lighter tone would burn out in the light, a darker tone would be black in the shade.
PALEST, DARKEST = 93.0, 14.0
#: Minimum number of colours of a scene, asked colours and their tones.
COUNT = 6


@dataclass(frozen=True)
class Surface:
    """A large surface that needs a colour."""

    name: str
    material: Material
    #: Its usual share of the picture, 0–1.
    share: float
    #: Whether the product is seen in front of it.
    behind: bool = False


@dataclass(frozen=True)
class Assignment:
    """A scene's colours and their surfaces; a slot is an index into `colours`."""

    #: (3,) linear each: the asked colours in order, then their tones, then colours of surfaces and natural things.
    colours: tuple[Colour, ...]
    asked: int
    #: The slot of each surface, by its name.
    surfaces: Mapping[str, int]
    #: Slots of asked colours that no surface has, in their order.
    left: tuple[int, ...]
    #: Slots of tones of the asked colours, for painted things that nobody asked a colour for.
    tones: tuple[int, ...]
    #: Slots of natural things' colours, by their material.
    natural: Mapping[Material, int]
    #: The slot of things that bring their own colours, as factors of a middle grey.
    as_is: int

    @cached_property
    def lab(self) -> Lab:
        """n×3 Lab of the colours."""
        return _lab(np.stack(self.colours))

    def metallic(self, slot: int) -> bool:
        """Return whether a thing in a slot's colour should be metal: gold looks like mustard on anything else."""
        return slot < self.asked and is_gold(self.lab[slot])

    def suits(self, slot: int, material: Material) -> bool:
        """Return whether a material exists in a slot's colour."""
        return GAMUTS[material].has(self.lab[slot])


#: Materials of small things that keep their natural colours.
NATURAL: tuple[Material, ...] = ("leaf", "stone", "earth", "egg", "page", "wood")


NOT_FIXED: Mapping[str, int] = MappingProxyType({})


def assign(
    asked: Sequence[Colour],
    surfaces: Sequence[Surface],
    product: Lab | None = None,
    *,
    fixed: Mapping[str, int] = NOT_FIXED,
    accents: Collection[int] = (),
) -> Assignment:
    """Assign asked colours ((3,) linear each, at least one) to surfaces. `product`: (3,) Lab of the product.

    `fixed`: the slots of surfaces that the caller chose, by name. `accents`: slots that no surface may have. The result
    does not depend on the seed, so that all seeds of an order show the same colours.
    """
    lab = _lab(np.stack(list(asked)))
    free = [slot for slot in range(-1, len(asked)) if slot not in (*fixed.values(), *accents)]
    choices = [[fixed[one.name]] if one.name in fixed else free for one in surfaces]
    best = min((chosen for chosen in every(*choices) if _once(chosen)), key=_Costs.of(lab, surfaces, product, fixed))
    colours = [np.asarray(colour, np.float32) for colour in asked]
    # A tone of gold looks like mustard.
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
    colours.append(np.full(3, 0.5, np.float32))
    return Assignment(tuple(colours), len(asked), places, left, tones, natural, len(colours) - 1)


def _once(chosen: tuple[int, ...]) -> bool:
    """Return whether each asked colour is used at most once."""
    taken = [slot for slot in chosen if slot >= 0]
    return len(taken) == len(set(taken))


@dataclass(frozen=True)
class _Costs:
    """The costs of a choice of asked colours for surfaces; all colour science is computed once."""

    surfaces: Sequence[Surface]
    #: Cost of each asked colour, for each surface.
    odd: list[list[float]]
    #: Similarity of two asked colours, 0–1.
    alike: list[list[float]]
    #: Cost of each asked colour that no surface has.
    left: list[float]

    @classmethod
    def of(
        cls, lab: Lab, surfaces: Sequence[Surface], product: Lab | None, fixed: Mapping[str, int] = NOT_FIXED
    ) -> "_Costs":
        gold = [is_gold(colour) for colour in lab]

        def odd(surface: Surface, slot: int) -> float:
            if surface.name in fixed:
                return 0.0  # the caller chose it, even if the material does not have that colour
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
    """Return the colour of a surface without an asked colour: a tone that its material has, else a sample's.

    `bases`: (3,) linear, the colours to take tones of.
    """
    gamut = GAMUTS[surface.material]
    tones = [(tone(colour, steps), 0.0) for colour in bases for steps in TONES]
    visible = [(found, more) for found, more in tones if DARKEST <= _lab(found)[0] <= PALEST]
    sample = [(linear_of(nearest_sample(surface.material, lab)), SAMPLE)] if gamut.samples else []
    light = float(np.mean([other[0] for other in beside or lab]))

    def cost(found: tuple[Colour, float]) -> float:
        own = _lab(found[0])
        # Close in lightness to its neighbours, but distinct from them.
        away = abs(own[0] - light) / 400 + sum(ALIKE * _alike(own, other) for other in beside)
        mustard = MUSTARD if is_gold(own) else 0.0
        # A grey's tones come in pairs with the same cost. Rounded, the first wins in every process.
        return round(float(gamut.cost(own) + found[1] + away + mustard), 4)

    return min((*visible, *sample) or tones, key=cost)[0]


def _alike(one: Lab, two: Lab) -> float:
    return max(0.0, 1 - float(delta_e00(one, two)) / APART)


def _lab(linear: NDArray[np.float32]) -> Lab:
    return np.asarray(srgb_to_lab(linear_to_srgb(linear)), np.float64)
