"""Logos of layers as pixels: PNG and other pictures by the photo decoder, SVG by resvg in a process of its own."""

import subprocess
import sys
from collections.abc import Mapping
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.errors import ImageUnreadable, LayerUnusable, Rejected
from pipeline.core.spec import Limits
from pipeline.lettering.drawing import Artwork
from pipeline.lettering.fonts import Fonts
from pipeline.lettering.layers import logos_of
from pipeline.photo.decode import decode
from pipeline.photo.vector import check_svg, is_svg

#: Limits on a logo that is a picture.
LIMITS = Limits(max_bytes=5 * 1024 * 1024, max_pixels=16_000_000, min_side=1)
#: Longer side in pixels at which an SVG is drawn; a layer reduces it.
_SIDE = 2048
#: Seconds and bytes that the drawing of an SVG may take.
_SECONDS, _MEMORY = 5, 1 << 30
#: resvg loads no system font and reads no file. A crash or an endless loop ends only this process. The first, small
#: picture gives the aspect: its size is at bytes 16 to 24 of the PNG.
_DRAW = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_SECONDS}, {_SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, ({_MEMORY}, {_MEMORY}))
import resvg_py
text = sys.stdin.buffer.read().decode()
small = bytes(resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True, width=32))
tall = small[20:24] > small[16:20]
side = {{"height" if tall else "width": {_SIDE}}}
sys.stdout.buffer.write(bytes(resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True, **side)))
"""


def artwork_for(layers: str, fonts: Fonts, files: Mapping[str, bytes]) -> Artwork:
    """Return what a spec's layers need; `files` are the bytes of their logos. Raises LayerUnusable."""
    return Artwork(fonts, {name: open_logo(files[name]) for name in {*logos_of(layers).values()}})


def open_logo(data: bytes) -> NDArray[np.uint8]:
    """Return a logo's H×W×4 sRGB codes with straight alpha. Raises LayerUnusable."""
    try:
        if is_svg(data):
            check_svg(data)
            return _drawn(data)
        photo = decode(data, LIMITS)
    except Rejected as error:
        raise LayerUnusable(f"The logo can't be used. {error}") from error
    alpha = np.ones(photo.rgb.shape[:2], np.float32) if photo.alpha is None else photo.alpha
    return np.dstack([photo.rgb, np.rint(alpha * 255).astype(np.uint8)])


def _drawn(data: bytes) -> NDArray[np.uint8]:
    try:
        command = [sys.executable, "-I", "-c", _DRAW]
        run = subprocess.run(command, input=data, capture_output=True, timeout=2 * _SECONDS, check=True)
        with Image.open(BytesIO(run.stdout), formats=("PNG",)) as picture:
            return np.asarray(picture.convert("RGBA"))
    except (subprocess.SubprocessError, OSError) as error:
        text = "The SVG can't be drawn, or takes too long. Simplify it, or send a PNG."
        raise ImageUnreadable(text) from error
