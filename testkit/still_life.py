"""Pictures made in code, and stand-ins for the networks that keep their interface and really compute an answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.compositing.shadow import cast_shadow
from pipeline.core.networks import Capabilities, FunctionSegmenter, Networks, Painted, PaintRequest
from pipeline.core.order import Placement
from pipeline.core.spec import Mood, Preset, Scene, SceneKind, Spec
from pipeline.core.types import Photo, Rgb8
from pipeline.geometry.ray import Field
from pipeline.scene.layout import Layout
from testkit.specimens import saved

SAMPLES = Path(__file__).resolve().parents[1] / "service" / "sample"


def still_life(width: int = 240, height: int = 300, *, cut: bool = False) -> tuple[Rgb8, NDArray[np.float32]]:
    """A red jar on grey, antialiased, and its exact alpha. With `cut` the photo's lower edge crops it."""
    over = 4
    u = np.abs(np.arange(width * over) / (width * over) - 0.5)
    v = np.abs(np.arange(height * over) / (height * over) - (0.75 if cut else 0.5))
    # A rectangle: the coverage of a pixel is the product of its coverage by column and by row.
    across, down = (inside.reshape(-1, over).mean(1) for inside in (u < 0.2, v < 0.3))
    alpha = np.outer(down, across).astype(np.float32)
    grey = np.array([0.62, 0.63, 0.65], np.float32) * (1 - 0.1 * np.linspace(0, 1, height)[:, None, None])
    red = np.array([0.75, 0.12, 0.1], np.float32)
    rgb = red * alpha[..., None] + grey * (1 - alpha[..., None])
    return (rgb * 255 + 0.5).astype(np.uint8), alpha


def jpeg(rgb: Rgb8) -> bytes:
    return saved(Image.fromarray(rgb), "JPEG", quality=95)


def cut_out_png(rgb: Rgb8, alpha: NDArray[np.float32]) -> bytes:
    """A photo with a cut-out of its own: no network looks at it."""
    return saved(Image.fromarray(np.dstack([rgb, np.rint(alpha * 255).astype(np.uint8)])), "PNG")


def two_products(
    left: str = "mug", right: str = "vase", *, share: float = 1.0
) -> tuple[bytes, list[NDArray[np.bool_]]]:
    """A JPEG of 1100×620 pixels of two sample products side by side on a table, and the H×W mask of each.

    `share`: the scale of the right product relative to its own size.
    """
    table = np.linspace(206, 172, 620)[:, None, None] + np.array([6, 2, -4])
    picture = Image.fromarray(np.broadcast_to(table, (620, 1100, 3)).clip(0, 255).astype(np.uint8))
    masks = []
    for name, middle, scale in ((left, 290, 1.0), (right, 800, share)):
        with Image.open(SAMPLES / f"{name}.webp") as file:
            product = file.convert("RGBA")
        product = product.resize(
            (round(product.width * scale), round(product.height * scale)), Image.Resampling.LANCZOS
        )
        place = (middle - product.width // 2, 560 - product.height)
        picture.paste(product, place, product)
        alpha = Image.new("L", picture.size)
        alpha.paste(product.getchannel("A"), place)
        masks.append(np.asarray(alpha) > 127)
    return saved(picture, "JPEG", quality=95), masks


PHOTO = jpeg(still_life()[0])


@FunctionSegmenter
def by_colour(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A segmenter: distance from the median colour of the upper border."""
    ground = np.median(image[:4].reshape(-1, 3), axis=0)
    distance = np.linalg.norm(image.astype(np.float32) - ground, axis=2)
    return np.asarray(np.clip((distance - 30) / 60, 0, 1), np.float32)


class Counting:
    """A segmenter that counts its looks."""

    side = by_colour.side

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.looks += 1
        return by_colour(image)


class Darkener:
    """A generator that darkens its input towards the right in four steps, and counts its calls."""

    def __init__(self, paints: Literal["light", "picture"] = "light", size: int = 128, *, holds: bool = False):
        self.capabilities, self.calls = Capabilities(paints=paints, size=size, holds=holds), 0

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted]:
        return [self.painted(request) for request in requests]

    def painted(self, request: PaintRequest) -> Painted:
        self.calls += 1
        for step in range(4):
            request.on_step((step + 1) / 4)
        given = request.conditions.light if self.capabilities.paints == "light" else request.conditions.sketch
        slope = np.linspace(1, 0.7, given.shape[1], dtype=np.float32)[None, :, None]
        return given * slope


def networks(generator: Darkener | None = None) -> Networks:
    return Networks(by_colour, generator or Darkener(), {"segmenter": "by_colour", "generator": "darkener"})


def photo(rgb: Rgb8, alpha: NDArray[np.float32] | None = None) -> Photo:
    return Photo(rgb, alpha, "png")


def preset(
    size: tuple[int, int] | None = (400, 400), background: str = "scene", form: str = "png", centre_x: float = 0.5
) -> Preset:
    return Preset(
        name="test",
        title="Test",
        description="For tests.",
        credits=1,
        size=size,
        formats=(form,),  # type: ignore[arg-type]  # one of the four names
        max_bytes=None,
        quality=(95, 80),
        background=background,  # type: ignore[arg-type]  # one of the three names
        fill=0.6,
        margins=(0.08, 0.08, 0.08, 0.08),
        centre_x=centre_x,
        digital_source_type=None,
        scene_sibling=None,
        source_url="https://example.com",
        checked_on="2026-11-24",
    )


def spec(
    kind: SceneKind = "podium",
    *,
    palette: tuple[str, ...] = (),
    place: Preset | None = None,
    seed: int = 1,
    softness: float = 0.5,
    placement: Placement = Placement(),
) -> Spec:
    scene = Scene("s", "S", "s", "a scene", kind, palette=("#d8c3a5", "#b08968"))
    mood = Mood("m", "M", "m", "a mood", softness=softness)
    return Spec(scene, mood, palette, place or preset(), seed, placement=placement)


def shadow_of(alpha: NDArray[np.float32], layout: Layout, *, cut_below: bool = False) -> Field:
    """The share of light that a product blocks, at the size of its own alpha."""
    shadow = cast_shadow(alpha, layout, cut_below=cut_below)
    assert shadow is not None
    return shadow.at(alpha.shape[1], alpha.shape[0])


def product(wide: int, tall: int, *, cut: bool = False) -> bytes:
    """A PNG with a cut-out of its own: an ellipse of that size in a photo's middle, or cropped by its left side."""
    y, x = np.mgrid[:240, :240]
    middle = 0 if cut else 120
    alpha = np.clip((1 - ((x - middle) / wide) ** 2 - ((y - 120) / tall) ** 2) * 20, 0, 1)
    colour = np.array([40 + wide, 30 + tall, 120])
    codes = np.dstack([np.broadcast_to(colour, (240, 240, 3)), alpha * 255]).astype(np.uint8)
    return saved(Image.fromarray(codes), "PNG")


#: A brand's products, from a pencil to a plate.
PRODUCTS = [product(wide, tall) for wide, tall in [(12, 110), (30, 110), (45, 90), (60, 100), (80, 80)]]
PRODUCTS += [product(wide, tall) for wide, tall in [(50, 40), (90, 60), (110, 50), (110, 25), (110, 12)]]
#: The same brand's colours.
PALETTE = ("#e8d5c4", "#c96f4a", "#2f5d50")
