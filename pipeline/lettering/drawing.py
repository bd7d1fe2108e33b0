"""Layers drawn over a finished picture, in linear light, and the report on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.errors import LayerUnusable
from pipeline.core.resample import resize, tight_box
from pipeline.core.spec import Spec
from pipeline.core.types import Alpha, Placed, Rgb
from pipeline.lettering.contrast import contrast, legible, luminance
from pipeline.lettering.fonts import Fonts
from pipeline.lettering.layers import Layer, colour_of, layers_of
from pipeline.lettering.placing import Room, Spot, arranged, edge_of
from pipeline.lettering.typesetting import Setting, typeset
from pipeline.report import LayerContrast, LayerReport

#: Space between a text and its plate's edge, across and down, and the radius of the plate's corners, in ems.
_PAD, _ROUND = (0.55, 0.42), 0.18
#: Samples of a pixel of the plate's edge each way, and pixels around a text's box for the ends of its antialiasing.
_SAMPLES, _SPILL = 4, 2
#: A logo enlarged by more than this factor looks soft.
_SOFT = 1.1
#: Alignment of a text by its anchor; elsewhere it is centred. Beside the product it is aligned to the product.
_ALIGNED = {
    **dict.fromkeys(("top_left", "left", "bottom_left", "right_of"), "left"),
    **dict.fromkeys(("top_right", "right", "bottom_right", "left_of"), "right"),
}


@dataclass(frozen=True)
class Lettered:
    """A picture with its layers."""

    #: H×W×3 sRGB in [0, 1], or H×W×4 with straight alpha.
    picture: NDArray[np.float32]
    #: H×W coverage of the layers.
    cover: Alpha
    reports: list[LayerReport]
    #: Stable codes, such as layer_moved.
    warnings: tuple[str, ...]
    #: The picture's text alternative.
    alt: str


@dataclass(frozen=True)
class _Sized:
    """A layer at one size, its width and height. Lengths are pixels of the full picture."""

    size: tuple[float, float]
    #: The letters' size, and the text's lines; a logo has neither.
    em: float = 0.0
    setting: Setting | None = None
    #: Factor by which the layer is smaller than ordered.
    factor: float = 1.0


@dataclass(frozen=True)
class Artwork:
    """What layers need besides the order."""

    fonts: Fonts
    #: H×W×4 sRGB codes with straight alpha, by the layers' `logo`.
    logos: Mapping[str, NDArray[np.uint8]]


NO_ARTWORK = Artwork(Fonts(), {})


def with_layers(spec: Spec, laid: Placed, picture: Rgb, artwork: Artwork) -> Lettered | None:
    """Return a picture with the spec's text and logos, as `lettered` draws them; None: it has none."""
    layers = layers_of(spec.lettering.layers)
    if not layers:
        return None
    bare = spec.preset.background == "transparent"
    place = "A product, cut out." if bare else f"A product in the scene {spec.scene.title}."
    return lettered(picture, laid, layers, artwork, spec.palette or spec.scene.palette, place)


def lettered(
    picture: NDArray[np.float32],
    laid: Placed,
    layers: Sequence[Layer],
    artwork: Artwork,
    colours: Sequence[str],
    place: str,
) -> Lettered:
    """Draw layers on a picture.

    `picture` is H×W×3 sRGB in [0, 1], or H×W×4 with straight alpha; it is not changed. `laid` is the product on the
    full picture's canvas, which has the picture's aspect and is larger for a preview. `colours` are the palette, as
    #rrggbb. `place` is a sentence on the product for the alt text.

    A layer that may not cover the product goes to the nearest free place, smaller if need be. If there is none, it is
    left out. Raises LayerUnusable.
    """
    room = Room.of(laid.alpha, laid.box)
    canvas = _Canvas(picture.copy(), picture.shape[1] / room.width, colours, laid.alpha)
    sizes = [_Sizes(layer, room, artwork.fonts, _logo(layer.logo, artwork.logos)) for layer in layers]
    spots = arranged(layers, [one.size for one in sizes], room)
    reports, warnings = list[LayerReport](), list[str]()
    for layer, own, spot in zip(layers, sizes, spots, strict=True):
        if spot is None:
            reports.append(_report(layer, drawn=False))
            warnings.append("layer_left_out")
            continue
        sized = own.at(spot.factor)
        reports.append(canvas.draw(layer, sized, spot, own.logo))
        warnings += ["layer_moved"] * spot.moved + ["layer_reduced"] * (sized.factor < 0.995)
        warnings += ["low_contrast"] * (reports[-1].passes is False)
        enlarged = own.logo is not None and sized.size[1] > _SOFT * own.logo.shape[0]
        warnings += ["logo_enlarged"] * enlarged
    shown = [layer for layer, spot in zip(layers, spots, strict=True) if spot is not None]
    texts = [f"“{' '.join(layer.text.split())}”" for layer in shown if layer.text]
    logos = [layer.alt for layer in shown if layer.alt]
    alt = [place, *(f"{name}: {', '.join(found)}." for name, found in (("Text", texts), ("Logo", logos)) if found)]
    return Lettered(canvas.picture, canvas.cover, reports, tuple(dict.fromkeys(warnings)), " ".join(alt))


