"""Render the sample product photo of the README with its exact alpha. Every shape and surface is made here.

Not part of the package: it needs Blender as a Python module, in a separate virtual environment (Python 3.11).

    python3.11 -m venv ~/bpyenv && ~/bpyenv/bin/pip install bpy==4.5.15 pillow==13.0.0 "numpy<2"
    ~/bpyenv/bin/python -m scripts.render_sample --out service/sample

Lengths are metres, colours are linear Rec. 709, z is up and the camera looks along +y. Cycles runs on the CPU with a
fixed seed. The lettering uses Blender's built-in font. No model, texture or font is read from a file.
"""

import argparse
import math
import tempfile
from collections.abc import Iterable
from pathlib import Path

import bpy  # first: the import makes mathutils importable

# isort: split
import numpy as np
from mathutils import Vector
from PIL import Image

from scripts.sample_shapes import BODY_RADIUS, LABEL_RADIUS, arc, box, can, lathe, lettering, material, sticker, vary

WIDTH, HEIGHT = 1400, 1800  # px
PRODUCT_TURN = math.radians(9)  # a slight turn, as if placed by hand


def build_product() -> list[bpy.types.Object]:
    """Add the pump bottle, standing on z = 0 around the z axis, and return its parts."""
    glaze = material("glaze", (0.009, 0.052, 0.039), 0.3, Coat_Weight=0.5, Coat_Roughness=0.07)
    vary(glaze, (90, 90, 60), "Roughness", 0.24, 0.36)
    vary(glaze, (260, 260, 260), "Bump", 0, 0.00002, detail=2)
    metal = material("brushed metal", (0.62, 0.60, 0.57), 0.3, Metallic=1.0, Anisotropic=0.6)
    vary(metal, (60, 60, 9000), "Roughness", 0.22, 0.42, detail=3)
    plastic = material("black plastic", (0.012, 0.012, 0.013), 0.32)
    vary(plastic, (400, 400, 400), "Roughness", 0.28, 0.38)
    paper = material("label paper", (0.80, 0.755, 0.66), 0.62)
    vary(paper, (1500, 1500, 2500), "Bump", 0, 0.00003)
    ink = material("ink", (0.012, 0.030, 0.024), 0.5)
    copper = material("copper foil", (0.60, 0.33, 0.17), 0.32, Metallic=1.0)

    edge, shoulder = BODY_RADIUS - 0.004, 0.112
    body = [(0, 0.0012), (edge - 0.004, 0.0012), (edge - 0.002, 0), *arc((edge, 0.004), (0.004, 0.004), -90, 0)]
    body += [
        *arc((0.0135, shoulder), (BODY_RADIUS - 0.0135, 0.0165), 0, 88, 40),
        (0.0125, 0.1300),
        (0.0125, 0.134),
        (0, 0.134),
    ]
    parts = [lathe("body", body, glaze)]
    parts.append(lathe("collar", can(0.0152, 0.1305, 0.1445, 0.0009), metal))
    parts.append(lathe("gasket", can(0.0090, 0.1440, 0.1465, 0.0006), plastic))
    parts.append(lathe("stem", can(0.0046, 0.1450, 0.1600, 0.0004), metal))
    parts.append(lathe("skirt", can(0.0086, 0.1545, 0.1640, 0.0008), plastic))
    head = [
        (0, 0.1600),
        *arc((0.0108, 0.1620), (0.0012, 0.0012), -90, 0, 8),
        *arc((0.0098, 0.1690), (0.0022, 0.0022), 0, 84, 12),
    ]
    head += [(0.006, 0.1708), (0, 0.1704)]  # dished for a fingertip
    parts.append(lathe("head", head, plastic))

    spout = bpy.data.curves.new("spout", "CURVE")
    spout.dimensions, spout.use_fill_caps, spout.bevel_depth = "3D", True, 0.0042
    spout.bevel_resolution, spout.resolution_u = 12, 24
    path = spout.splines.new("NURBS")
    course = (
        (0, 0.1660, 1),
        (0.012, 0.1662, 1),
        (0.026, 0.1664, 0.94),
        (0.0365, 0.1655, 0.84),
        (0.0405, 0.1620, 0.76),
        (0.0408, 0.1582, 0.74),
    )
    path.points.add(len(course) - 1)
    for point, (x, z, width) in zip(path.points, course, strict=True):
        point.co, point.radius = (x, 0, z, 1), width
    path.use_endpoint_u, path.order_u = True, 4
    spout.materials.append(plastic)
    nozzle = bpy.data.objects.new("spout", spout)
    bpy.context.collection.objects.link(nozzle)
    nozzle.rotation_euler = (0, 0, math.radians(-33))  # towards the camera's right, foreshortened
    parts.append(nozzle)

    label = sticker("label", (-0.0285, 0.022, 0.0285, 0.098), 0.0015, LABEL_RADIUS, paper)
    parts.append(label)
    parts.append(lettering("BACKDROP", 0.0805, 0.0074, 1.12, ink))
    parts.append(sticker("rule", (-0.0045, 0.0735, 0.0045, 0.0739), 0.00015, LABEL_RADIUS + 0.00003, copper))
    parts.append(lettering("No. 1", 0.0545, 0.0120, 1.0, ink))
    parts.append(lettering("hand cream", 0.0440, 0.0058, 1.06, ink))
    parts.append(lettering("300 ml   10.1 fl. oz.", 0.0275, 0.0032, 1.08, ink))
    for part in parts:
        part.rotation_euler.z += PRODUCT_TURN
    return parts


