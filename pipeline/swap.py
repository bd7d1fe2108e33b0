"""One swap, top to bottom: the only file that knows the order of the stages."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache as once
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.background.ground import light_for, make_ground
from pipeline.background.pinned import is_pinned
from pipeline.background.position import as_photographed, kind_of, position_of, product_box, scene_told, scene_warnings
from pipeline.colour.palette import ALL_STAGES, PaletteControl
from pipeline.compositing.composite import composite
from pipeline.compositing.light_wrap import light_around
from pipeline.compositing.place import lay, reduced
from pipeline.core.errors import NoSubject
from pipeline.core.networks import Networks, Progress
from pipeline.core.parallel import together
from pipeline.core.provenance import Credentials, stronger
from pipeline.core.spec import UNMOVED, Limits, PhotoPlace, Spec
from pipeline.core.stages import Stages
from pipeline.core.types import Cutout, Photo, Placed, Rgb
from pipeline.cutout.cache import Cache, CutoutCache
from pipeline.cutout.foreground import Extracted, extract_foreground, foreground_of
from pipeline.cutout.given import GivenMask, codes_of, coverage
from pipeline.cutout.segment import Segmentation, segment
from pipeline.cutout.stance import stance_of
from pipeline.cutout.subjects import Choice, choose
from pipeline.delivery.encode import encode
from pipeline.delivery.output import ordered
from pipeline.delivery.placement_rules import placement_rules
from pipeline.delivery.preview import preview_preset, preview_size, watermarked
from pipeline.delivery.report import background_palette, inspect
from pipeline.photo.decode import decode

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


def unseen(placed: Placed, picture: Rgb) -> None:
    """Take what a swap delivers, for callers who don't look at it."""


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
    mask: GivenMask | None = None,
    preview: bool = False,
    on_composite: Callable[[Placed, Rgb], None] = unseen,
) -> SwapResult:
    """Swap the background of a product photo.

    `data` is the photo's file. `progress` is called as each stage starts and with each step of the generator; it may
    raise to stop, and what it raises comes out. `clock` gives seconds, as time.perf_counter does, for the report's
    timings. `control` switches the stages that act for the asked colours. `credentials`, where given, sign the
    file. `cache`, where given, has what earlier swaps made, and gets what this one makes. `mask`, where given, is
    taken for the product's, and no network looks for it unless `spec.subject` is not in it. `preview`: the same picture
    at a small size under a watermark, with the report of the picture under it. `on_composite` is shown the placed
    product and the H×W×3 sRGB picture that is encoded next; it leaves both as they are. Raises PipelineError and
    nothing else of its own.
    """
    stages = Stages(STAGES, progress, clock)
    with stages("decode"):
        photo = decode(data, limits)
    cut = _cut_out(photo, data, networks, stages, cache, mask, spec.subject)
    cutout = cut.unassessed
    source_height, source_width = photo.rgb.shape[:2]
    delivered = ordered(spec.preset, spec.output)
    width, height = delivered.size or (source_width, source_height)
    asked = spec

    def place() -> tuple[Any, ...]:
        stance = stance_of(cutout, asked.placement.stance)
        spec = as_photographed(asked, stance)
        box = product_box(cutout, spec, width, height, stance)
        position = position_of(cutout, spec, box, width, height, stance)
        return stance, spec, box, position, *lay(cutout, position, width, height)

    with stages("place"):
        (stance, spec, box, position, laid, placing_warnings), light = together(
            place, lambda: light_for(asked, photo, cutout)
        )
    mark = mark_of(spec, photo)
    spec = replace(spec, preset=replace(spec.preset, digital_source_type=mark))
    shown = preview_size(width, height) if preview else (width, height)
    with stages("background"):
        ground = make_ground(
            spec,
            photo,
            cutout,
            stance,
            laid,
            networks,
            stages.step,
            control=control,
            cache=cache,
            box=position.bounds,
            shown=shown if preview else None,
            light=light,
        )
    with stages("shadow"):
        background = ground.with_effects()
    with stages("composite"):
        placed = reduced(laid, *shown) if preview else laid
        # only white is looked at again, by the rules of its presets
        kept = background.copy() if background is not None and spec.is_white else None
        around = light_around(background) if background is not None and ground.is_scene else None
        picture = composite(placed, background, around)
        on_composite(placed, picture)
    with stages("encode"):
        preset = replace(delivered, digital_source_type=mark)
        preset = preview_preset(preset, shown) if preview else preset
        reserve = credentials.reserve if credentials else 0
        measured = encode(
            picture,
            preset,
            alpha=placed.alpha,
            reserve=reserve,
            beside=lambda rgb: background_palette(rgb, spec, placed),
            meanwhile=cut.assessed,
        )
        encoded = encode(watermarked(picture), preset) if preview else measured
        if credentials:
            signed = credentials.sign(encoded.data, encoded.content_type, mark)
            encoded = replace(encoded, data=signed, decoded=None, fidelity=None, measured=None)
            measured = measured if preview else encoded
    with stages("inspect"):
        cutout = cut.assessed()
        provenance: dict[str, Any] = {"networks": dict(networks.versions), "seed": spec.seed}
        provenance |= {"kept_seed": ground.seed, "attempts": len(ground.tried), "tried": ground.tried}
        provenance |= {
            "cutout": cut.status,
            "cut_by": cut.cut_by,
            "background": ground.cache_status,
        }
        provenance["pinned"] = is_pinned(spec, stance)
        provenance["scene"] = scene_told(asked, spec, stance)
        report = inspect(
            measured.data,
            spec=spec,
            placed=placed,
            background=kept,
            cutout=cutout,
            stance=stance,
            provenance=provenance,
            credentials=None if preview else credentials,
            photo_size=(source_width, source_height),
            decoded=measured.decoded,
            fidelity=measured.fidelity,
            palette=measured.measured,
            canvas=laid if preview else None,
            touches=stance.edges(kind_of(spec)) if spec.placement.moves else None,
        )
        if spec.placement != UNMOVED:
            report["placement"] = _told_placement(spec, report["preset"], box, laid, width, height)
        if preview:
            report["preview"] = {"width": width, "height": height}
    report["provenance"]["timings"] = stages.timings
    report["palette"]["assigned"] = ground.assigned
    if asked.subject:
        report["cutout"]["subject"] = list(asked.subject)
    if ground.expansion is not None:
        report["expansion"] = ground.expansion.row()
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