@dataclass(frozen=True)
class _Sizes:
    """The sizes that a layer can have."""

    layer: Layer
    room: Room
    fonts: Fonts
    #: h×w×4 premultiplied linear light.
    logo: NDArray[np.float32] | None

    def size(self, factor: float) -> tuple[float, float]:
        return self.at(factor).size

    def at(self, factor: float) -> _Sized:
        """Return the layer at a factor of its ordered size, or smaller, so that the canvas holds it."""
        layer, room = self.layer, self.room
        edge = edge_of(layer, room)
        margin = layer.margin / 100 * room.shorter if layer.to == "canvas" else edge
        wide, tall = room.width - margin - edge, room.height - margin - edge
        side = factor * layer.size / 100 * (room.height if layer.size_of == "height" else room.width)
        em, setting = 0.0, None
        if self.logo is not None:
            rows, columns = self.logo.shape[:2]
            width, height = (
                (side * columns / rows, side) if layer.size_of == "height" else (side, side * rows / columns)
            )
        else:
            face = self.fonts.face(layer.font, layer.weight)
            if face is None:
                raise LayerUnusable(f"The worker has no font {layer.font}. Give it the API's fonts, and try again.")
            plated = layer.plate != "none"
            across, down = _PAD if plated else (0.0, 0.0)
            em, wide = side, min(wide, layer.max_width / 100 * room.width)
            align = _ALIGNED.get(layer.anchor, "center") if layer.align == "auto" else layer.align
            longest = wide / em - 2 * across
            setting = typeset(face, layer.text, longest, layer.line_height, align, to_baseline=plated)
            width, height = (setting.width + 2 * across) * em, (setting.height + 2 * down) * em
        # a text of invisible characters has no width
        fit = min(1.0, wide / max(width, 1.0), tall / max(height, 1.0))
        return _Sized((width * fit, height * fit), em * fit, setting, factor * fit)


