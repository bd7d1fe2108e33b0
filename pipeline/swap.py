"""One swap, top to bottom: the only file that knows the order of the stages."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from pipeline.background.ground import make_ground
from pipeline.background.pinned import box_in, is_pinned
from pipeline.colour.palette import ALL_STAGES, PaletteControl
from pipeline.compositing.composite import composite
from pipeline.compositing.light_wrap import light_around
from pipeline.compositing.place import place
from pipeline.core.camera_angle import TOP_DOWN, angle_of
from pipeline.core.errors import NoHonestPlacement
from pipeline.core.networks import Networks, Progress
from pipeline.core.provenance import Credentials, stronger
from pipeline.core.resample import tight_box
from pipeline.core.spec import Limits, Spec
from pipeline.core.types import Cutout, Photo
from pipeline.cutout.cache import Cache, CutoutCache
from pipeline.cutout.foreground import extract_foreground
from pipeline.cutout.segment import segment
from pipeline.cutout.stance import Stance, stance_of
from pipeline.cutout.viewpoint import viewpoint
from pipeline.delivery.encode import encode
from pipeline.delivery.report import inspect
from pipeline.photo.decode import decode
from pipeline.scene.placement import fit

#: The stages in order and the share of the time that each takes.
STAGES: Mapping[str, float] = MappingProxyType(
    {
        "decode": 0.01,
        "segment": 0.17,
        "refine": 0.02,
        "place": 0.02,
        "background": 0.65,
        "shadow": 0.03,
        "composite": 0.04,
        "encode": 0.03,
        "inspect": 0.03,
    }
)


@dataclass(frozen=True)
class SwapResult:
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
    control: PaletteControl = ALL_STAGES,
    credentials: Credentials | None = None,
    cache: Cache | None = None,
) -> SwapResult:
    """Swap the background of a product photo.

    `data` is the photo's file. `progress` is called as each stage starts and with each step of the generator; it may
    raise to stop, and what it raises comes out. `clock` gives seconds, as time.perf_counter does, for the report's
    timings. `control` switches the stages that act for the asked colours. `credentials`, where given, sign the
    file. `cache`, where given, has what earlier swaps made, and gets what this one makes. Raises PipelineError and
    nothing else of its own.
    """
    stages = _Stages(progress, clock)
    cutouts = CutoutCache(cache, data, networks)
    with stages("decode"):
        photo = decode(data, limits)
    with stages("segment"):
        found = cutouts.get(photo) or segment(photo, networks.segmenter, networks.refiner, networks.second_segmenter)
    with stages("refine"):
        if isinstance(found, Cutout):
            cutout = found
        else:
            cutout = extract_foreground(photo, found.alpha, ambiguous_share=found.ambiguous_share)
            cutout = replace(cutout, viewpoint=viewpoint(photo, cutout, networks.viewpoint))
            cutouts.put(cutout)
    del found  # its mask has the photo's size
    source_height, source_width = photo.rgb.shape[:2]
    width, height = spec.preset.size or (source_width, source_height)
    stance = stance_of(cutout)
    asked, spec = spec, as_photographed(spec, stance)
    box = product_box(cutout, spec, width, height, stance)
    mark = mark_of(spec, photo)
    spec = replace(spec, preset=replace(spec.preset, digital_source_type=mark))
    with stages("place"):
        placed, placing_warnings = place(cutout, box, width, height)
    with stages("background"):
        ground = make_ground(spec, photo, cutout, stance, placed, networks, stages.step, control=control, cache=cache)
    with stages("shadow"):
        background = ground.with_effects()
    with stages("composite"):
        # only white is looked at again, by the rules of its presets
        kept = background.copy() if background is not None and spec.is_white else None
        around = light_around(background) if background is not None and ground.is_scene else None
        picture = composite(placed, background, around)
    with stages("encode"):
        reserve = credentials.reserve if credentials else 0
        encoded = encode(picture, spec.preset, alpha=placed.alpha, reserve=reserve)
        if credentials:
            encoded = replace(encoded, data=credentials.sign(encoded.data, encoded.content_type, mark), decoded=None)
    with stages("inspect"):
        provenance: dict[str, Any] = {"networks": dict(networks.versions), "seed": spec.seed}
        provenance |= {"kept_seed": ground.seed, "attempts": len(ground.tried), "tried": ground.tried}
        provenance |= {"cutout": cutouts.cache_status, "background": ground.cache_status}
        provenance["pinned"] = is_pinned(spec, stance)
        provenance["scene"] = scene_told(asked, spec)
        report = inspect(
            encoded.data,
            spec=spec,
            placed=placed,
            background=kept,
            cutout=cutout,
            stance=stance,
            provenance=provenance,
            credentials=credentials,
            photo_size=(source_width, source_height),
            decoded=encoded.decoded,
        )
    report["provenance"]["timings"] = stages.timings
    return SwapResult(
        data=encoded.data,
        format=encoded.format,
        content_type=encoded.content_type,
        width=encoded.width,
        height=encoded.height,
        seed=spec.seed,
        warnings=cutout.warnings + scene_warnings(asked, stance) + placing_warnings,
        report=report,
    )


def as_photographed(spec: Spec, stance: Stance) -> Spec:
    """Return the spec with its scene seen as the photo sees the product: from above, or from the side.

    As it is where it suits, and where no scene is drawn. Raises NoHonestPlacement where the stance forbids the scene.
    """
    if not _draws_a_scene(spec):
        return spec
    why_not = stance.refused_in(spec.scene.kind)
    if why_not is not None:
        raise NoHonestPlacement(why_not)
    return replace(spec, scene=stance.scene_for(spec.scene))


def scene_warnings(spec: Spec, stance: Stance) -> tuple[str, ...]:
    """Return `scene_unsuited` where a product of that stance does not look right in the scene asked for.

    It is then shown from another angle (`as_photographed`), where it has one.
    """
    return ("scene_unsuited",) if _draws_a_scene(spec) and spec.scene.kind not in stance.suits else ()


def scene_told(asked: Spec, drawn: Spec) -> dict[str, Any] | None:
    """Return what the report's provenance says of the scene: the kind asked for, the one painted and its camera angle.

    `changed` is a sentence on what was changed and why, None where nothing was; None where no scene is drawn.
    """
    if not _draws_a_scene(drawn):
        return None
    angle = angle_of(drawn.scene.kind)
    changed = None
    if drawn.scene != asked.scene:
        changed = {
            "above": "The product was photographed from above, so the scene is shown from above.",
            "side": "The product was photographed standing, so the scene's surface is shown from the side.",
        }[angle or "side"]
    return {"asked": asked.scene.kind, "painted": drawn.scene.kind, "angle": angle, "changed": changed}


def _draws_a_scene(spec: Spec) -> bool:
    return spec.preset.background == "scene" and not spec.is_white


def mark_of(spec: Spec, photo: Photo) -> str | None:
    """Return the IPTC term, DigitalSourceType, that the file is marked with; None where nothing is to be said."""
    mark = spec.preset.digital_source_type
    if spec.is_white and mark:
        # No pixel is generated: the preset's AI mark would be untrue. IPTC's term for real elements put together.
        mark = "compositeCapture"
    # what the photo says of itself stays true of the product in it
    return stronger(mark, photo.digital_source_type)


def product_box(
    cutout: Cutout, spec: Spec, width: int, height: int, stance: Stance | None = None
) -> tuple[float, float, float, float]:
    """Return where the product's tight box goes on the canvas, pixels: left, top, right, bottom.

    A transparent picture of the photo's own size keeps the product exactly where and as large as it was. `stance` is
    the cut-out's, where it is known. Raises NoHonestPlacement as `fit` does, and where the stance
    forbids the scene.
    """
    if spec.preset.background == "transparent" and spec.preset.size is None:
        tight = tight_box(cutout.alpha > 0.5) or (0, 0, 1, 1)
        x, y = cutout.origin
        return tight[0] + x, tight[1] + y, tight[2] + x, tight[3] + y
    stance = stance or stance_of(cutout)
    spec = as_photographed(spec, stance)
    # where nothing is drawn, nothing is seen to stand
    kind = spec.scene.kind if _draws_a_scene(spec) else "white"
    if is_pinned(spec, stance):
        return box_in(spec, cutout.aspect, width, height)
    return fit(
        spec.preset,
        cutout.aspect,
        width,
        height,
        stance.edges(kind),
        top_down=kind in TOP_DOWN,
        stands=stance.stands_in(kind),
    )


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
