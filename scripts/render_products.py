"""Render the studio page's other sample products with alpha, small. Every shape and surface is made here.

Needs the set-up of `render_sample.py`:

    ~/bpyenv/bin/python -m scripts.render_products --out service/sample

Lengths are metres, colours are linear Rec. 709, z is up. Cycles runs on the CPU with a fixed seed, and no file is read.
Each product is lit by a soft window to its left and seen as a shop would photograph it. A lying product is seen from
above.
"""

import argparse
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy  # first: the import makes mathutils importable

# isort: split
from mathutils import Vector
from PIL import Image

from scripts.sample_shapes import arc, box, can, lathe, material, vary

SIDE = 450  # px, largest longer side of a picture


def ring(name: str, points: list[tuple[float, float, float]], radius: float, made: bpy.types.Material) -> None:
    """Add a round bar along a course of points."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.use_fill_caps, curve.bevel_depth, curve.bevel_resolution = "3D", True, radius, 10
    path = curve.splines.new("NURBS")
    path.points.add(len(points) - 1)
    for point, place in zip(path.points, points, strict=True):
        point.co = (*place, 1)
    path.use_endpoint_u, path.order_u = True, 4
    curve.resolution_u = 24
    curve.materials.append(made)
    bpy.context.collection.objects.link(bpy.data.objects.new(name, curve))


def mug() -> None:
    """Add a stoneware mug with a dipped foot and a handle."""
    glaze = material("glaze", (0.66, 0.60, 0.50), 0.35, Coat_Weight=0.4, Coat_Roughness=0.1)
    vary(glaze, (900, 900, 900), "Base Color", (0.66, 0.60, 0.50), (0.50, 0.43, 0.34), detail=3)
    dipped = material("dipped", (0.030, 0.085, 0.19), 0.3, Coat_Weight=0.5, Coat_Roughness=0.08)
    wall, top = 0.041, 0.088
    lathe(
        "foot",
        [
            (0, 0.001),
            (0.034, 0.001),
            *arc((0.037, 0.008), (0.0042, 0.007), -80, 0),
            (wall + 0.0003, 0.034),
            (0.030, 0.034),
            (0, 0.034),
        ],
        dipped,
    )
    body = [
        (0, 0.034),
        (wall, 0.034),
        (wall, top - 0.002),
        *arc((wall - 0.002, top - 0.002), (0.002, 0.002), 0, 180, 12),
    ]
    lathe("body", [*body, (wall - 0.004, 0.02), (0, 0.018)], glaze)
    ring(
        "handle",
        [
            (wall - 0.001, 0, 0.074),
            (wall + 0.014, 0, 0.077),
            (wall + 0.030, 0, 0.066),
            (wall + 0.030, 0, 0.044),
            (wall + 0.016, 0, 0.030),
            (wall - 0.001, 0, 0.029),
        ],
        0.0048,
        glaze,
    )


def jar() -> None:
    """Add a cream jar of matt porcelain with a turned wooden lid."""
    clay = material("porcelain", (0.60, 0.36, 0.30), 0.5, Coat_Weight=0.15)
    vary(clay, (300, 300, 300), "Bump", 0, 0.00004, detail=3)
    wood = material("wood", (0.36, 0.20, 0.09), 0.5)
    vary(wood, (30, 900, 30), "Base Color", (0.42, 0.24, 0.11), (0.25, 0.125, 0.05), detail=8)
    brass = material("brass", (0.72, 0.50, 0.22), 0.25, Metallic=1.0)
    lathe("body", can(0.040, 0.0, 0.046, 0.009), clay)
    lathe("band", can(0.0375, 0.0455, 0.0485, 0.0006), brass)
    lathe("lid", can(0.0402, 0.0485, 0.066, 0.003), wood)


def lamp() -> None:
    """Add a table lamp with a dome, enamelled."""
    enamel = material("enamel", (0.62, 0.25, 0.035), 0.28, Coat_Weight=0.6, Coat_Roughness=0.06)
    metal = material("metal", (0.60, 0.58, 0.55), 0.25, Metallic=1.0)
    lathe("foot", can(0.062, 0.0, 0.012, 0.004), enamel)
    lathe("stem", can(0.0085, 0.012, 0.150, 0.001), metal)
    dome = [(0, 0.148), (0.092, 0.148), *arc((0.094, 0.152), (0.003, 0.003), -90, 0, 6)]
    lathe("dome", [*dome, *arc((0, 0.152), (0.097, 0.078), 0, 89, 40), (0, 0.230)], enamel)
    lathe("knob", can(0.008, 0.228, 0.240, 0.003), metal)


def vase() -> None:
    """Add a bellied vase of raw clay with a glazed neck."""
    clay = material("clay", (0.42, 0.155, 0.075), 0.75)
    vary(clay, (700, 700, 2600), "Bump", 0, 0.00016, detail=4)
    white = material("slip", (0.74, 0.70, 0.62), 0.4, Coat_Weight=0.3)
    belly = arc((0.030, 0.075), (0.044, 0.066), -70, 52, 40)
    lathe("belly", [(0, 0.0), (0.042, 0.0), (0.0445, 0.004), *belly, (0.0, belly[-1][1])], clay)
    neck, low = belly[-1]
    lathe(
        "neck",
        [
            (0, low),
            (neck, low),
            *arc((neck + 0.018, low + 0.030), (0.0325, 0.034), 235, 150, 24),
            (neck - 0.004, low + 0.062),
            *arc((neck - 0.006, low + 0.064), (0.003, 0.003), 0, 180, 8),
            (neck - 0.020, low + 0.02),
            (0, low + 0.018),
        ],
        white,
    )


def gift() -> None:
    """Add a lidded box with a ribbon round it."""
    paper = material("paper", (0.035, 0.13, 0.105), 0.6)
    vary(paper, (1500, 1500, 1500), "Bump", 0, 0.00003)
    ribbon = material("ribbon", (0.70, 0.50, 0.34), 0.35, Sheen_Weight=0.5)
    box("box", (-0.055, -0.055, 0.0), (0.055, 0.055, 0.060), paper, bevel=0.0015)
    box("lid", (-0.058, -0.058, 0.058), (0.058, 0.058, 0.084), paper, bevel=0.0018)
    box("across", (-0.0105, -0.0588, 0.0), (0.0105, 0.0588, 0.0848), ribbon, bevel=0.0006)
    box("along", (-0.0588, -0.0105, 0.0), (0.0588, 0.0105, 0.0850), ribbon, bevel=0.0006)
    for turn in (0.35, 2.79, 3.6, 5.8):
        x, y = math.cos(turn), math.sin(turn)
        ring(
            "bow",
            [
                (0, 0, 0.086),
                (0.016 * x, 0.016 * y, 0.106),
                (0.036 * x, 0.036 * y, 0.108),
                (0.040 * x, 0.040 * y, 0.092),
                (0.018 * x, 0.018 * y, 0.087),
                (0, 0, 0.087),
            ],
            0.0032,
            ribbon,
        )


def notebook() -> None:
    """Add a notebook with a band and a pen, lying."""
    cover = material("cover", (0.30, 0.052, 0.040), 0.55)
    vary(cover, (1300, 1300, 1300), "Bump", 0, 0.0001, detail=4)
    pages = material("pages", (0.72, 0.67, 0.56), 0.8)
    black = material("band", (0.014, 0.014, 0.015), 0.6)
    metal = material("pen", (0.65, 0.62, 0.57), 0.22, Metallic=1.0)
    box("pages", (-0.063, -0.098, 0.002), (0.066, 0.098, 0.016), pages, bevel=0.001)
    box("cover", (-0.068, -0.103, 0.014), (0.068, 0.103, 0.0175), cover, bevel=0.0012)
    box("back", (-0.068, -0.103, 0.0), (0.068, 0.103, 0.003), cover, bevel=0.0012)
    box("band", (0.046, -0.1035, 0.0), (0.0505, 0.1035, 0.0182), black, bevel=0.0004)
    box("label", (-0.044, 0.030, 0.0170), (0.012, 0.062, 0.0178), pages, bevel=0.0002)
    ring(
        "pen",
        [(0.083, -0.07, 0.005), (0.083, -0.02, 0.005), (0.083, 0.03, 0.005), (0.083, 0.072, 0.005)],
        0.0046,
        metal,
    )


#: Product: its builder, the height of the camera's aim, the visible width (both metres), and how far the camera looks
#: down in degrees.
PRODUCTS: dict[str, tuple[Callable[[], None], float, float, float]] = {
    "mug": (mug, 0.044, 0.15, 12),
    "jar": (jar, 0.033, 0.12, 14),
    "lamp": (lamp, 0.118, 0.30, 6),
    "vase": (vase, 0.098, 0.25, 8),
    "gift": (gift, 0.050, 0.20, 16),
    "notebook": (notebook, 0.008, 0.26, 88),
}


def light() -> None:
    """Add a soft window to the left, a weaker one to the right, and the room's reflected light."""
    for place, size, energy, colour in (
        ((-0.9, -0.7, 0.9), 0.8, 22.0, (1.0, 0.97, 0.92)),
        ((1.0, -0.5, 0.6), 0.7, 5.0, (0.93, 0.96, 1.0)),
        ((0.1, 0.9, 0.8), 0.5, 7.0, (1.0, 1.0, 1.0)),
    ):
        area = bpy.data.lights.new("window", "AREA")
        area.size, area.energy, area.color = size, energy, colour
        lit = bpy.data.objects.new("window", area)
        lit.location = place
        lit.rotation_euler = (Vector((0, 0, 0.06)) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
        bpy.context.collection.objects.link(lit)
    world = bpy.data.worlds.new("room")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1.0, 0.96, 0.9, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.35
    bpy.context.scene.world = world


def look(height: float, wide: float, down: float) -> None:
    """Aim an 85 mm lens with a 36 mm square sensor so that `wide` metres are visible at the product."""
    data = bpy.data.cameras.new("camera")
    data.sensor_width, data.lens, data.clip_start = 36, 85, 0.01
    camera = bpy.data.objects.new("camera", data)
    bpy.context.collection.objects.link(camera)
    angle, target = math.radians(down), Vector((0, 0, height))
    camera.location = target + wide * 85 / 36 * Vector((0, -math.cos(angle), math.sin(angle)))
    camera.rotation_euler = (target - camera.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.camera = camera


def render(path: Path, samples: int, threads: int) -> Image.Image:
    """Render the scene without a background and return it as RGBA, sRGB, cropped to the product."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.seed = "CPU", samples, 1
    scene.cycles.max_bounces, scene.cycles.use_denoising, scene.cycles.denoiser = 5, True, "OPENIMAGEDENOISE"
    scene.render.film_transparent = True
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.resolution_x = scene.render.resolution_y = 500
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    picture: Image.Image = Image.open(path)
    left, top, right, bottom = picture.getchannel("A").getbbox() or (0, 0, *picture.size)
    picture = picture.crop((left - 4, top - 4, right + 4, bottom + 4))
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return picture


def main() -> None:
    """Write NAME.webp for each product."""
    options = argparse.ArgumentParser(description="Render the other sample products with their alpha.")
    options.add_argument("names", nargs="*", choices=[*PRODUCTS, []], help="only these")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--samples", type=int, default=16, help="paths a pixel")
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    for name in chosen.names or PRODUCTS:
        build, height, wide, down = PRODUCTS[name]
        bpy.ops.wm.read_factory_settings(use_empty=True)
        build()
        turn = math.radians(-24 if name == "gift" else -10 if name == "notebook" else -38 if name == "mug" else 0)
        for thing in bpy.context.scene.objects:
            thing.rotation_euler.z += turn
        light()
        look(height, wide, down)
        with tempfile.TemporaryDirectory() as folder:
            picture = render(Path(folder) / "product.png", chosen.samples, chosen.threads)
        picture.save(chosen.out / f"{name}.webp", quality=92, method=6, exact=False)


if __name__ == "__main__":
    main()
