"""Read the meshes to render: `python -m scripts.viewpoint.meshes CLONES OUT`, one file of arrays per mesh.

    pip install trimesh lxml pycollada DracoPy     # for this script and `scripts.viewpoint.render`, plus embreex

CLONES is a folder of clones, owner/name, of the repositories in SOURCES. A mesh without its texture gets one grey.
Meshes that are lying, or are not a thing, are left out by name.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

#: Prefix, repository, pattern, and whether y is up. `models/viewpoint/README.md` has their licences.
SOURCES = (
    ("pmndrs", "pmndrs/market-assets", "files/models/*/model.gltf", True),
    ("furn", "KayKit-Game-Assets/KayKit-Furniture-Bits-1.0", "**/*.gltf", True),
    ("rest", "KayKit-Game-Assets/KayKit-Restaurant-Bits-1.0", "**/*.gltf", True),
    ("city", "KenneyNL/Starter-Kit-City-Builder", "models/building*.glb", True),
    ("libero", "Lifelong-Robot-Learning/LIBERO", "**/*.obj", False),
    ("ycb", "eleramp/pybullet-object-models", "**/textured_simple_reoriented.obj", False),
    ("drake", "RobotLocomotion/models", "ycb/meshes/*sugar*.obj", True),
    ("drake", "RobotLocomotion/models", "veggies/assets/*.gltf", True),
    ("gazebo", "osrf/gazebo_models", "*/meshes/*.[dDoO][aAbB][eEjJ]", False),
    ("osim", "vikashplus/object_sim", "*/**/*.[so][tb][lj]", False),
    ("osim", "vikashplus/furniture_sim", "*/**/*.[so][tb][lj]", False),
)
#: In these sources a mesh is named for its file. In others it is a thing's largest file, named for the thing's folder.
BY_FILE = ("furn", "rest", "city", "drake")
#: Not a thing, or lying.
LEFT_OUT = re.compile(
    r"wall|floor|kitchencounter_(inner|outer)|world|plane|terrain|house|apartment|station|cafe$|first_office|maze|landing"
    r"|pit|cloverleaf|powerplant|school|salon|law_office|thrift|grocery|reactor|pier|gas_|willow|iss_half|heightmap|office"
    r"|playground|elevator|robocup.*field|truss_bridge|ground|scaffold|stairs|pillar|parking|fast_food|common|kitchen$|misc"
    r"|hand$|human|node|hole|formation|corner|column|ceiling|basin|_col|dishwasher|lightButtons|ur10|robonaut|libero_mug"
    r"|src_doorway|starting_pen|oak_tree|r2_description|collapsed_industrial|nist_simple_ramp|garage"
)
#: Limits: side of a texture in pixels, bytes of a file, faces of a mesh.
TEXTURE, LARGEST, FACES = 512, 6_000_000, 150_000


def meshes(clones: Path) -> Iterator[tuple[str, Path, bool]]:
    """Yield each mesh's name, its file, and whether y is up in it."""
    for prefix, repository, pattern, y_up in SOURCES:
        found: dict[str, Path] = {}
        for path in sorted((clones / repository).glob(pattern)):
            thing = path.stem if prefix in BY_FILE else path.relative_to(clones / repository).parts[-2]
            if "coll" in path.name:  # the collision shape of a simulator
                continue
            if prefix in ("gazebo", "osim"):
                thing = path.relative_to(clones / repository).parts[0]
            kept = found.setdefault(thing, path)
            if path.stat().st_size > kept.stat().st_size:
                found[thing] = path
        for thing, path in found.items():
            if not LEFT_OUT.search(f"{prefix}-{thing}"):
                yield f"{prefix}-{thing}", path, y_up


def read(path: Path, *, y_up: bool) -> dict[str, NDArray[Any]]:
    """Return a mesh within a cube of side 1 around 0, z up, as arrays.

    `vertices` n×3, `faces` m×3, `part` m (the texture of each face), `uv` n×2, and `texture0`, … as H×W×3 sRGB in [0,
    1] or one colour (3). Raises ValueError if it has no faces, and the errors of its format's reader.
    """
    loaded = trimesh.load(path, process=False)
    arrays: dict[str, list[NDArray[Any]]] = {"vertices": [], "faces": [], "part": [], "uv": []}
    textures: dict[str, NDArray[Any]] = {}
    count = 0
    for part in loaded.dump() if isinstance(loaded, trimesh.Scene) else [loaded]:
        if not isinstance(part, trimesh.Trimesh) or not len(part.faces):
            continue
        colour, uv = _texture(part.visual)
        arrays["vertices"].append(np.asarray(part.vertices, float))
        arrays["faces"].append(np.asarray(part.faces) + count)
        arrays["part"].append(np.full(len(part.faces), len(textures)))
        arrays["uv"].append(np.zeros((len(part.vertices), 2)) if uv is None else uv)
        textures[f"texture{len(textures)}"] = colour
        count += len(part.vertices)
    joined = {name: np.concatenate(some) for name, some in arrays.items()}
    vertices = joined["vertices"]
    if y_up:
        vertices = np.c_[vertices[:, 0], -vertices[:, 2], vertices[:, 1]]
    vertices = vertices - (vertices.min(0) + vertices.max(0)) / 2
    joined["vertices"] = (vertices / (np.abs(vertices).max() * 2 + 1e-9)).astype(np.float32)
    joined["uv"] = joined["uv"].astype(np.float32)
    return joined | textures


def _texture(visual: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return a part's texture and its vertices' texture coordinates, or its one colour and None."""
    if visual.kind in ("vertex", "face"):
        return np.asarray(visual.face_colors[:, :3], float).mean(0) / 255, None
    material = getattr(visual, "material", None)
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if image is not None and visual.uv is not None:
        small = image.convert("RGB").resize((min(TEXTURE, image.width), min(TEXTURE, image.height)))
        return np.asarray(small, np.float32) / 255, np.asarray(visual.uv, float)
    main = getattr(material, "main_color", None)
    return (np.full(3, 0.7) if main is None else np.asarray(main[:3], float) / 255), None


def main() -> None:
    """Read the meshes of the clones and print those that could not be read."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clones", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, path, y_up in meshes(given.clones):
        if path.stat().st_size > LARGEST:
            continue
        try:
            mesh = read(path, y_up=y_up)
        except Exception as error:  # noqa: BLE001  # each format's reader raises its own
            print(f"{name}: {error!r}")
            continue
        if 6 <= len(mesh["faces"]) <= FACES:
            np.savez_compressed(given.out / f"{name}.npz", **mesh)  # type: ignore[arg-type]  # arrays by name


if __name__ == "__main__":
    main()
