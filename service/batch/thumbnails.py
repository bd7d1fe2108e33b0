"""Thumbnails for the contact sheet, so that a page of a thousand pictures opens quickly."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.core.errors import PipelineError
from pipeline.core.spec import Limits
from pipeline.photo.decode import decode
from service.batch.state import write_whole

#: Longest side in pixels. It is sharp at the size of a cell on a high-density screen.
SIDE = 640


@dataclass(frozen=True)
class Thumbnail:
    """A thumbnail. `clear`: it has an alpha channel."""

    width: int
    height: int
    clear: bool


def thumbnail(source: Path, target: Path) -> Thumbnail | None:
    """Write a WebP thumbnail of a picture unless it exists. Return None if the picture can't be read."""
    try:
        if not target.exists():
            photo, file = decode(source.read_bytes(), Limits()), io.BytesIO()
            clear = [] if photo.alpha is None else [np.rint(photo.alpha * 255).astype(np.uint8)]
            picture = Image.fromarray(np.dstack([photo.rgb, *clear]))
            picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
            picture.save(file, "WEBP", quality=82, method=4)
            write_whole(target, file.getvalue())
        with Image.open(target) as there:
            return Thumbnail(there.width, there.height, there.mode == "RGBA")
    except (OSError, PipelineError):
        return None
