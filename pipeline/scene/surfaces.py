"""The surfaces of each kind of scene: their names, their materials, and the colours asked for on them.

Nothing is composed here and Numba isn't loaded, because the API also uses this module.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.asked import AskedColours, asked_colours
from pipeline.colour.assignment import Assignment, Surface, assign
from pipeline.colour.gamuts import Lab, Material
from pipeline.colour.notation import parse_colour, rgb_to_hex, split_colours
from pipeline.colour.spaces import linear_to_srgb, srgb_to_lab
from pipeline.core.order import Dressing, OptionFault
from pipeline.core.spec import Finish, Preset, Scene, Spec
from pipeline.placement.camera import TOP_DOWN, CameraAngle, drawn_kind, has_angle, seen_from

#: Name for stand, panel and props together: colours that no surface has.
ACCENT = "accent"
#: Typical share of the picture of an accent.
ACCENT_SHARE = 0.05
#: Materials of a wall, a floor and a sheet of paper or cloth, by their finish.
MATERIALS: Mapping[Finish, Material] = {
    "plain": "paint",
    "plaster": "plaster",
    "marble": "marble",
    "wood": "wood",
    "concrete": "concrete",
    "terrazzo": "terrazzo",
    "sand": "sand",
    "fabric": "linen",
    "velvet": "velvet",
}
#: Titles for people, where the capitalised name is not enough. A flat lay's surface is titled by its material.
_TITLES = {"tube": "Neon tube", "surface": "Surface"}
#: Names of the same surface in the scene seen from another angle; the first that exists there is used
#: (`pipeline.placement.camera.seen_from`).
_TURNED: Mapping[str, tuple[str, ...]] = {
    "floor": ("surface",),
    "table": ("surface",),
    "sand": ("surface",),
    "backdrop": ("surface",),
    "curtain": ("surface",),
    "wall": ("sheet",),
    "niche": ("sheet",),
    "skirting": ("sheet",),
    "sky": ("sheet",),
    "surface": ("table", "backdrop"),
    "sheet": ("wall",),
}


def surfaces(scene: Scene) -> tuple[Surface, ...]:
    """Return the surfaces of a scene that need a colour, with their typical share of the picture.

    Shares are means over the scene's seeds, in the camera's view around a product on a square canvas.
    """
    wall, floor = MATERIALS[scene.wall], MATERIALS[scene.surface]
    return {
        "white": (),
        "sweep": (Surface("backdrop", "paper", 0.71, behind=True),),
        "podium": (Surface("wall", wall, 0.69, behind=True), Surface("floor", floor, 0.06)),
        "tabletop": (Surface("wall", wall, 0.64, behind=True), Surface("table", floor, 0.22)),
        "niche": (
            Surface("wall", wall, 0.44),
            Surface("niche", wall, 0.36, behind=True),
            Surface("floor", floor, 0.05),
        ),
        "window": (Surface("wall", wall, 0.79, behind=True), Surface("floor", floor, 0.05)),
        "room": (
            Surface("wall", wall, 0.66, behind=True),
            Surface("floor", floor, 0.2),
            Surface("skirting", "paint", 0.05),
        ),
        "sand": (Surface("sand", "sand", 0.58), Surface("sky", "sky", 0.36, behind=True)),
        "bokeh": (Surface("table", "night" if scene.far == "lights" else floor, 0.28),),
        "curtain": (Surface("curtain", wall, 0.77, behind=True), Surface("floor", "lacquer", 0.05)),
        "neon": (
            Surface("wall", "night", 0.77, behind=True),
            Surface("floor", "night", 0.06),
            Surface("tube", "tube", 0.1),
        ),
        "flatlay": (
            Surface("surface", "paper" if scene.surface == "plain" else floor, 0.61, behind=True),
            Surface("sheet", "paper" if scene.wall == "plain" else wall, 0.28),
        ),
    }[scene.kind]


def title_of(scene: Scene, name: str) -> str:
    """Return the title of a scene's surface, or of its accent: a wooden flat lay's surface is "Wood"."""
    finish = scene.surface
    if name == "surface" and finish != "sand":
        return {"plain": "Paper", "fabric": "Linen"}.get(finish, finish.capitalize())
    if name == "sheet" and scene.wall in ("fabric", "velvet"):
        return "Cloth"
    return _TITLES.get(name, name.capitalize())


def colors_on(text: str) -> tuple[tuple[str, str], ...]:
    """Return the surfaces of `Dressing.colors_on`, each with its colour as #rrggbb. Raises ValueError."""
    found = []
    for entry in filter(None, map(str.strip, split_colours(text))):
        name, colon, colour = (part.strip() for part in entry.partition(":"))
        if not (name and colon and colour):
            raise ValueError("colors_on must list surface:colour, separated by commas, as wall:#f4ead9,floor:teal")
        found.append((name.lower(), parse_colour(colour)))
    return tuple(found)


def tidied(dressing: Dressing) -> Dressing:
    """Return the dressing in one notation, from any order and notation; unchanged where it can't be read."""
    try:
        read = colors_on(dressing.colors_on)
    except ValueError:
        return dressing
    return replace(dressing, colors_on=",".join(f"{name}:{colour}" for name, colour in sorted(read)))


