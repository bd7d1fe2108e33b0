"""Shapes and surfaces of the sample photos, made with Blender: lathe work, boxes, paper and print.

Only for `render_sample.py` and `render_products.py`. Lengths are metres, colours linear Rec. 709, z is up.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import bpy  # first: the import makes bmesh and mathutils importable

# isort: split
import bmesh
import numpy as np
from mathutils import Vector

BODY_RADIUS = 0.031
LABEL_RADIUS = BODY_RADIUS + 0.00012  # the paper is 0.12 mm above the glaze

Point = tuple[float, float]
Colour = tuple[float, float, float]


def material(name: str, colour: Colour, roughness: float, **inputs: float) -> bpy.types.Material:
    """Return a Principled material; ``inputs`` are further sockets, with underscores for blanks."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Roughness"].default_value = roughness
    for socket, value in inputs.items():
        shader.inputs[socket.replace("_", " ")].default_value = value
    return made


def vary(
    made: bpy.types.Material, scale: Sequence[float], socket: str, low: object, high: object, detail: float = 6
) -> None:
    """Drive a socket from ``low`` to ``high`` by noise in object space, ``scale`` cycles a metre along x, y and z.

    With ``socket`` ``"Bump"``, ``high`` is the relief's height in metres, and ``low`` is not used.
    """
    nodes, links = made.node_tree.nodes, made.node_tree.links
    shader = nodes["Principled BSDF"]
    place, stretch, noise = (nodes.new(f"ShaderNode{kind}") for kind in ("TexCoord", "Mapping", "TexNoise"))
    stretch.inputs["Scale"].default_value = scale
    noise.inputs["Scale"].default_value = 1
    noise.inputs["Detail"].default_value = detail
    links.new(place.outputs["Object"], stretch.inputs["Vector"])
    links.new(stretch.outputs["Vector"], noise.inputs["Vector"])
    if socket == "Bump":
        bump = nodes.new("ShaderNodeBump")
        bump.inputs["Distance"].default_value = high
        links.new(noise.outputs["Fac"], bump.inputs["Height"])
        links.new(bump.outputs["Normal"], shader.inputs["Normal"])
        return
    ramp = nodes.new("ShaderNodeValToRGB")
    for stop, position, value in zip(ramp.color_ramp.elements, (0.35, 0.65), (low, high), strict=True):
        stop.position = position
        stop.color = (*value, 1) if isinstance(value, tuple) else (value, value, value, 1)
    links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], shader.inputs[socket])


def add_mesh(name: str, mesh: bmesh.types.BMesh, made: bpy.types.Material, smooth: bool = True) -> bpy.types.Object:
    """Add a mesh to the scene, with its faces pointing outwards."""
    bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)
    data = bpy.data.meshes.new(name)
    mesh.to_mesh(data)
    mesh.free()
    data.materials.append(made)
    data.shade_smooth() if smooth else data.shade_flat()
    thing = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(thing)
    return thing


def arc(centre: Point, radius: Point, start: float, stop: float, steps: int = 12) -> list[Point]:
    """Return points on an ellipse's arc in the (r, z) plane; angles in degrees, 0 outwards, 90 up."""
    angles = np.radians(np.linspace(start, stop, steps))
    return [(centre[0] + radius[0] * math.cos(a), centre[1] + radius[1] * math.sin(a)) for a in angles]


def lathe(name: str, profile: Sequence[Point], made: bpy.types.Material, sides: int = 256) -> bpy.types.Object:
    """Turn an (r, z) profile about the z axis; both ends should be on the axis.

    Straight runs are cut every millimetre: with smooth shading, a long face next to a small fillet would seem to bulge.
    """
    points: list[Point] = [profile[0]]
    for (r0, z0), (r1, z1) in pairwise(profile):
        cuts = max(1, math.ceil(math.hypot(r1 - r0, z1 - z0) / 0.001))
        points += [(r0 + (r1 - r0) * i / cuts, z0 + (z1 - z0) * i / cuts) for i in range(1, cuts + 1)]
    mesh = bmesh.new()
    line = [mesh.verts.new((r, 0, z)) for r, z in points]
    edges = [mesh.edges.new(pair) for pair in pairwise(line)]
    bmesh.ops.spin(mesh, geom=[*line, *edges], axis=(0, 0, 1), cent=(0, 0, 0), angle=math.tau, steps=sides)
    bmesh.ops.remove_doubles(mesh, verts=mesh.verts, dist=1e-7)
    return add_mesh(name, mesh, made)


