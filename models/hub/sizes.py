"""The sizes that pipelines paint at: by area, since that is what a model was trained at, whatever the shape."""

from typing import Any

import numpy as np

#: Side in pixels where neither the operator, the family nor the pipeline says one.
SIZE = 512


def own_size(pipe: Any) -> int:
    """Return the side in pixels of the square that a pipeline of no known family was made for.

    Pipelines say it as `default_sample_size`, their UNets as `sample_size`, both in cells of the latents.
    """
    config = getattr(getattr(pipe, "unet", None), "config", None)
    cells = getattr(pipe, "default_sample_size", None) or getattr(config, "sample_size", None)
    return SIZE if cells is None else int(np.max(cells)) * int(getattr(pipe, "vae_scale_factor", 1))


def painted_size(width: int, height: int, *, size: int, multiple: int) -> tuple[int, int]:
    """Return width and height in pixels, multiples of `multiple`, of about size² pixels and never more.

    More would be cropped by pipelines that take reference pictures of so many pixels at most, FLUX.2's among them, and
    then no longer lie on what they are a reference of.
    """
    scale = size / np.sqrt(width * height)
    sides = [max(1, round(side * scale / multiple)) for side in (width, height)]
    while sides[0] * sides[1] * multiple**2 > size**2 and max(sides) > 1:
        # The side that was rounded up the more gives way, the longer one where neither was.
        over = [side * multiple / (asked * scale) for side, asked in zip(sides, (width, height), strict=True)]
        index = max((0, 1), key=lambda one: (sides[one] > 1, over[one], sides[one]))
        sides[index] -= 1
    return sides[0] * multiple, sides[1] * multiple
