"""Logos of layers as pixels: PNG and other pictures by the photo decoder, SVG by resvg in a process of its own."""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.errors import ImageUnreadable, LayerUnusable, PipelineError, Rejected
from pipeline.core.spec import Limits
from pipeline.lettering.drawing import Artwork
from pipeline.lettering.fonts import Fonts
from pipeline.lettering.layers import logos_of
from pipeline.photo.decode import decode
from pipeline.photo.vector import check_svg, is_svg
from service.supervisor.processes import HostBusy, TooMuchWork, apart

#: Limits on a logo that is a picture.
LIMITS = Limits(max_bytes=5 * 1024 * 1024, max_pixels=16_000_000, min_side=1)
#: Seconds of processor time and bytes of memory that the drawing of an SVG may take.
_SECONDS, _MEMORY = 5, 1 << 30


def artwork_for(layers: str, fonts: Fonts, files: Mapping[str, bytes]) -> Artwork:
    """Return what a spec's layers need; `files` are the bytes of their logos. Raises as `open_logo`."""
    return Artwork(fonts, {name: open_logo(files[name]) for name in {*logos_of(layers).values()}})


def open_logo(data: bytes) -> NDArray[np.uint8]:
    """Return a logo's H×W×4 sRGB codes with straight alpha.

    Raises LayerUnusable, and PipelineError if another try may succeed.
    """
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
        png = apart("pipeline.photo.vector:draw_svg", data, seconds=_SECONDS, memory=_MEMORY)
        with Image.open(BytesIO(png), formats=("PNG",)) as picture:
            return np.asarray(picture.convert("RGBA"))
    except HostBusy as error:
        again = PipelineError("The host was too busy to draw the SVG logo. Submit the job again later.")
        again.code = "time_limit"
        raise again from error
    except (TooMuchWork, OSError) as error:
        text = "The SVG can't be drawn, or takes too long. Simplify it, or send a PNG."
        raise ImageUnreadable(text) from error
