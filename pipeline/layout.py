"""Where things are in the picture, before anything is drawn.

Lengths are in canvas heights: y runs from 0 at the top to 1 at the bottom, x from 0 to the aspect ratio. The camera
looks at a level floor that meets a wall; `eye` is the height of its vanishing line, and `FOCAL` its focal length.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.colour import hex_to_rgb, linear_to_srgb, srgb_to_linear
from pipeline.spec import Finish, Preset, SceneKind, Spec

#: In canvas heights; a lens of some 80 mm on full frame, as product photographers use.
FOCAL = 2.2

Colour = NDArray[np.float32]
PropShape = Literal["sphere", "panel_arch", "panel_disc", "block"]


@dataclass(frozen=True)
class Prop:
    """A thing beside or behind the product. (x, y) is the middle of its foot, `size` its half width."""

    shape: PropShape
    x: float
    y: float
    size: float
    height: float
    #: (3,) linear light.
    colour: Colour


@dataclass(frozen=True)
class Podium:
    """A round plinth: its top ellipse's centre and half axes, and how far its side goes down."""

    x: float
    y: float
    rx: float
    ry: float
    height: float
    colour: Colour


@dataclass(frozen=True)
class Layout:
    """A composed place: lengths in canvas heights, colours (3,) linear light."""

    kind: SceneKind
    aspect: float
    #: Where the floor meets the wall, and the floor's vanishing line above it.
    edge: float
    eye: float
    wall: Colour
    surface: Colour
    accents: tuple[Colour, ...]
    wall_finish: Finish
    surface_finish: Finish
    #: The product's box: left, top, right, bottom. It stands with its lowest contour on `bottom`.
    product: tuple[float, float, float, float]
    podium: Podium | None
    #: Painted back to front.
    props: tuple[Prop, ...]
    #: -1 the key light comes from the left, 1 from the right.
    light_side: float
    softness: float
    contrast: float
    exposure: float
    warmth: float
    seed: int

    @property
    def stand(self) -> tuple[float, float]:
        """The point where the product stands."""
        left, _, right, bottom = self.product
        return (left + right) / 2, bottom

    def squash(self, y: float) -> float:
        """Return height over width of a circle that lies on the floor at height y of the picture."""
        return max(0.05, (y - self.eye) / FOCAL)


def fit(
    preset: Preset, product_aspect: float, width: int, height: int, cut_sides: tuple[str, ...] = ()
) -> tuple[float, float, float, float]:
    """Return the product's box on a width×height canvas, in pixels: left, top, right, bottom.

    `product_aspect` is its width over height. The preset's fill is reached on the tighter side and its margins are
    kept; on a scene the product sits a little below the middle, the way it is hung in a frame. A side that the photo
    cuts the product at (`cut_sides`) goes to the same side of the canvas, or the cut would show.
    """
    cuts = set(cut_sides)
    left, top, right, bottom = (
        0.0 if side in cuts else margin
        for side, margin in zip(("left", "top", "right", "bottom"), preset.margins, strict=True)
    )
    room_x, room_y = width * max(0.05, 1 - left - right), height * max(0.05, 1 - top - bottom)
    h = min(preset.fill * height, preset.fill * width / product_aspect, room_y, room_x / product_aspect)
    if cuts >= {"left", "right"}:
        h = width / product_aspect
    elif cuts >= {"top", "bottom"}:
        h = float(height)
    w = h * product_aspect
    x = float(np.clip(preset.centre_x * width - w / 2, left * width, max(left * width, (1 - right) * width - w)))
    free = height - h
    # A flat product would otherwise float in the middle of the wall.
    below = min(0.42 * free, 0.2 * height) if preset.background == "scene" else free / 2
    y = float(np.clip(height - below - h, top * height, max(top * height, (1 - bottom) * height - h)))
    if "left" in cuts:
        x = 0.0
    elif "right" in cuts:
        x = width - w
    if "bottom" in cuts:
        y = height - h
    elif "top" in cuts:
        y = 0.0
    return x, y, x + w, y + h