class _Canvas:
    """A picture while layers are drawn on it: `scale` of its pixels are a pixel of the full picture."""

    def __init__(self, picture: NDArray[np.float32], scale: float, colours: Sequence[str], product: Alpha) -> None:
        self.picture, self.cover = picture, np.zeros(picture.shape[:2], np.float32)
        self._scale, self._colours = scale, colours
        height, width = self._size = picture.shape[0], picture.shape[1]
        self._product = resize(product, width, height, Image.Resampling.BOX)

    def draw(self, layer: Layer, sized: _Sized, spot: Spot, logo: NDArray[np.float32] | None) -> LayerReport:
        """Draw one layer, and report on it."""
        height, width = self._size
        wide, tall = (
            max(1, min(most, round(side * self._scale))) for side, most in zip(sized.size, (width, height), strict=True)
        )
        left, top = (
            min(round(at * self._scale), most)
            for at, most in zip(spot.corner, (width - wide, height - tall), strict=True)
        )
        # this layer's own coverage until it is drawn
        others, self.cover = self.cover, np.zeros_like(self.cover)
        found = colour = None
        if logo is not None:
            small = np.clip(resize(logo, wide, tall, Image.Resampling.LANCZOS), 0, 1) * np.float32(layer.opacity)
            self._lay(left, top, small[..., 3], np.minimum(small[..., :3], small[..., 3:]))
        elif sized.setting is not None:
            found, colour = self._text(layer, sized.em * self._scale, sized.setting, (left, top, wide, tall))
        own = self.cover > 0
        share = float((self._product[own] > 0.5).mean()) if own.any() else 0.0
        self.cover = np.maximum(self.cover, others)
        box = [left, top, left + wide, top + tall]
        return replace(
            _report(layer, drawn=True),
            box=box,
            shares=[round(at / (width, height)[i % 2], 5) for i, at in enumerate(box)],
            lines=None if sized.setting is None else [line.text for line in sized.setting.lines],
            size=None if sized.setting is None else round(sized.em * self._scale, 2),
            weight=None if sized.setting is None else sized.setting.face.weight,
            color=colour,
            contrast=found,
            passes=None if found is None else found.minimum >= found.required,
            moved=spot.moved,
            scale=round(sized.factor, 3),
            over_product=round(share, 4),
        )

    def _text(
        self, layer: Layer, em: float, setting: Setting, box: tuple[int, int, int, int]
    ) -> tuple[LayerContrast | None, str]:
        """Draw a text and its plate, and return its contrast, None where nothing is behind it, and its colour."""
        left, top, wide, tall = box
        across, down = (pad * em if layer.plate != "none" else 0.0 for pad in _PAD)
        if layer.plate != "none":
            self._plate(layer, em, box)
        letters = setting.coverage(em, wide + 2 * _SPILL, tall + 2 * _SPILL, (across + _SPILL, down + _SPILL))
        window, letters, _ = self._clipped(left - _SPILL, top - _SPILL, letters, letters)
        inked = letters >= min(0.5, float(letters.max(initial=0)))
        below = self.picture[window][inked]
        behind = luminance(srgb_to_linear(below[:, :3]))
        open_ground = below.shape[1] == 4 and float((below[:, 3] < 0.99).mean()) > 0.01
        if layer.color == "auto":
            colour = "#000000" if open_ground else legible(behind, self._colours)
        else:
            colour = colour_of(layer.color, self._colours)
        linear = srgb_to_linear(hex_to_rgb(colour))
        cover = letters * np.float32(layer.opacity)
        self._lay(window[1].start, window[0].start, cover, cover[..., None] * linear)
        if open_ground or not len(behind):
            return None, colour
        return contrast(behind, linear, layer.opacity, em, setting.face.weight, max(self._size)), colour

    def _plate(self, layer: Layer, em: float, box: tuple[int, int, int, int]) -> None:
        left, top, wide, tall = box
        plane = Image.new("L", (wide * _SAMPLES, tall * _SAMPLES))
        corners = (0, 0, wide * _SAMPLES - 1, tall * _SAMPLES - 1)
        ImageDraw.Draw(plane).rounded_rectangle(corners, _ROUND * em * _SAMPLES, 255)
        cover = np.asarray(plane.reduce(_SAMPLES), np.float32) * np.float32(layer.plate_opacity * layer.opacity / 255)
        linear = srgb_to_linear(hex_to_rgb(colour_of(layer.plate, self._colours)))
        self._lay(left, top, cover, cover[..., None] * linear)

    def _lay(self, left: int, top: int, cover: Alpha, light: NDArray[np.float32]) -> None:
        """Lay h×w coverage and h×w×3 premultiplied linear light over the picture; uncovered pixels stay exact."""
        window, cover, light = self._clipped(left, top, cover, light)
        below = self.picture[window]
        under = below[..., 3] if below.shape[2] == 4 else np.ones(cover.shape, np.float32)
        kept = under * (1 - cover)
        alpha = cover + kept
        mixed = light + srgb_to_linear(below[..., :3]) * kept[..., None]
        mixed = linear_to_srgb(mixed / np.maximum(alpha, 1e-6)[..., None])
        touched = cover > 0
        below[touched, :3] = mixed[touched]
        if below.shape[2] == 4:
            below[touched, 3] = alpha[touched]
        self.cover[window] = 1 - (1 - self.cover[window]) * (1 - cover)

    def _clipped(
        self, left: int, top: int, cover: Alpha, light: NDArray[np.float32]
    ) -> tuple[tuple[slice, slice], Alpha, NDArray[np.float32]]:
        """Return the window of the picture that an h×w layer covers, and the parts of the layer inside it."""
        (rows, columns), (height, width) = self._size, cover.shape[:2]
        y0, x0, y1, x1 = max(0, top), max(0, left), min(rows, top + height), min(columns, left + width)
        own = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        return (slice(y0, y1), slice(x0, x1)), cover[own], light[own]


def _report(layer: Layer, *, drawn: bool) -> LayerReport:
    if layer.text:
        return LayerReport(kind="text", drawn=drawn, text=layer.text, font=layer.font)
    return LayerReport(kind="logo", drawn=drawn, logo=layer.logo)


def _logo(name: str, logos: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.float32] | None:
    """Return a logo as h×w×4 premultiplied linear light, without its empty margins; None for no name."""
    if not name:
        return None
    codes = logos.get(name)
    box = None if codes is None else tight_box(codes[..., 3] > 0)
    if codes is None or box is None:
        raise LayerUnusable(f"The logo {name} is missing, or has no visible pixel. Upload it again.")
    left, top, right, bottom = box
    own = codes[top:bottom, left:right] / np.float32(255)
    alpha = own[..., 3:]
    return np.concatenate([srgb_to_linear(own[..., :3]) * alpha, alpha], axis=-1)
