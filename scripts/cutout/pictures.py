"""Training pictures for the refiner: made-up products under made-up light before made-up places, with exact alpha.

Shapes come from `scripts.cutout.shapes`. Textures and places are drawn here, or are patches of photographs and renders
in a folder that the operator gives (`Patches`): the shipped weights used our own path-traced scenes and patches of the
CC0 clothing photographs that `models/cutout/README.md` names.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from scripts.cutout.shapes import SHAPES, SUPER

Field = NDArray[np.float32]


class Patches:
    """Square crops of the pictures of a folder, h×w×3 sRGB in [0, 1]."""

    def __init__(self, folder: Path | None):
        self._pictures = []
        for path in sorted(folder.iterdir()) if folder else ():
            with Image.open(path) as picture:
                self._pictures.append(picture.convert("RGB").copy())

    def __bool__(self) -> bool:
        return bool(self._pictures)

    def crop(self, rng: np.random.Generator, side: int, least: float = 0.1, most: float = 0.6) -> Field:
        """Return side×side×3 of a random place, flipped and turned at random."""
        picture = self._pictures[int(rng.integers(len(self._pictures)))]
        size = min(picture.size) * rng.uniform(least, most)
        x, y = rng.uniform(0, picture.width - size), rng.uniform(0, picture.height - size)
        small = picture.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + size, y + size))
        out = np.asarray(small, np.float32) / np.float32(255)
        return np.ascontiguousarray(np.rot90(out, int(rng.integers(4))))


def picture(rng: np.random.Generator, side: int, patches: Patches) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return side×side×3 sRGB bytes and the side×side exact alpha, 0–255."""
    place = _place(rng, side, patches)
    light = _direction(rng)
    colours, alpha = _product(rng, side, patches, light)
    if rng.random() < 0.2:
        # As near to the place's colour as products come: white on white, black on black.
        mean = place.reshape(-1, 3).mean(0)
        colours = colours * np.float32(0.35) + mean * np.float32(0.65)
    place = _shadowed(rng, place, alpha, light)
    if rng.random() < 0.5:
        # Lens blur of the edge; the product's colours are premultiplied, so alpha stays exact.
        sigma = rng.uniform(0.3, 1.6)
        blurred = gaussian_filter(alpha, sigma)
        colours = np.stack([gaussian_filter(colours[..., c] * alpha, sigma) for c in range(3)], -1)
        colours /= np.maximum(blurred, 1e-4)[..., None]
        alpha = blurred
    mixed = srgb_to_linear(np.clip(colours, 0, 1)) * alpha[..., None]
    mixed += srgb_to_linear(place) * (1 - alpha[..., None])
    return _developed(rng, mixed), np.rint(alpha * 255).astype(np.uint8)


def _product(rng: np.random.Generator, side: int, patches: Patches, light: Field) -> tuple[Field, Field]:
    """Return side×side×3 sRGB colours and alpha of one to three shapes, each shaded part by part."""
    colours = np.zeros((side, side, 3), np.float32)
    alpha = np.zeros((side, side), np.float32)
    base = _colour(rng)
    count = 1 if rng.random() < 0.7 else int(rng.integers(2, 4))
    for _ in range(count):
        masks = SHAPES[int(rng.integers(len(SHAPES)))](rng, side)
        if count > 1:
            masks = _moved(rng, masks)
        alike = rng.random() < 0.5
        for mask in masks:
            cover = _reduced(mask)
            if cover.max() < 0.5:
                continue
            paint = _texture(rng, side, patches, base if alike else _colour(rng))
            paint = _shaded(rng, paint, cover, light)
            colours = colours * (1 - cover[..., None]) + paint * cover[..., None]
            # Straight colours: what is under a soft edge is the part's own colour.
            colours = np.where((alpha < 1e-3)[..., None] & (cover > 0)[..., None], paint, colours)
            alpha = alpha + (1 - alpha) * cover
    return colours, alpha