@dataclass(frozen=True)
class CutOut:
    """A photo and what is cut out of it."""

    photo: Photo
    #: What the networks find in it; None: nothing stands out, which a mended mask may change.
    found: Cutout | None
    #: The product that a caller's place means, and its cut-out; None: no place was given.
    chosen: tuple[Choice, Cutout] | None = None


def cut_out(
    data: bytes,
    networks: Networks,
    *,
    limits: Limits,
    clock: Callable[[], float],
    progress: Progress = ignore,
    cache: Cache | None = None,
    mask: GivenMask | None = None,
    subject: PhotoPlace | None = None,
) -> CutOut:
    """Do as `swap` begins, and no more: return the decoded photo, the networks' cut-out of it, and the one chosen.

    `mask` is the caller's, of which a `subject` may be a part. Raises PipelineError.
    """
    share = STAGES["decode"] + STAGES["segment"] + STAGES["refine"]
    stages = Stages(STAGES, lambda stage, done: progress(stage, min(1.0, done / share)), clock)
    with stages("decode"):
        photo = decode(data, limits)
    try:
        found = _cut_out(photo, data, networks, stages, cache, None, None).assessed()
    except NoSubject:
        found = None
    if subject is None:
        return CutOut(photo, found)
    choice = _choice(photo, networks, mask, subject, lambda: found)
    whole = found if choice.source == "found" else None
    return CutOut(photo, found, (choice, _chosen(photo, choice, networks, mask, whole).assessed()))


@dataclass(frozen=True)
class _Cut:
    """A cut-out, which is assessed and stored while there is time: the picture needs neither."""

    #: As `pipeline.cutout.foreground.Extracted` has it.
    unassessed: Cutout
    #: Returns all of it.
    assessed: Callable[[], Cutout]
    #: How it came about: computed, cached, or by whose mask.
    status: str
    #: Whose mask it has.
    cut_by: str = "network"