def build_room() -> None:
    """Add the table, the wall, the things around the bottle, and the window that lights them."""
    table = material("table", (0.36, 0.32, 0.27), 0.45)
    vary(table, (14, 260, 14), "Base Color", (0.29, 0.252, 0.205), (0.41, 0.37, 0.315), detail=9)
    vary(table, (40, 400, 40), "Bump", 0, 0.0002)
    box("table", (-0.75, -0.5, -0.03), (0.75, 0.42, 0), table, bevel=0.004)
    wall = material("wall", (0.56, 0.535, 0.49), 0.85)
    vary(wall, (350, 350, 350), "Bump", 0, 0.0006, detail=3)
    box("wall", (-2.2, 0.47, -1), (2.2, 0.55, 2), wall)
    box("side wall", (1.5, -2.5, -1), (1.6, 0.5, 2), wall)
    box("ceiling", (-2.2, -2.5, 1.7), (2.2, 0.5, 1.8), material("ceiling", (0.7, 0.68, 0.64), 0.9))

    pages = material("pages", (0.66, 0.61, 0.50), 0.8)
    for i, (colour, turn) in enumerate((((0.16, 0.19, 0.24), 8), ((0.42, 0.16, 0.10), -5))):
        low, cover = 0.026 * i, material(f"cover {i}", colour, 0.5)
        for name, top, bottom, inset, made in (
            ("lid", 0.026, 0.0235, 0, cover),
            ("leaves", 0.0235, 0.0025, 0.004, pages),
            ("base", 0.0025, 0.0002, 0, cover),
        ):
            book = box(
                name,
                (-0.11 + inset, -0.075 + inset, low + bottom),
                (0.11, 0.075 - inset, low + top),
                made,
                bevel=0.0008,
            )
            book.location, book.rotation_euler.z = (0.235, 0.31, 0), math.radians(turn)
    socket = material("switch plate", (0.72, 0.71, 0.68), 0.35)
    box("switch plate", (-0.215, 0.460, 0.205), (-0.135, 0.472, 0.285), socket, bevel=0.003)
    box("switch", (-0.195, 0.455, 0.222), (-0.155, 0.465, 0.268), socket, bevel=0.002)

    # A casement window of six panes to the left, one light each, so that the glaze reflects its bars.
    middle = Vector((-1.2, -0.5, 0.6))
    aim = (Vector((0, 0, 0.08)) - middle).to_track_quat("-Z", "Y")
    for column in range(2):
        for row in range(3):
            pane = bpy.data.lights.new("pane", "AREA")
            pane.shape, pane.size, pane.size_y = "RECTANGLE", 0.40, 0.36
            pane.energy, pane.color = 7.6, (1.0, 0.965, 0.91)
            light = bpy.data.objects.new("pane", pane)
            light.location = middle + aim @ Vector(((column - 0.5) * 0.45, (row - 1) * 0.40, 0))
            light.rotation_euler = aim.to_euler()
            bpy.context.collection.objects.link(light)
    world = bpy.data.worlds.new("room behind the camera")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1.0, 0.93, 0.84, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.14
    bpy.context.scene.world = world


