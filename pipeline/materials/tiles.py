"""Finishes of surfaces: baked tiles of albedo around 1, to be multiplied onto a flat colour.

A tile is a square, seamless picture in `pipeline/assets/tiles`, whose README says what it shows and who made it. It
covers TILE canvas heights. A seed chooses a tile and a stretch of it. Its codes are logarithms of factors.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.lasting import kept
from pipeline.core.spec import Finish
from pipeline.geometry.ray import Field
from pipeline.materials.appearance import Appearance
from pipeline.materials.pyramid import TILE, Pyramid, filled

#: Factors of the lowest and of the highest code of each tile.
RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "marble-1": (0.4, 1.3),
        "marble-2": (0.4, 1.3),
        "wood-1": (0.3, 1.4),
        "wood-2": (0.3, 1.4),
        "wood-3": (0.3, 1.4),
        "plaster-1": (0.75, 1.25),
        "plaster-2": (0.75, 1.25),
        "concrete": (0.5, 1.4),
        "concrete-wall": (0.4, 1.5),
        "linen": (0.75, 1.25),
        "linen-folded": (0.65, 1.35),
        "velvet": (0.75, 1.25),
        "sand": (0.55, 1.6),
        "terrazzo": (0.3, 1.5),
    }
)
#: The first of the six colours of terrazzo's palette that are chips in the scene's other colours: three tones of two.
ACCENT = 250
#: The first of the 16 tones of terrazzo's binder, of which each texel of the colour 0 takes one: as a file it would be
#: three times as large.
BINDER = 80
#: Texels of a file for each TILE canvas heights.
FINE = 2048
#: Boards of a wooden table across a tile.
BOARDS = 8
#: Tiles that are kept decoded: of 1 MiB each, or 4 MiB for pictures of more than 1,200 rows.
KEPT = 4

Codes = NDArray[np.uint8]


class Kind(NamedTuple):
    """How the tiles of a finish are laid and coloured."""

    tiles: tuple[str, ...]
    #: Freely; with the relief's light, from the right in a tile, towards the scene's; by quarter turns and mirrored
    #: towards the light; mirrored only; along the axes.
    turned: Literal["freely", "lit", "quarters", "sides", "never"] = "never"
    #: Exponents of the three channels. Darker wood is also redder, and veins of iron are warm.
    tint: tuple[float, ...] = (1.0,)
    #: Exponent for dark stone: its veins and chips are lighter than its ground.
    inverse: float = 1.0


KINDS: Mapping[Finish, Kind] = MappingProxyType(
    {
        "marble": Kind(("marble-1", "marble-2"), "freely", (0.94, 1.0, 1.05), -2.4),
        "wood": Kind(("wood-1", "wood-2", "wood-3"), tint=(0.82, 1.0, 1.18)),
        "terrazzo": Kind(("terrazzo",), "freely", (1.0, 1.0, 1.0), -1.2),
        "concrete": Kind(("concrete",), "lit"),
        "plaster": Kind(("plaster-1", "plaster-2"), "lit"),
        "sand": Kind(("sand",), "lit"),
        "fabric": Kind(("linen-folded",), "quarters"),
        "velvet": Kind(("velvet",), "sides"),
    }
)
#: The tiles of upright surfaces: formwork's marks on concrete, and cloth without creases.
UPRIGHT: Mapping[Finish, Kind] = MappingProxyType(
    {"concrete": Kind(("concrete-wall",), "sides"), "fabric": Kind(("linen",), "quarters")}
)
AS_IT_IS = Appearance()


def swatch(finish: Finish, rng: np.random.Generator, n: int, shown: Appearance = AS_IT_IS) -> Pyramid | None:
    """Return texels of albedo factors of a finish, grey or in three channels, linear, mean 1 per channel; they tile.

    There are `n` for each TILE canvas heights, a power of 2 and at most FINE. None for a finish without texture.
    Each call takes one number from `rng`, independent of finish, size and `shown`.
    """
    rng = np.random.default_rng(rng.integers(1 << 62))
    kind = (UPRIGHT if shown.upright else KINDS).get(finish, KINDS.get(finish))
    if kind is None:
        return None
    name = kind.tiles[int(rng.integers(len(kind.tiles)))]
    codes, palette, share = _decoded(name, n)
    if finish == "wood":
        codes = _boards(codes, rng)
    low, high = np.log(RANGES[name])
    logs = low + (high - low) / 255 * palette[:, : len(kind.tint)]
    factors = np.exp(logs * (kind.inverse if shown.dark else np.array(kind.tint)))
    for index, accent in enumerate(shown.accents):
        chips = slice(ACCENT + 3 * index, ACCENT + 3 * index + 3)
        factors[chips] = np.exp(logs[chips]) * accent
    # Half of a relief's depth is in its tones, which no light changes.
    relief = 0.5 + 0.5 * shown.relief if kind.turned in ("lit", "quarters") else 1.0
    out = filled(codes, factors.T ** (shown.contrast * relief), int(n * share))
    out.way = _way(kind, rng, shown.light_angle)
    out.way[:, :2] /= share
    if finish == "wood":
        out.way[1, 2] = 0  # a board's edge is at v = 0
    return out


def _way(kind: Kind, rng: np.random.Generator, light: float) -> Field:
    """Return the 2×3 way from places in canvas heights to tiles: a turn, perhaps mirrored, and a shift."""
    turn, mirror = rng.uniform(0, 2 * np.pi), int(rng.choice([-1, 1]))
    shift = rng.uniform(0, 1, 2)
    side = 1 if np.cos(light) >= 0 else -1
    if kind.turned == "lit":
        turn = light
    elif kind.turned == "quarters":
        # Lit from 1/16 turn in the tile: the nearest of its eight positions.
        eighth = int(np.floor(light / (np.pi / 4))) % 8
        turn, mirror = (np.pi / 2) * ((eighth + 1) // 2), -1 if eighth % 2 else 1
    elif kind.turned in ("sides", "never"):
        turn, mirror = 0.0, 1
    cos, sin = np.cos(turn), np.sin(turn)
    way = np.array([[cos, sin], [-mirror * sin, mirror * cos]])
    if kind.turned == "sides":
        way[0] *= side
    return np.column_stack([way / TILE, shift]).astype(np.float32)


def _boards(codes: Codes, rng: np.random.Generator) -> Codes:
    """Return the boards of a tile of wood in another order, each shifted along, perhaps turned or mirrored."""
    boards = codes.reshape(BOARDS, -1, codes.shape[1])
    out = np.empty_like(boards)
    for place, board in enumerate(rng.permutation(BOARDS)):
        down, along = rng.choice([-1, 1], 2).tolist()
        shift = int(rng.integers(1024)) * codes.shape[1] // 1024
        out[place] = np.roll(boards[board], shift, 1)[::down, ::along]
    return out.reshape(codes.shape)


@lru_cache(maxsize=KEPT)
def _decoded(name: str, n: int) -> tuple[Codes, Field, float]:
    """Return the codes of a tile, their palette (256×3 codes of red, green and blue), and its side in TILEs.

    There are `n` codes or more for each TILE.
    """
    folder = files("pipeline").joinpath("assets", "tiles")
    path = folder.joinpath(f"{name}.jpg")
    with (path if path.is_file() else folder.joinpath(f"{name}.png")).open("rb") as file:
        image: Image.Image = Image.open(file)
        share = image.width / FINE
        image.draft("L", (int(n * share), int(n * share)))
        codes: Codes = kept(np.asarray(image))
        palette = image.getpalette()
    if palette is not None:
        codes += (codes == 0) * np.random.default_rng(0).integers(BINDER, BINDER + 16, codes.shape, np.uint8)
    table = np.repeat(np.arange(256), 3) if palette is None else np.pad(palette, (0, 768 - len(palette)))
    return codes, table.reshape(256, 3).astype(np.float32), share