def can(radius: float, low: float, high: float, fillet: float) -> list[Point]:
    """Return the profile of a closed cylinder with rounded edges."""
    inner = radius - fillet
    round_ = (fillet, fillet)
    return [
        (0, low),
        *arc((inner, low + fillet), round_, -90, 0),
        *arc((inner, high - fillet), round_, 0, 90),
        (0, high),
    ]


def box(
    name: str, low: Sequence[float], high: Sequence[float], made: bpy.types.Material, bevel: float = 0.0
) -> bpy.types.Object:
    """Add a box between two corners, with edges rounded by ``bevel``."""
    mesh = bmesh.new()
    bmesh.ops.create_cube(mesh, size=1)
    for vert in mesh.verts:
        vert.co = Vector(low[i] + (high[i] - low[i]) * (vert.co[i] + 0.5) for i in range(3))
    if bevel:
        bmesh.ops.bevel(mesh, geom=mesh.edges[:], offset=bevel, segments=4, profile=0.5, affect="EDGES")
    return add_mesh(name, mesh, made, smooth=False)


def wrap(mesh: bmesh.types.BMesh, radius: float) -> None:
    """Bend a flat drawing (x along the arc, z up) around the bottle, cut into strips so that it follows the curve."""
    xs = [vert.co.x for vert in mesh.verts]
    for x in np.arange(min(xs) + 0.0004, max(xs), 0.0008):
        geometry = [*mesh.verts, *mesh.edges, *mesh.faces]
        bmesh.ops.bisect_plane(mesh, geom=geometry, plane_co=(x, 0, 0), plane_no=(1, 0, 0))
    for vert in mesh.verts:
        angle = vert.co.x / LABEL_RADIUS
        vert.co = Vector((radius * math.sin(angle), -radius * math.cos(angle), vert.co.z))


def sticker(
    name: str, corners: Sequence[float], corner: float, radius: float, made: bpy.types.Material
) -> bpy.types.Object:
    """Wrap a rectangle (left, bottom, right, top) with rounded corners around the bottle."""
    left, bottom, right, top = corners
    mesh = bmesh.new()
    outline: list[Point] = []
    for x, z, start in ((right, bottom, -90), (right, top, 0), (left, top, 90), (left, bottom, 180)):
        centre = (x - math.copysign(corner, x), z + (corner if z == bottom else -corner))
        outline += arc(centre, (corner, corner), start, start + 90, 8)
    mesh.faces.new([mesh.verts.new((x, 0, z)) for x, z in outline])
    wrap(mesh, radius)
    return add_mesh(name, mesh, made)


def lettering(text: str, z: float, size: float, spacing: float, made: bpy.types.Material) -> bpy.types.Object:
    """Print a centred line of text on the label. ``z`` is its baseline and ``size`` the font's em, both in metres."""
    curve = bpy.data.curves.new(text, "FONT")
    curve.body, curve.size, curve.space_character = text, size, spacing
    curve.align_x = "CENTER"
    curve.resolution_u = 8
    drawn = bpy.data.objects.new(text, curve)
    bpy.context.collection.objects.link(drawn)
    bpy.context.view_layer.update()
    mesh = bmesh.new()
    mesh.from_mesh(drawn.to_mesh())
    bpy.data.objects.remove(drawn)
    xs = [vert.co.x for vert in mesh.verts]
    middle = (min(xs) + max(xs)) / 2  # centring counts the last letter's spacing
    for vert in mesh.verts:
        vert.co = Vector((vert.co.x - middle, 0, vert.co.y + z))
    wrap(mesh, LABEL_RADIUS + 0.00003)
    return add_mesh(text, mesh, made)