def compose(
    spec: Spec, width: int, height: int, product_aspect: float = 1.0, cut_sides: tuple[str, ...] = ()
) -> Layout:
    """Lay the scene out for a canvas of width×height pixels and a product of that width over height.

    The seed varies sides, shapes, sizes and the light's exact direction, never the colours' order.
    """
    rng = np.random.default_rng(spec.seed)
    aspect = width / height
    box = tuple(v / height for v in fit(spec.preset, product_aspect, width, height, cut_sides))
    product = (box[0], box[1], box[2], box[3])
    kind = spec.scene.kind
    colours = [srgb_to_linear(hex_to_rgb(c)) for c in (spec.palette or spec.scene.palette)]
    wall, surface, accents = _assign(kind, colours)
    depth = {"tabletop": 0.13, "bokeh": 0.1, "sand": 0.16}.get(kind, 0.15) + 0.03 * rng.random()
    edge = float(np.clip(product[3] - depth, 0.3, 0.9))
    eye = edge - (0.28 if kind in ("tabletop", "bokeh") else 0.34) - 0.05 * float(rng.random())
    angle = spec.mood.light_angle + float(rng.uniform(-8, 8))
    layout = Layout(
        kind=kind,
        aspect=aspect,
        edge=edge,
        eye=eye,
        wall=wall,
        surface=surface,
        accents=accents,
        wall_finish=spec.scene.wall,
        surface_finish=spec.scene.surface,
        product=product,
        podium=None,
        props=(),
        light_side=float(np.sin(np.deg2rad(angle))),
        softness=spec.mood.softness,
        contrast=spec.mood.contrast,
        exposure=spec.mood.exposure,
        warmth=spec.mood.warmth,
        seed=spec.seed,
    )
    # A product that the frame cuts off below stands on nothing that is seen.
    return layout if "bottom" in cut_sides else _furnished(layout, rng)


def tone(colour: Colour, factor: float) -> Colour:
    """Return a lighter (factor > 1) or darker neighbour of a linear colour, of the same hue."""
    encoded = linear_to_srgb(colour)
    moved = encoded * factor if factor <= 1 else 1 - (1 - encoded) / factor
    return srgb_to_linear(moved.astype(np.float32))


def _assign(kind: SceneKind, colours: list[Colour]) -> tuple[Colour, Colour, tuple[Colour, ...]]:
    """Return wall, surface and accents; the first colour goes where most of the picture is."""
    first = colours[0]
    if kind == "sweep":
        return first, first, tuple(colours[1:])
    bright = float(first @ np.array([0.2126, 0.7152, 0.0722], np.float32)) > 0.5
    second = colours[1] if len(colours) > 1 else tone(first, 0.94 if bright else 1.12)
    return first, second, tuple(colours[2:])


def _furnished(layout: Layout, rng: np.random.Generator) -> Layout:
    """Add the podium and the props that the scene's kind has, in the colours that are left."""
    left, top, right, bottom = layout.product
    middle, width, tall = (left + right) / 2, right - left, bottom - top
    short = min(1.0, layout.aspect)
    accents = list(layout.accents)
    podium = None
    props: list[Prop] = []
    side = 1.0 if rng.random() < 0.5 else -1.0
    if layout.kind in ("podium", "neon", "niche"):
        own = accents.pop(0) if accents and layout.kind != "neon" else tone(layout.surface, 1.12)
        rx = float(np.clip(0.66 * width + 0.05, 0.2 * short, max(0.44 * layout.aspect, 0.62 * width)))
        ry = rx * layout.squash(bottom)
        podium = Podium(middle, bottom - 0.15 * ry, rx, ry, 0.09 + 0.05 * float(rng.random()), own)
        # The floor meets the wall well behind the podium's back.
        edge = min(layout.edge, podium.y - ry - 0.02)
        layout = replace(layout, edge=edge, eye=layout.eye - (layout.edge - edge))
    if layout.kind in ("podium", "sweep", "tabletop", "window"):
        shapes: list[PropShape] = ["panel_arch", "panel_disc"]
        panel = shapes[int(rng.integers(2))]
        if accents and layout.kind != "window":
            size = float(np.clip(0.52 * max(width, 0.6 * tall), 0.16, 0.36 * layout.aspect))
            x = middle + side * (0.1 + 0.25 * float(rng.random())) * width
            height = float(np.clip(0.78 * tall, 0.3, layout.edge - 0.08)) if panel == "panel_arch" else 2 * size
            props.append(Prop(panel, x, layout.edge, size, height, accents.pop(0)))
        for i, colour in enumerate(accents):
            way = side if i % 2 else -side
            size = (0.055 + 0.025 * float(rng.random())) * short * (1.25 if i == 0 else 1.0)
            reach = max(width / 2, podium.rx if podium else 0.0) + size + 0.02 + 0.05 * float(rng.random())
            x = float(np.clip(middle + way * (reach + 0.1 * (i // 2)), 0.7 * size, layout.aspect - 0.7 * size))
            y = layout.edge + (0.35 + 0.3 * float(rng.random())) * (bottom - layout.edge)
            props.append(Prop("sphere", x, y, size, 2 * size, colour))
        props.sort(key=lambda prop: prop.y)
    return replace(layout, podium=podium, props=tuple(props))
