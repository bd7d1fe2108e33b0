"""A layout drawn: flat colours for the network to paint over, or the same shapes with finishes and first light.

Each scene kind is one short function that puts parts on a canvas, back to front.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.canvas import Canvas, arch
from pipeline.colour import linear_to_srgb
from pipeline.finish import fractal, on_floor, on_wall, swatch
from pipeline.furniture import paint_podium, paint_prop
from pipeline.image import Rgb
from pipeline.layout import Layout, tone
from pipeline.light import (
    floor_light,
    normalised,
    tint,
    wall_light,
    window_pattern,
)

Field = NDArray[np.float32]


def draw(layout: Layout, width: int, height: int, *, lit: bool) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: the place without the product.

    Not `lit`: flat albedo without finishes, as the generator wants its sketch. `lit`: finishes and first light.
    """
    canvas = Canvas(width, height)
    sketch = _Sketch(canvas, layout, lit)
    scenes = {"sand": sketch.sand, "bokeh": sketch.bokeh, "curtain": sketch.curtain, "neon": sketch.neon}
    scenes.get(layout.kind, sketch.room)()
    for prop in layout.props:
        paint_prop(canvas, layout, prop, lit=lit)
    if layout.podium is not None:
        paint_podium(canvas, layout, layout.podium, lit=lit)
    if lit:
        canvas.pixels *= tint(layout)
    return linear_to_srgb(canvas.pixels)