def _cut_out(
    photo: Photo,
    data: bytes,
    networks: Networks,
    stages: Stages,
    cache: Cache | None,
    mask: GivenMask | None,
    subject: PhotoPlace | None = None,
) -> _Cut:
    """Cut the product out, or find what was cut out before. Raises NoSubject, SubjectNotFound, ModelFailed."""
    cutouts = CutoutCache(cache, data, networks, subject)
    whole = once(lambda: _found(photo, CutoutCache(cache, data, networks), networks))
    found, choice = None, None
    with stages("segment"):
        kept = None if mask else cutouts.get(photo)
        if kept is None and subject is not None:
            choice = _choice(photo, networks, mask, subject, whole)
        elif kept is None and mask is None:
            found = _segmented(photo, networks)
    with stages("refine"):
        if kept is not None:
            return _Cut(kept, lambda: kept, cutouts.cache_status)
        if choice is not None:
            cut = _chosen(photo, choice, networks, mask, whole() if choice.source == "found" else None)
            return cut if choice.source == "given" else replace(cut, assessed=once(lambda: cutouts.put(cut.assessed())))
        if mask is not None:
            made = foreground_of(photo, mask, networks.viewpoint)
            return _Cut(made.unassessed, once(made.assessed), mask.cut_by, mask.cut_by)
        assert found is not None  # there was neither
        made = _extracted(photo, found, networks)
        return _Cut(made.unassessed, once(lambda: cutouts.put(made.assessed())), cutouts.cache_status)


def _found(photo: Photo, cutouts: CutoutCache, networks: Networks) -> Cutout | None:
    """Return the cut-out of all that the networks find; None where nothing stands out. Raises ModelFailed."""
    try:
        return cutouts.get(photo) or cutouts.put(_extracted(photo, _segmented(photo, networks), networks).assessed())
    except NoSubject:
        return None


def _choice(
    photo: Photo,
    networks: Networks,
    mask: GivenMask | None,
    subject: PhotoPlace,
    whole: Callable[[], Cutout | None],
) -> Choice:
    """Return the product that a place means. Raises SubjectNotFound, ModelFailed."""

    def found() -> NDArray[np.uint8] | None:
        cutout = whole()
        height, width = photo.rgb.shape[:2]
        return None if cutout is None else codes_of(cutout.alpha, cutout.origin, width, height)

    given = None if mask is None else mask.codes
    return choose(subject, photo, found=found, look=lambda part: _segmented(part, networks), given=given)


def _chosen(photo: Photo, choice: Choice, networks: Networks, mask: GivenMask | None, whole: Cutout | None) -> _Cut:
    """Cut out what was chosen; a part of what was found, the `whole`, is no surer than that. Raises ModelFailed."""
    if choice.source == "given":
        assert mask is not None
        made = foreground_of(photo, replace(mask, codes=choice.codes), networks.viewpoint)
        return _Cut(made.unassessed, once(made.assessed), mask.cut_by, mask.cut_by)
    alpha = coverage(choice.codes)
    seen = Segmentation(alpha) if choice.seen is None else replace(choice.seen, alpha=alpha)
    made = _extracted(photo, seen, networks)

    def assessed() -> Cutout:
        cutout = made.assessed()
        if whole is None:
            return cutout
        doubts = {"low_confidence"} & set(whole.warnings) - set(cutout.warnings)
        sure = min(cutout.confidence, whole.confidence)
        return replace(cutout, confidence=sure, warnings=(*cutout.warnings, *doubts))

    return _Cut(made.unassessed, once(assessed), "computed")


def _segmented(photo: Photo, networks: Networks) -> Segmentation:
    return segment(photo, networks.segmenter, networks.refiner, networks.second_segmenter)


def _extracted(photo: Photo, found: Segmentation, networks: Networks) -> Extracted:
    return extract_foreground(
        photo,
        found.alpha,
        confidence=found.confidence,
        disputed=found.disputed,
        classifier=networks.viewpoint,
    )


def mark_of(spec: Spec, photo: Photo) -> str | None:
    """Return the IPTC term, DigitalSourceType, that the file is marked with; None where nothing is to be said."""
    mark = spec.preset.digital_source_type
    if spec.is_white and mark:
        # No pixel is generated: the preset's AI mark would be untrue. IPTC's term for real elements put together.
        mark = "compositeCapture"
    # what the photo says of itself stays true of the product in it
    return stronger(mark, photo.digital_source_type)


def _told_placement(
    spec: Spec,
    rules: list[dict[str, Any]],
    box: tuple[float, float, float, float],
    laid: Placed,
    width: int,
    height: int,
) -> dict[str, Any]:
    """Return what the report says of a caller's placement: it, and the rules that are kept without it only."""
    scale = laid.scale / spec.placement.scale
    before = {rule.name for rule in placement_rules(spec.preset, box, scale, width, height) if rule.status == "pass"}
    breaks = [row["rule"] for row in rules if row["rule"] in before and row["status"] != "pass"]
    return asdict(spec.placement) | {"breaks": breaks}