def dressing_faults(scene: Scene, preset: Preset, colours: Sequence[str], dressing: Dressing) -> Iterator[OptionFault]:
    """Yield the faults for which the scene can't be made with a dressing; `colours` are the order's, as #rrggbb."""
    try:
        asked = colors_on(dressing.colors_on)
    except ValueError as error:
        yield OptionFault("colors_on", "colors_on_invalid", str(error).removesuffix("."), dressing.colors_on)
        return
    if not asked:
        return
    known = [one.name for one in surfaces(scene)] if preset.background == "scene" else []
    if not known:
        text = "A white or transparent picture has no surfaces. Leave colors_on out, or choose a scene"
        yield OptionFault("colors_on", "surface_unknown", text, dressing.colors_on)
        return
    # Names of the other angle are valid too: a client may ask for names that a dry run listed at that angle.
    angle: CameraAngle = "side" if scene.kind in TOP_DOWN else "above"
    turned = surfaces(seen_from(scene, angle)) if has_angle(scene.kind, angle) else ()
    names = {*known, *(one.name for one in turned), ACCENT}
    taken, left = set[str](), list(colours)
    for name, colour in asked:
        entry = f"{name}:{colour}"
        if name not in names:
            text = f"The scene {scene.name} has no surface {name}. It has {', '.join(known)} and {ACCENT}"
            yield OptionFault("colors_on", "surface_unknown", text, entry)
        elif name in taken:
            text = f"The surface {name} has two colours. Name each surface once"
            yield OptionFault("colors_on", "surface_twice", text, entry)
        if colour in left:
            left.remove(colour)
        elif colour in colours:
            text = f"The colour {colour} is on two surfaces. Name each colour once, or ask for it twice"
            yield OptionFault("colors_on", "colour_twice", text, entry)
        else:
            text = f"The colour {colour} is not among the order's colours. Add it to dominant_colors, or leave it out"
            yield OptionFault("colors_on", "colour_not_asked", text, entry)
        taken |= {name} - {ACCENT}


def assigned_to(spec: Spec, product: Lab | None = None) -> Assignment:
    """Return the assignment of a spec's colours to the surfaces of its scene, by its dressing.

    `product`: (3,) Lab, its mean colour, where it is known.
    """
    return assigned_in(spec.scene, asked_colours(spec), colors_on(spec.dressing.colors_on), product)


def assigned_in(
    scene: Scene, asked: AskedColours, locks: Sequence[tuple[str, str]], product: Lab | None = None
) -> Assignment:
    """Return the assignment of colours to a scene's surfaces; `locks` as of `colors_on`.

    A surface that exists only from another angle counts as its counterpart at this angle.
    """
    places = surfaces(scene)
    fixed, accents = dict[str, int](), set[int]()
    names, free = {one.name for one in places}, list(enumerate(asked.hex if asked.by_caller else ()))
    for name, colour in locks:
        found = next((one for one in free if one[1] == colour), None)
        name = next((one for one in (name, *_TURNED.get(name, ())) if one in names or one == ACCENT), "")
        if found is None or not name or name in fixed:
            continue
        free.remove(found)
        if name == ACCENT:
            accents.add(found[0])
        else:
            fixed[name] = found[0]
    return assign(list(asked.linear), places, product, fixed=fixed, accents=accents)


@dataclass(frozen=True)
class PaintedSurface:
    """A surface of a scene and its colour."""

    name: str
    title: str
    #: #rrggbb.
    colour: str
    #: Whether it is one of the asked colours.
    asked: bool
    #: Typical share of the picture, 0–1.
    share: float


def painted(spec: Spec, product: Lab | None = None, *, stands: bool = True) -> list[PaintedSurface]:
    """Return the painted surfaces of a spec's scene, the largest first; none where no scene is drawn.

    Stand, panel and props are `accent`, once for each asked colour that no surface has. There are none around a product
    that does not stand (`stands`), nor on sand without props.
    """
    if drawn_kind(spec) == "white":
        return []
    plan, by_caller = assigned_to(spec, product), asked_colours(spec).by_caller
    rows = [(one.name, plan.surfaces[one.name], one.share) for one in surfaces(spec.scene)]
    kind = spec.scene.kind
    bare = (not stands and kind not in TOP_DOWN) or (kind in ("sand", "bokeh") and spec.dressing.props == "none")
    rows += [(ACCENT, slot, ACCENT_SHARE) for slot in plan.left if not bare]
    listed = [
        PaintedSurface(
            name,
            title_of(spec.scene, name),
            rgb_to_hex(linear_to_srgb(plan.colours[slot])),
            by_caller and slot < plan.asked,
            share,
        )
        for name, slot, share in rows
    ]
    return sorted(listed, key=lambda one: -one.share)


def product_colour(rgb: NDArray[np.uint8], alpha: NDArray[np.float32]) -> Lab | None:
    """Return (3,) Lab: the mean colour of a product, H×W×3 sRGB codes under H×W coverage; None: nothing is opaque."""
    # Every eighth row and column is enough: the mean is compared only by CIEDE2000, up to 10.
    inside = rgb[::8, ::8][alpha[::8, ::8] > 0.5]
    return None if inside.size == 0 else np.asarray(srgb_to_lab(inside / np.float32(255)).mean(0), np.float64)