class _Sketch:
    """The parts that scenes are made of, on one canvas."""

    def __init__(self, canvas: Canvas, layout: Layout, lit: bool):
        self.canvas, self.layout, self.lit = canvas, layout, lit
        self.rng = np.random.default_rng(layout.seed)

    def room(self) -> None:
        """A wall and a floor, with the niche, the window light or the seamless curve that the kind has."""
        layout = self.layout
        if layout.kind == "sweep":
            self.sweep()
            return
        sun = window_pattern(self.canvas, layout) if self.lit and layout.kind == "window" else None
        self.wall(sun)
        if layout.kind == "niche":
            self.niche()
        self.floor(sun, blur=0.012 if layout.kind == "tabletop" else 0.0)

    def wall(self, sun: Field | None = None, colour: Field | None = None) -> None:
        """The whole canvas as wall."""
        canvas, layout = self.canvas, self.layout
        albedo = layout.wall if colour is None else colour
        canvas.pixels[:] = albedo
        if not self.lit:
            return
        texture = on_wall(swatch(layout.wall_finish, self.rng), canvas.width, canvas.height)
        light = wall_light(canvas, layout)
        if sun is not None:
            light = _sunlit(light, sun, layout)
        canvas.pixels *= light[..., None]
        canvas.pixels *= texture if texture.ndim == 3 else texture[..., None]

    def floor(self, sun: Field | None = None, blur: float = 0.0) -> None:
        """Everything below the edge, in the floor's perspective."""
        canvas, layout = self.canvas, self.layout
        first = max(0, int((layout.edge - blur) * canvas.height) - 1)
        rows = slice(first, canvas.height)
        where = (rows, slice(0, canvas.width))
        coverage = np.broadcast_to(
            canvas.coverage(layout.edge - canvas.y[rows], blur), (canvas.height - first, canvas.width)
        )
        colour: Field = layout.surface
        if self.lit:
            light = floor_light(canvas, layout)
            if sun is not None:
                # Little sun reaches the floor: its shade must show the asked colour, and sun on it not burn out.
                light = normalised(_sunlit(light, sun, layout), canvas, layout.edge, 1.0)
                light = np.where(light > 1, 1 + 0.4 * (light - 1), light).astype(np.float32)
            texture = on_floor(swatch(layout.surface_finish, self.rng), layout, canvas.width, canvas.height, first)
            if layout.surface_finish in ("marble", "terrazzo") and float(layout.surface.max()) < 0.12:
                # Dark stone has light veins, and a factor moves it less to the eye.
                texture = texture**-2.5
            shade = light[rows][..., None] * (texture if texture.ndim == 3 else texture[..., None])
            colour = layout.surface * shade
            if layout.surface_finish in ("marble", "terrazzo") or layout.kind in ("neon", "bokeh"):
                colour = self.gloss(colour, first)
        canvas.paint(where, coverage, colour)

    def gloss(self, colour: Field, first: int) -> Field:
        """Mix the wall's mirror image into a polished floor: stronger at the flat angle far away (Fresnel)."""
        canvas = self.canvas
        count = canvas.height - first
        mirrored = canvas.pixels[max(0, first - count) : first][::-1]
        if mirrored.shape[0] < count:
            mirrored = np.concatenate([mirrored, np.repeat(mirrored[-1:], count - mirrored.shape[0], 0)])
        far = np.linspace(1, 0, count, dtype=np.float32)[:, None, None]
        share = 0.05 + 0.22 * far**2
        mixed: Field = colour * (1 - share) + mirrored * share
        return mixed

    def sweep(self) -> None:
        """One sheet from wall to floor; only light tells where it bends."""
        canvas, layout = self.canvas, self.layout
        canvas.pixels[:] = layout.wall
        if not self.lit:
            return
        bend = np.clip((canvas.y - layout.edge + 0.05) / 0.26, 0, 1)
        bend = bend * bend * (3 - 2 * bend)
        light = wall_light(canvas, layout) * (1 - bend) + 1.05 * floor_light(canvas, layout) * bend
        canvas.pixels *= light[..., None]
        canvas.pixels *= on_wall(swatch("plain", self.rng), canvas.width, canvas.height)[..., None]

    def niche(self) -> None:
        """An arched recess behind the product: its inside in the second colour, shaded by its own rim."""
        canvas, layout = self.canvas, self.layout
        left, top, right, _ = layout.product
        half = float(np.clip(0.5 * (right - left) + 0.1, 0.24, 0.42 * layout.aspect))
        tall = float(np.clip(layout.edge - top + 0.12, 1.25 * half, layout.edge - 0.05))
        x, y = canvas.x - layout.stand[0], canvas.y - layout.edge
        inner = canvas.coverage(arch(x, y, half, tall))
        deep = 0.035
        colour: Field = layout.surface
        if self.lit:
            way = layout.light_side
            # The rim shades the side that the light comes from; the far side's reveal catches it.
            shade = canvas.coverage(arch(x + way * 0.06, y - 0.07, half * 0.97, tall), 0.05 + 0.14 * layout.softness)
            light = 0.62 + 0.36 * shade
            reveal = inner * (1 - canvas.coverage(arch(x + np.sign(way) * deep, y - 0.5 * deep, half, tall)))
            light = light * (1 - reveal) + (0.72 + 0.38 * abs(way)) * reveal
            texture = on_wall(swatch("plaster", self.rng), canvas.width, canvas.height)
            colour = layout.surface * (light * texture)[..., None]
        canvas.paint(canvas.everything(), inner, colour)

    def sand(self) -> None:
        """A sky and dunes, one behind the other; the product stands on the nearest."""
        canvas, layout = self.canvas, self.layout
        sky = canvas.smooth(lambda x, y: 0.9 + 0.22 * np.clip(y / layout.edge, 0, 1) + 0 * x) if self.lit else 1.0
        canvas.pixels[:] = layout.wall
        canvas.pixels *= sky[..., None] if isinstance(sky, np.ndarray) else np.float32(1)
        layers = [*layout.accents[:3], layout.surface, layout.surface]
        count = len(layers)
        for i, colour in enumerate(layers):
            near = (i + 1) / count
            base = layout.edge - 0.2 * (1 - near) ** 0.8
            phase, swing = self.rng.uniform(0, 6.28), (0.055 - 0.03 * near) * (0.8 + 0.4 * self.rng.random())
            crest = base + swing * np.sin(canvas.x * (2.2 + 1.2 * self.rng.random()) + phase)
            crest = crest + 0.3 * swing * np.sin(canvas.x * 5.3 + 2 * phase)
            first = max(0, int(float(crest.min()) * canvas.height) - 2)
            rows = slice(first, canvas.height)
            where = (rows, slice(0, canvas.width))
            below = canvas.y[rows] - crest
            coverage = canvas.coverage(-below, 0.004 * (1 - near))
            painted: Field = colour if near == 1 else colour * np.float32(0.94 + 0.06 * near)
            if self.lit:
                slope = np.gradient(crest[0]) * canvas.height
                facing = 1 - 0.35 * np.clip(slope * layout.light_side * -4, -0.5, 0.7)[None]
                fall = 1 - 0.16 * layout.contrast * np.clip(below / 0.25, 0, 1)
                shade = (facing + (1 - facing) * np.clip(below / 0.12, 0, 1)) * fall
                if near == 1:
                    shade = shade * on_floor(self.ripples(), layout, canvas.width, canvas.height, first)
                painted = painted * shade[..., None].astype(np.float32)
            canvas.paint(where, coverage, painted)

    def ripples(self) -> Field:
        """A sand swatch with wind ripples across the view."""
        grain = swatch("sand", self.rng)
        n = grain.shape[0]
        rows = np.arange(n, dtype=np.float32)[:, None] / n
        wave = np.sin(2 * np.pi * (18 * rows + 0.5 * fractal(self.rng, n, 1.9)))
        return np.asarray(grain * (1 + 0.035 * wave), np.float32)

    def bokeh(self) -> None:
        """A dark room far out of focus, its lights as discs, and a table in front."""
        canvas, layout = self.canvas, self.layout
        self.wall()
        colours = layout.accents or (tone(layout.surface, 1.5), tone(layout.wall, 1.6))
        for i in range(26):
            colour = colours[i % len(colours)]
            size = 0.025 + 0.055 * self.rng.random()
            x, y = self.rng.uniform(0, layout.aspect), self.rng.uniform(0.02, layout.edge)
            where = canvas.window(x - 1.2 * size, y - 1.2 * size, x + 1.2 * size, y + 1.2 * size)
            dx, dy = canvas.x[:, where[1]] - x, canvas.y[where[0]] - y
            reach = np.hypot(dx, dy)
            disc = canvas.coverage(reach - size, 0.3 * size)
            # Lenses leave a slightly brighter ring.
            weight = disc * (0.75 + 0.25 * (reach / size) ** 4) * (0.55 + 0.45 * self.rng.random())
            canvas.paint(where, np.clip(weight, 0, 1).astype(np.float32), colour)
        self.floor(blur=0.03)

    def curtain(self) -> None:
        """Hanging folds down to the floor."""
        canvas, layout = self.canvas, self.layout
        self.wall()
        if self.lit:
            n = 2048
            t = np.linspace(0, layout.aspect, n, dtype=np.float32)
            bend = np.interp(t, np.linspace(0, layout.aspect, 14), self.rng.uniform(-0.5, 0.5, 14))
            fold = 0.6 * np.sin(2 * np.pi * 6.5 * t + 3.2 * bend) + 0.3 * np.sin(2 * np.pi * 14 * t + 5 * bend)
            # Cloth is lit on the flank that faces the light and black in the fold's depth.
            flank = np.gradient(fold)
            flank = flank / np.abs(flank).max() * (-layout.light_side or 0.3)
            profile = 0.72 + 0.24 * fold + 0.22 * flank
            profile = np.clip(profile, 0.16, 1.25) / np.quantile(profile, 0.65)
            shade = np.interp(canvas.x[0], t, profile).astype(np.float32)[None]
            canvas.pixels *= (shade * (1 - 0.05 * np.cos(3 * canvas.y)))[..., None]
        self.floor(blur=0.004)
        if self.lit:
            where = canvas.window(0, layout.edge, layout.aspect, layout.edge + 0.08)
            dark = 0.35 * np.exp(-np.maximum(canvas.y[where[0]] - layout.edge, 0) / 0.016)
            canvas.darken(where, np.broadcast_to(dark, canvas.pixels[where].shape[:2]).astype(np.float32))

    def neon(self) -> None:
        """A dark wall with one glowing tube bent to a ring or an arch, mirrored in the floor."""
        canvas, layout = self.canvas, self.layout
        self.wall()
        glow = layout.accents[0] if layout.accents else tone(layout.surface, 2.2)
        glow = glow / max(float(glow.max()), 1e-3)
        left, top, right, bottom = layout.product
        middle = (top + min(bottom, layout.edge)) / 2
        radius = float(np.clip(0.62 * max(right - left, 0.75 * (bottom - top)), 0.22, min(0.42 * layout.aspect, 0.44)))
        x = canvas.x - layout.stand[0]
        if self.rng.random() < 0.5:
            distance = np.abs(np.hypot(x, canvas.y - max(middle, radius + 0.04)) - radius)
        else:
            tall = min(layout.edge - 0.05, 2.2 * radius)
            distance = np.abs(arch(x, canvas.y - layout.edge - 0.1, radius, tall + 0.1))
        tube = canvas.coverage(distance - 0.009, 0.006)
        if self.lit:
            halo = 0.42 * np.exp(-distance / 0.03) + 0.26 * np.exp(-distance / 0.16)
            canvas.add(canvas.everything(), (halo[..., None] * glow).astype(np.float32))
        canvas.paint(canvas.everything(), tube, glow * 0.6 + 0.4 if self.lit else glow)
        self.floor()


def _sunlit(light: Field, sun: Field, layout: Layout) -> Field:
    """Mix shade and sun so that the sunlit part keeps brightness 1."""
    shade = 0.74 - 0.3 * layout.contrast
    return np.asarray(light * (shade + (1.06 - shade) * sun), np.float32)