def _moved(rng: np.random.Generator, masks: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    size = masks[0].shape[0]
    scale = rng.uniform(0.35, 0.8)
    small = max(16, round(size * scale))
    x, y = (int(v) for v in rng.integers(0, size - small + 1, 2))
    out = []
    for mask in masks:
        moved = Image.new("L", (size, size))
        moved.paste(Image.fromarray(mask).resize((small, small), Image.Resampling.BILINEAR), (x, y))
        out.append(np.asarray(moved))
    return out


def _reduced(mask: NDArray[np.uint8]) -> Field:
    return np.asarray(Image.fromarray(mask).reduce(SUPER), np.float32) / np.float32(255)


def _shaded(rng: np.random.Generator, paint: Field, cover: Field, light: Field) -> Field:
    """Light a part as if its silhouette were inflated: round where the bevel is wide, flat with a rim where narrow."""
    inside = distance_transform_edt(cover > 0.5).astype(np.float32)
    bevel = np.float32(max(2.0, inside.max() * rng.uniform(0.1, 1.0)))
    height = bevel * np.sqrt(np.maximum(1 - (1 - np.minimum(inside, bevel) / bevel) ** 2, 0))
    height = gaussian_filter(height, 1.0 + 0.03 * bevel)
    if rng.random() < 0.25:
        height += _noise(rng, len(cover), 0.03) * bevel * rng.uniform(0.2, 1.0)  # folds
    dy, dx = np.gradient(height)
    steep = np.sqrt(dx**2 + dy**2 + 1)
    facing = (-dx * light[0] - dy * light[1] + light[2]) / steep
    ambient, gloss = rng.uniform(0.25, 0.8), rng.uniform(0, 0.9) * (rng.random() < 0.6)
    lit = ambient + (1 - ambient) * np.maximum(facing, 0) * 1.2
    shine = gloss * np.maximum(facing, 0) ** rng.uniform(8, 80)
    return np.clip(linear_to_srgb(srgb_to_linear(paint) * lit[..., None] + shine[..., None]), 0, 1)


def _texture(rng: np.random.Generator, side: int, patches: Patches, colour: Field) -> Field:
    kind = 5 if patches and rng.random() < 0.4 else rng.integers(5)
    out = np.ones((side, side, 3), np.float32) * colour
    if kind == 1:
        out = out * (1 + rng.uniform(0.1, 0.7) * _noise(rng, side, rng.uniform(0.005, 0.2)))[..., None]
    elif kind == 2:
        x = np.arange(side, dtype=np.float32)
        wave = np.sin(x * rng.uniform(0.03, 0.6) + rng.uniform(0, 6))
        wave = wave[None] if rng.random() < 0.5 else wave[:, None]
        out = np.where((np.broadcast_to(wave, (side, side)) > rng.uniform(-0.6, 0.6))[..., None], out, _colour(rng))
    elif kind == 3:
        # A print: blocks of other colours, as on a label.
        for _ in range(int(rng.integers(2, 12))):
            x, y = rng.integers(0, side, 2)
            w, h = rng.integers(side // 40 + 1, side // 3, 2)
            out[y : y + h, x : x + w] = _colour(rng)
    elif kind == 5:
        patch = patches.crop(rng, side)
        out = patch if rng.random() < 0.6 else patch.mean(-1, keepdims=True) * (0.5 + colour)
    return np.asarray(np.clip(out, 0, 1), np.float32)


def _place(rng: np.random.Generator, side: int, patches: Patches) -> Field:
    kind = rng.random()
    if patches and kind < 0.55:
        out = patches.crop(rng, side, 0.2, 1.0)
        blur = rng.choice([0.0, 0.0, rng.uniform(1, 12)])
        return np.asarray(gaussian_filter(out, (blur, blur, 0)), np.float32)
    wall, floor = _colour(rng), _colour(rng)
    if rng.random() < 0.5:
        floor = wall * np.float32(rng.uniform(0.7, 1.2))
    rows = np.arange(side, dtype=np.float32)[:, None] / side
    soft = rng.choice([0.004, 0.02, 0.15])
    share = 1 / (1 + np.exp(np.clip(-(rows - rng.uniform(0.35, 1.1)) / soft, -40, 40)))
    out = wall + (floor - wall) * share[..., None]
    out = np.broadcast_to(out, (side, side, 3)) * (1 + rng.uniform(0, 0.4) * _noise(rng, side, 0.4))[..., None]
    if rng.random() < 0.5:
        out = out * (1 + rng.uniform(0, 0.5) * _noise(rng, side, rng.uniform(0.004, 0.1)))[..., None]
    return np.asarray(np.clip(out, 0, 1), np.float32)


def _shadowed(rng: np.random.Generator, place: Field, alpha: Field, light: Field) -> Field:
    """Lay a shadow beside the product, and dark right under its foot."""
    if rng.random() < 0.25:
        return place
    side = len(alpha)
    rows = np.flatnonzero((alpha > 0.5).any(1))
    if len(rows) == 0:
        return place
    foot = int(rows[-1])
    dark = np.zeros_like(alpha)
    if rng.random() < 0.5:
        # On the ground: squashed towards the foot and sheared away from the light.
        squash, shear = rng.uniform(0.08, 0.5), -float(light[0]) * rng.uniform(0.2, 1.2)
        y, x = np.mgrid[0:side, 0:side].astype(np.float32)
        source_y = foot - (foot - y) / squash if rng.random() < 0.7 else foot - (y - foot) / squash
        source_x = x - (foot - source_y) * shear
        inside = (source_y >= 0) & (source_y < side) & (source_x >= 0) & (source_x < side)
        dark[inside] = alpha[source_y[inside].astype(int), source_x[inside].astype(int)]
    else:
        move = rng.uniform(0.005, 0.08) * side
        dark = np.roll(alpha, (round(-light[1] * move), round(-light[0] * move)), (0, 1))
    dark = gaussian_filter(dark, rng.uniform(0.5, 0.05 * side)) * rng.uniform(0.2, 0.85)
    foot_band = alpha * (np.arange(side)[:, None] > foot - 0.06 * side)
    near = gaussian_filter(foot_band, 0.012 * side) * rng.uniform(0.0, 0.9)
    keep = (1 - np.clip(dark, 0, 1)) * (1 - np.clip(near, 0, 1))
    return linear_to_srgb(srgb_to_linear(place) * keep[..., None].astype(np.float32))


def _developed(rng: np.random.Generator, linear: Field) -> NDArray[np.uint8]:
    """Expose, tint, add noise and compress, as a camera or a render would."""
    gain = np.float32(2.0 ** rng.normal(0, 0.35)) * (1 + rng.normal(0, 0.05, 3)).astype(np.float32)
    out = linear_to_srgb(np.clip(linear * gain, 0, 1))
    if rng.random() < 0.4:
        out = gaussian_filter(out, (*[rng.uniform(0.2, 0.9)] * 2, 0))
    out = out + rng.normal(0, rng.uniform(0, 0.03), out.shape).astype(np.float32)
    codes = np.rint(np.clip(out, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.7:
        stream = BytesIO()
        Image.fromarray(codes).save(stream, "JPEG", quality=int(rng.integers(60, 97)))
        codes = np.array(Image.open(stream))
    return codes


def _noise(rng: np.random.Generator, side: int, scale: float) -> Field:
    """Return smooth noise in about [-1, 1]; `scale` is a blot's size as a share of the side."""
    cells = int(np.clip(1 / scale, 2, side))
    coarse = rng.normal(0, 0.5, (cells + 3, cells + 3)).astype(np.float32)
    fine = zoom(coarse, (side + 2) / cells, order=1)
    return np.asarray(np.clip(fine[:side, :side], -1, 1), np.float32)


def _colour(rng: np.random.Generator) -> Field:
    kind = rng.random()
    if kind < 0.35:
        grey = rng.choice([rng.uniform(0.02, 0.2), rng.uniform(0.75, 1.0), rng.uniform(0, 1)])
        return np.asarray(np.clip(grey + rng.normal(0, 0.03, 3), 0, 1), np.float32)
    return rng.uniform(0, 1, 3).astype(np.float32)


def _direction(rng: np.random.Generator) -> Field:
    x, y, z = rng.uniform(-1, 1), rng.uniform(-1.2, 0.2), rng.uniform(0.3, 1.2)
    return np.array([x, y, z], np.float32) / np.float32(np.sqrt(x * x + y * y + z * z))
