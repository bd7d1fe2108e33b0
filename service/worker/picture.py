"""Pictures and cut-outs of photos, with what an installation adds to the pipeline: limits, marks, fonts and logos."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.accepted import AcceptedSwap, accepted_swap
from pipeline.core.errors import ImageUnreadable, LayerUnusable, PipelineError, Rejected
from pipeline.core.networks import Networks, Progress
from pipeline.core.spec import Limits, Spec
from pipeline.cutout.cache import Cache
from pipeline.cutout.given import GivenMask
from pipeline.lettering.drawing import Artwork
from pipeline.lettering.fonts import Fonts
from pipeline.lettering.layers import logos_of
from pipeline.photo.decode import decode
from pipeline.photo.vector import check_svg, is_svg
from pipeline.swap import CutOut, cut_out, ignore, swap
from service.cutouts.mask_file import checked_mask
from service.marks.c2pa import Marking
from service.supervisor.processes import HostBusy, TooMuchWork, apart

#: Limits on a logo that is a picture.
LIMITS = Limits(max_bytes=5 * 1024 * 1024, max_pixels=16_000_000, min_side=1)
#: Seconds of processor time and bytes of memory that the drawing of an SVG may take.
_SECONDS, _MEMORY = 5, 1 << 30


@dataclass(frozen=True)
class Pictures:
    """Makes pictures and cut-outs of photos. Thread-safe."""

    limits: Limits
    #: The marks in the pictures.
    marking: Marking
    #: The fonts that layers may name.
    fonts: Fonts

    def make(
        self,
        photo: bytes,
        spec: Spec,
        networks: Networks,
        files: Mapping[str, bytes],
        *,
        job_id: str | None = None,
        progress: Progress = ignore,
        cache: Cache | None = None,
        **further: Any,
    ) -> AcceptedSwap:
        """Make the picture of a spec, within its limits. `files`: the bytes of the files that the spec names.

        `further`: arguments of `pipeline.swap.swap`, such as `mask`. Raises PipelineError.
        """
        once = partial(
            swap,
            photo,
            networks=networks,
            limits=self.limits,
            clock=time.perf_counter,
            files=files,
            artwork=artwork_for(spec.lettering.layers, self.fonts, files),
            **self.marking.of(job_id),
            **further,
        )
        return accepted_swap(once, spec, progress=progress, cache=cache)

    def cut_out(self, photo: bytes, networks: Networks, **further: Any) -> CutOut:
        """Cut out a photo's product. `further`: arguments of `pipeline.swap.cut_out`. Raises PipelineError."""
        return cut_out(photo, networks, limits=self.limits, clock=time.perf_counter, **further)

    def mended(self, photo: bytes, mask: bytes) -> GivenMask:
        """Return a caller's PNG as the mask of a photo. Raises MaskInvalid and PipelineError."""
        height, width = decode(photo, self.limits).rgb.shape[:2]
        return GivenMask(checked_mask(mask, width, height), "mended")


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