def place_camera() -> None:
    """Aim an 85 mm lens on 24 × 36 mm at f/8, 10 degrees down, focused on the label's front."""
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_height, data.lens, data.clip_start = "VERTICAL", 36, 85, 0.01
    data.dof.use_dof, data.dof.aperture_fstop = True, 8
    camera = bpy.data.objects.new("camera", data)
    bpy.context.collection.objects.link(camera)
    target, distance, down = Vector((0.003, 0, 0.088)), 0.66, math.radians(10)
    camera.location = target + distance * Vector((0, -math.cos(down), math.sin(down)))
    camera.rotation_euler = (target - camera.location).to_track_quat("-Z", "Y").to_euler()
    data.dof.focus_distance = distance - 0.014  # between the label's front and the outline, so both are sharp
    bpy.context.scene.camera = camera


def render(path: Path, samples: int, scale: float, threads: int) -> np.ndarray:
    """Render the scene to ``path`` (PNG, 8 bit) and return its pixels, (h, w) or (h, w, 3), uint8."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.seed = "CPU", samples, 1
    scene.cycles.use_adaptive_sampling, scene.cycles.adaptive_threshold = True, 0.015
    scene.cycles.max_bounces, scene.cycles.diffuse_bounces, scene.cycles.glossy_bounces = 5, 3, 3
    scene.cycles.caustics_reflective = False  # they cause fireflies, and no caustic matters here
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.resolution_percentage = round(100 * scale)
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(path))


def render_photo(folder: Path, samples: int, scale: float, threads: int) -> Image.Image:
    """Render the photo in sRGB and add a sensor's noise."""
    scene = bpy.context.scene
    scene.cycles.use_denoising, scene.cycles.denoiser = True, "OPENIMAGEDENOISE"
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    scene.view_settings.exposure = 0.0
    scene.render.image_settings.color_mode = "RGB"
    pixels = render(folder / "photo.png", samples, scale, threads).astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 1.1, pixels.shape[:2])[..., None]  # 8-bit levels, luminance only
    return Image.fromarray(np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8))


def render_alpha(folder: Path, product: Iterable[bpy.types.Object], scale: float, threads: int) -> Image.Image:
    """Render the product's coverage through the same lens, 0 to 255 and linear: white on black, nothing in front."""
    scene = bpy.context.scene
    shown = set(product)
    for thing in scene.objects:
        thing.hide_render = thing not in shown and thing.type != "CAMERA"
    white = bpy.data.materials.new("white")
    white.use_nodes = True
    white.node_tree.nodes.clear()
    glow = white.node_tree.nodes.new("ShaderNodeEmission")
    output = white.node_tree.nodes.new("ShaderNodeOutputMaterial")
    white.node_tree.links.new(glow.outputs["Emission"], output.inputs["Surface"])
    bpy.context.view_layer.material_override = white
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0
    scene.cycles.use_denoising = False
    scene.render.dither_intensity = 0  # dither would turn clean 0 and 255 into 1 and 254
    scene.view_settings.view_transform, scene.view_settings.look = "Raw", "None"
    scene.render.image_settings.color_mode = "BW"
    return Image.fromarray(render(folder / "alpha.png", 128, scale, threads))


def main() -> None:
    """Write bottle.jpg and bottle-alpha.png."""
    options = argparse.ArgumentParser(description="Render the sample product photo and its alpha.")
    options.add_argument("--out", type=Path, required=True, help="folder to write bottle.jpg and bottle-alpha.png to")
    options.add_argument("--samples", type=int, default=48, help="paths a pixel for the photo")
    options.add_argument("--scale", type=float, default=1.0, help="fraction of 1400 by 1800, for a quick look")
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    product = build_product()
    build_room()
    place_camera()
    with tempfile.TemporaryDirectory() as folder:
        photo = render_photo(Path(folder), chosen.samples, chosen.scale, chosen.threads)
        alpha = render_alpha(Path(folder), product, chosen.scale, chosen.threads)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 1  # ColorSpace: sRGB
    chosen.out.mkdir(parents=True, exist_ok=True)
    photo.save(chosen.out / "bottle.jpg", quality=92, optimize=True, exif=exif)
    alpha.save(chosen.out / "bottle-alpha.png", optimize=True)


if __name__ == "__main__":
    main()
