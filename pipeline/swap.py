"""One swap, top to bottom: the only file that knows the order of the stages."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from pipeline.background import paint_background
from pipeline.composite import composite, shade
from pipeline.composition import compose
from pipeline.decode import decode
from pipeline.encode import encode
from pipeline.image import Cutout, Rgb
from pipeline.inspect import inspect
from pipeline.layout import Layout, fit
from pipeline.networks import Networks, Progress
from pipeline.place import place
from pipeline.refine import refine
from pipeline.resample import tight_box
from pipeline.segment import segment
from pipeline.shadow import cast_shadow, contact_shadow
from pipeline.spec import Limits, Spec

#: The stages in order and the share of the time that each takes.
STAGES: Mapping[str, float] = MappingProxyType(
    {
        "decode": 0.01,
        "segment": 0.15,
        "refine": 0.02,
        "background": 0.44,
        "place": 0.02,
        "shadow": 0.29,
        "composite": 0.01,
        "encode": 0.03,
        "inspect": 0.03,
    }
)


@dataclass(frozen=True)
class Render:
    """A finished swap."""

    data: bytes
    #: "jpeg", "png", "webp" or "avif".
    format: str
    content_type: str
    width: int
    height: int
    seed: int
    #: Stable codes, e.g. low_confidence, upscaled.
    warnings: tuple[str, ...]
    #: palette, fidelity, preset, cutout, provenance; JSON-ready.
    report: dict[str, Any]


def ignore(stage: str, fraction: float) -> None:
    """Progress for callers who don't want any."""


def swap(
    data: bytes,
    spec: Spec,
    networks: Networks,
    *,
    limits: Limits,
    clock: Callable[[], float],
    progress: Progress = ignore,
) -> Render:
    """Swap the background of a product photo.

    `data` is the photo's file. `progress` is called as each stage starts and with each step of the generator; it may
    raise to stop, and what it raises comes out. `clock` gives seconds, as time.perf_counter does, for the report's
    timings. Raises PipelineError and nothing else of its own.
    """
    stages = _Stages(progress, clock)
    with stages("decode"):
        photo = decode(data, limits)
    with stages("segment"):
        found = segment(photo, networks.segmenter)
    with stages("refine"):
        cutout = refine(photo, found.alpha, agreement=found.agreement, undecided=found.undecided)
    source_height, source_width = photo.rgb.shape[:2]
    width, height = spec.preset.size or (source_width, source_height)
    box = product_box(cutout, spec, width, height)
    white = spec.preset.background == "white" or spec.scene.kind == "white"
    if white and spec.preset.digital_source_type:
        # No pixel is generated: the preset's AI mark would be untrue. IPTC's term for real elements put together.
        spec = replace(spec, preset=replace(spec.preset, digital_source_type="compositeCapture"))
    with stages("background"):
        layout: Layout | None = None
        background: Rgb | None = None
        if spec.preset.background != "transparent":
            if white:
                background = np.ones((height, width, 3), np.float32)
            else:
                layout = compose(spec, width, height, _aspect(cutout), cutout.cut_sides)
                background = paint_background(spec, layout, width, height, networks.generator, stages.step)
    with stages("place"):
        placed, placing_warnings = place(cutout, box, width, height)
    with stages("shadow"):
        if background is not None and layout is not None:
            # Cut off below its foot isn't seen; cut off above it hangs. Either way it stands on nothing.
            afloat = "bottom" in cutout.cut_sides or "top" in cutout.cut_sides
            background = shade(background, cast_shadow(placed.alpha, layout, cut_below=afloat))
        elif background is not None and spec.preset.background == "scene" and "bottom" not in cutout.cut_sides:
            background = shade(background, contact_shadow(placed.alpha))
    with stages("composite"):
        picture = composite(placed, background)
    with stages("encode"):
        encoded = encode(picture, spec.preset)
    with stages("inspect"):
        provenance: dict[str, Any] = {"networks": dict(networks.versions), "seed": spec.seed, "attempts": 1}
        report = inspect(
            encoded.data, spec=spec, placed=placed, background=background, cutout=cutout, provenance=provenance
        )
    report["provenance"]["timings"] = stages.timings
    return Render(
        data=encoded.data,
        format=encoded.format,
        content_type=encoded.content_type,
        width=encoded.width,
        height=encoded.height,
        seed=spec.seed,
        warnings=cutout.warnings + placing_warnings,
        report=report,
    )


def product_box(cutout: Cutout, spec: Spec, width: int, height: int) -> tuple[float, float, float, float]:
    """Return where the product's tight box goes on the canvas, pixels: left, top, right, bottom.

    A transparent picture of the photo's own size keeps the product exactly where and as large as it was.
    """
    if spec.preset.background == "transparent" and spec.preset.size is None:
        tight = tight_box(cutout.alpha > 0.5) or (0, 0, 1, 1)
        x, y = cutout.origin
        return tight[0] + x, tight[1] + y, tight[2] + x, tight[3] + y
    return fit(spec.preset, _aspect(cutout), width, height, cutout.cut_sides)


def _aspect(cutout: Cutout) -> float:
    left, top, right, bottom = tight_box(cutout.alpha > 0.5) or (0, 0, 1, 1)
    return (right - left) / (bottom - top)


class _Stages:
    """Tells progress and measures time, stage by stage."""

    def __init__(self, progress: Progress, clock: Callable[[], float]):
        self._progress, self._clock = progress, clock
        self._stage, self._before = "", 0.0
        #: Seconds by stage.
        self.timings: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        self._stage = stage
        self._progress(stage, self._before)
        started = self._clock()
        yield
        self.timings[stage] = round(self._clock() - started, 4)
        self._before += STAGES[stage]

    def step(self, done: float) -> None:
        """Pass on the share 0–1 of the running stage that is done."""
        self._progress(self._stage, self._before + STAGES[self._stage] * min(1.0, max(0.0, done)))
