"""Pictures and cut-outs of photos, with what an installation adds to the pipeline: limits, marks, fonts and logos."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pipeline.accepted import AcceptedSwap, accepted_swap
from pipeline.core.networks import Networks, Progress
from pipeline.core.spec import Limits, Spec
from pipeline.cutout.cache import Cache
from pipeline.cutout.given import GivenMask
from pipeline.lettering.fonts import Fonts
from pipeline.photo.decode import decode
from pipeline.swap import CutOut, cut_out, ignore, swap
from service.cutouts.mask_file import checked_mask
from service.marks.c2pa import Marking
from service.worker.logos import Logos


@dataclass(frozen=True)
class Pictures:
    """Makes pictures and cut-outs of photos. Thread-safe."""

    limits: Limits
    #: The marks in the pictures.
    marking: Marking
    #: The fonts that layers may name.
    fonts: Fonts
    logos: Logos = field(default_factory=Logos)

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
            artwork=self.logos.artwork(spec.lettering.layers, self.fonts, files),
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
