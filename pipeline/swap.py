"""One swap from start to end: the only file that knows the order of the stages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pipeline.background.callers_picture import OwnPicture, guided, mark_of
from pipeline.background.earlier import EarlierRender
from pipeline.background.selection import Means
from pipeline.background.shared import SharedBackgrounds
from pipeline.background.source import light_for, make_background
from pipeline.colour.palette import ALL_STAGES, PaletteControl
from pipeline.compositing.composite import composite, light_around
from pipeline.compositing.place import lay, reduced
from pipeline.core.errors import NoSubject
from pipeline.core.networks import Networks, Progress
from pipeline.core.order import PhotoPlace
from pipeline.core.parallel import together
from pipeline.core.provenance import Credentials
from pipeline.core.spec import Limits, Spec
from pipeline.core.stages import Stages
from pipeline.core.types import Cutout, Encoded, Photo, Placed, Rgb
from pipeline.cutout.cache import Cache
from pipeline.cutout.cutting import Cutting
from pipeline.cutout.given import GivenMask
from pipeline.cutout.stance import place_cutout
from pipeline.cutout.subjects import Choice
from pipeline.deliver import Made, encoded, report_on, signer_of
from pipeline.delivery.acceptance import limits_of
from pipeline.delivery.output import ordered
from pipeline.delivery.preview import Stamp, preview_size
from pipeline.delivery.watermark import Payload
from pipeline.lettering.drawing import NO_ARTWORK, Artwork, with_layers
from pipeline.photo.decode import decode
from pipeline.placement.place import Place
from pipeline.report import Report
from pipeline.scene.layout import Layout

#: The stages in order, and each stage's share of the time.
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
    report: Report
    #: Where a preview of the picture has its letters.
    stamp: Stamp


def ignore(stage: str, fraction: float) -> None:
    """Do nothing: the progress callback of callers who need none."""


def unused(layout: Layout) -> None:
    """Do nothing: the layout callback of callers who need none."""


def unseen(placed: Placed, picture: Rgb) -> None:
    """Do nothing: the composite callback of callers who need none."""


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
    xmp: bool = True,
    cache: Cache | None = None,
    mask: GivenMask | None = None,
    shared: SharedBackgrounds | None = None,
    files: Mapping[str, bytes] = MappingProxyType({}),
    earlier_mask: GivenMask | None = None,
    on_composite: Callable[[Placed, Rgb], None] = unseen,
    on_layout: Callable[[Layout], None] = unused,
    artwork: Artwork = NO_ARTWORK,
    payload: Payload | None = None,
    secret: bytes = b"",
) -> SwapResult:
    """Swap the background of a product photo.

    `data` is the photo's file. `clock` returns seconds, as time.perf_counter does, for the report's timings. `progress`
    is called as each stage starts and with each step of the generator. It may raise, to stop the swap. `control` limits
    what is done for the asked colours. `shared` keeps the background for further pictures. `credentials` sign the file.
    `xmp`: whether its XMP packet has the mark. `cache` contains results of earlier swaps, and gets this swap's. `mask`
    is the product's mask. With it the networks look for the product only where `spec.subject` is outside it. `files`
    has the bytes of the further files that the spec names, by the name that it has for each. `earlier_mask` is the mask
    of the product of `spec.earlier`. `spec.preview` gives a small picture with letters, `spec.sandbox` enlarges that.
    `secret` decides their place. `on_composite` gets the placed product and the H×W×3 sRGB picture before it is
    encoded. It must not change them. `on_layout` gets the scene's layout earlier, if there is a scene. `artwork` has
    `spec.lettering`'s fonts and logos. `payload` is for the watermark of a generated background. Raises PipelineError,
    and no other error of its own.
    """
    stages = Stages(STAGES, progress, clock)
    with stages("decode"):
        photo, own = decode(data, limits), OwnPicture.of(spec, files, limits)
        spec = guided(spec, own)
    cutting = Cutting(photo, data, networks, cache, mask, doubts=limits_of(spec.acceptance.accept) is not None)
    cutout = (cut := cutting.product(stages, spec.subject)).unassessed
    size = photo.rgb.shape[1], photo.rgb.shape[0]
    width, height = ordered(spec.preset, spec.output).size or size

    def placed_product() -> tuple[Place, Placed]:
        place = place_cutout(cutout, asked, width, height)
        return place, lay(cutout, place.position, width, height)

    with stages("place"):
        earlier = EarlierRender.of(spec, files, (width, height), networks, limits=limits, mask=earlier_mask)
        asked, preview = spec if earlier is None else earlier.placing(spec), spec.preview
        (place, laid), light = together(placed_product, lambda: light_for(asked, photo, cutout))
    if light is not None:  # so nothing reads the photo's pixels from here on: of a large one, they take 120 MB
        photo = replace(photo, rgb=photo.rgb[:0].copy())
    mark = mark_of(place.spec, photo, own)
    spec = replace(place.spec, preset=replace(place.spec.preset, digital_source_type=mark if xmp else None))
    shown = preview_size(width, height) if preview else (width, height)
    with stages("background"):
        means = Means(networks, stages.step, control, shown if preview else None, clock, cache)
        source = make_background(
            spec, photo, cutout, place, laid, means, light=light, own=own, earlier=earlier, shared=shared
        )
    if source.layout is not None:
        on_layout(source.layout)
    with stages("shadow"):
        background = source.with_effects()
        shade = None if source.shade is None else source.shade(*shown)
    with stages("composite"):
        placed = reduced(laid, *shown) if preview else laid
        # only white is measured again, by the rules of its presets
        kept = background.copy() if background is not None and spec.preset.background == "white" else None
        around = light_around(background) if background is not None and source.is_scene else None
        picture = composite(placed, background, around, shade)
        on_composite(placed, picture)
        lettering = with_layers(spec, laid, picture, artwork)
    signer = signer_of(credentials, mark, data, photo, spec)
    made = Made(asked, spec, place, laid, placed, source, cut, size, kept, mark, signer, lettering, payload, secret)
    file, measured = encoded(stages, made, lettering.picture if lettering else picture)
    return _result(made, file, report_on(stages, made, measured, dict(networks.versions)))


def _result(made: Made, file: Encoded, report: Report) -> SwapResult:
    busy = report.frame is not None and report.frame.copy_room is not None and not report.frame.copy_room.calm
    return SwapResult(
        data=file.data,
        format=file.format,
        content_type=file.content_type,
        width=file.width,
        height=file.height,
        seed=made.spec.seed,
        warnings=made.warnings + ("copy_space_busy",) * busy,
        report=report,
        stamp=made.stamp,
    )


@dataclass(frozen=True)
class CutOut:
    """A photo and its cut-out."""

    photo: Photo
    #: The networks' cut-out; None: nothing stands out, but a mended mask may still define a product.
    found: Cutout | None
    #: The product at the caller's place, and its cut-out; None: no place was given.
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
    """Run the first stages of `swap`: return the decoded photo, the networks' cut-out of it, and the chosen cut-out.

    `mask` is the caller's. `subject` may choose a part of it. Raises PipelineError.
    """
    share = STAGES["decode"] + STAGES["segment"] + STAGES["refine"]
    stages = Stages(STAGES, lambda stage, done: progress(stage, min(1.0, done / share)), clock)
    with stages("decode"):
        photo = decode(data, limits)
    try:
        found = Cutting(photo, data, networks, cache, doubts=True).product(stages).assessed()
    except NoSubject:
        found = None
    if subject is None:
        return CutOut(photo, found)
    cutting = Cutting(photo, data, networks, cache, mask)
    choice = cutting.choice(subject, lambda: found)
    whole = found if choice.source == "found" else None
    return CutOut(photo, found, (choice, cutting.chosen(choice, whole).assessed()))
