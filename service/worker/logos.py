"""Logos as pixels: SVGs are drawn in a process of their own, within one budget for a job, and kept by their hash."""

import base64
import binascii
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
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
#: Seconds of processor time and bytes of memory that the drawing of all of a job's SVGs may take.
_SECONDS, _MEMORY = 5, 1 << 30
#: Most bytes of drawn SVGs, as PNG files, that are kept for further jobs. A usual logo has 20 to 100 kB.
_KEPT = 16 << 20


class Logos:
    """Opens the logos of layers. Thread-safe. Keeps drawn SVGs, so that a logo of many jobs is drawn once."""

    def __init__(self) -> None:
        self._drawn = OrderedDict[bytes, bytes]()
        self._lock = threading.Lock()

    def artwork(self, layers: str, fonts: Fonts, files: Mapping[str, bytes]) -> Artwork:
        """Return what a spec's layers need; `files` are the bytes of their logos. Raises as `open`."""
        names = [*dict.fromkeys(logos_of(layers).values())]
        return Artwork(fonts, dict(zip(names, self.open([files[name] for name in names]), strict=True)))

    def open(self, files: Sequence[bytes]) -> list[NDArray[np.uint8]]:
        """Return each logo's H×W×4 sRGB codes with straight alpha.

        Raises LayerUnusable, and PipelineError if another try may succeed.
        """
        try:
            vectors = [data for data in files if is_svg(data)]
            for data in vectors:
                check_svg(data)
            drawn = dict(zip(vectors, self._draw(vectors), strict=True))
            return [_pixels(data, drawn.get(data)) for data in files]
        except Rejected as error:
            raise LayerUnusable(f"The logo can't be used. {error}") from error

    def _draw(self, vectors: Sequence[bytes]) -> list[bytes]:
        """Return the PNG of each SVG."""
        hashes = [hashlib.sha256(data).digest() for data in vectors]
        with self._lock:
            found = {key: self._drawn[key] for key in hashes if key in self._drawn}
        new = {key: data for key, data in zip(hashes, vectors, strict=True) if key not in found}
        if new:
            found |= zip(new, _drawn_apart([*new.values()]), strict=True)
        with self._lock:
            for key in hashes:
                self._drawn[key] = found[key]
                self._drawn.move_to_end(key)
            while sum(map(len, self._drawn.values())) > _KEPT:
                self._drawn.popitem(last=False)
        return [found[key] for key in hashes]


def _drawn_apart(vectors: Sequence[bytes]) -> list[bytes]:
    """Return the PNG of each checked SVG, drawn by one process with one budget for all."""
    texts = json.dumps([data.decode() for data in vectors]).encode()
    try:
        answer = apart("pipeline.photo.vector:draw_svgs", texts, seconds=_SECONDS, memory=_MEMORY)
        return [base64.b64decode(png, validate=True) for png in json.loads(answer)]
    except HostBusy as error:
        again = PipelineError("The host was too busy to draw the SVG logo. Submit the job again later.")
        again.code = "time_limit"
        raise again from error
    except (TooMuchWork, binascii.Error, ValueError) as error:
        text = "An SVG can't be drawn, or the order's SVGs take too long. Simplify them, or send PNGs."
        raise ImageUnreadable(text) from error


def _pixels(data: bytes, drawn: bytes | None) -> NDArray[np.uint8]:
    if drawn is not None:
        with Image.open(BytesIO(drawn), formats=("PNG",)) as picture:
            return np.asarray(picture.convert("RGBA"))
    photo = decode(data, LIMITS)
    alpha = np.ones(photo.rgb.shape[:2], np.float32) if photo.alpha is None else photo.alpha
    return np.dstack([photo.rgb, np.rint(alpha * 255).astype(np.uint8)])
