"""One swap from start to end: the only file that knows the order of the stages."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.background.background import Background
from pipeline.background.callers_picture import OwnPicture, guided
from pipeline.background.earlier import EarlierRender
from pipeline.background.plain_ground import colour_of
from pipeline.background.selection import Means, fell_back
from pipeline.background.shared import SharedBackgrounds
from pipeline.background.source import light_for, make_background
from pipeline.colour.palette import ALL_STAGES, PaletteControl
from pipeline.compositing.composite import composite, light_around
from pipeline.compositing.place import lay, reduced
from pipeline.core.errors import NoSubject
from pipeline.core.networks import Networks, Progress
from pipeline.core.order import Frame, PhotoPlace, Placement
from pipeline.core.parallel import together
from pipeline.core.provenance import Credentials, stronger
from pipeline.core.spec import Limits, Spec
from pipeline.core.stages import Stages
from pipeline.core.types import Alpha, Cutout, Encoded, Photo, Placed, Rgb
from pipeline.cutout.cache import Cache
from pipeline.cutout.cutting import Cut, Cutting
from pipeline.cutout.given import GivenMask
from pipeline.cutout.stance import place_cutout
from pipeline.cutout.subjects import Choice
from pipeline.delivery.encode import encode
from pipeline.delivery.fidelity import decoded
from pipeline.delivery.inspection import background_palette, copy_room_report, cutout_report, inspect
from pipeline.delivery.output import ordered
from pipeline.delivery.preview import Stamp, preview_preset, preview_size, stamp_of, watermarked
from pipeline.delivery.watermark import Payload, embed
from pipeline.lettering.drawing import NO_ARTWORK, Artwork, Lettered, lettered
from pipeline.lettering.layers import layers_of
from pipeline.photo.decode import decode
from pipeline.placement.frame import copy_room
from pipeline.placement.place import Place, scene_report
from pipeline.report import (
    CredentialsReport,
    FrameReport,
    MarksReport,
    PlacementReport,
    PreviewReport,
    Provenance,
    Report,
    RuleCheck,
    WatermarkReport,
)
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
    cut = Cutting(photo, data, networks, cache, mask).product(stages, spec.subject)
    cutout = cut.unassessed
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
        lettering = _lettered(spec, laid, picture, artwork)
    signer = _signer(credentials, mark, data, photo, spec)
    made = _Made(asked, spec, place, laid, placed, source, cut, size, kept, mark, signer, lettering, payload, secret)
    encoded, measured = _encoded(stages, made, lettering.picture if lettering else picture)
    return _result(made, encoded, _report(stages, made, measured, dict(networks.versions)))


@dataclass(frozen=True)
class _Made:
    """The state of a swap once its picture is complete."""

    asked: Spec
    #: With the scene as painted, and with the file's mark.
    spec: Spec
    place: Place
    #: The product on the preset's canvas, and on the delivered canvas, which is smaller in a preview.
    laid: Placed
    placed: Placed
    source: Background
    cut: Cut
    #: Width and height, pixels.
    photo_size: tuple[int, int]
    #: A copy of the background, where the preset's rules measure it again.
    kept: Rgb | None
    #: The IPTC term of the picture, also where its XMP packet lacks it.
    mark: str | None
    #: The signer of this picture; None: it is not signed.
    signer: Credentials | None
    #: The picture with text and logos; None: it has none.
    lettering: Lettered | None = None
    payload: Payload | None = None
    secret: bytes = b""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The codes of all stages."""
        return (
            *self.cut.assessed().warnings,
            *dict.fromkeys(self.place.warnings + ("placement_unsure",) * (self.source.hovering > 0)),
            *self.source.warnings,
            *["generator_fell_back"] * fell_back(self.source.tried),
            *(self.lettering.warnings if self.lettering else ()),
        )

    @property
    def cover(self) -> Alpha | None:
        """H×W coverage of text and logos."""
        return self.lettering.cover if self.lettering else None

    @property
    def generated(self) -> bool:
        """Whether the background is generated, from the seed."""
        return self.source.is_scene and self.spec.ground.background != "image"

    @property
    def watermark(self) -> Payload | None:
        """The watermark's content; None without a generated background, and beside a visible watermark."""
        return self.payload if self.generated and not (self.spec.preview or self.spec.sandbox) else None

    @property
    def stamp(self) -> Stamp:
        """Where the visible watermark has its letters."""
        return stamp_of(self.secret, self.source.seed if self.generated else None)

    def embed(self, codes: NDArray[np.uint8]) -> None:
        """Embed the watermark in H×W×3 or H×W×4 codes, in place, beside product, text and logos."""
        if self.watermark is not None:
            embed(codes, self.placed.joined(self.cover).alpha == 0, self.watermark)


def _signer(
    credentials: Credentials | None, mark: str | None, data: bytes, photo: Photo, spec: Spec
) -> Credentials | None:
    if credentials is None or not credentials.signs(mark):
        return None
    return credentials.for_photo(data, photo.content_type, ordered(spec.preset, spec.output).max_bytes)


def _encoded(stages: Stages, made: _Made, picture: Rgb) -> tuple[Encoded, Encoded]:
    """Return the delivered file and the measured file: the same without the watermark of a preview or a sandbox."""
    spec, placed, signer = made.spec, made.placed, made.signer
    reserve = signer.reserve if signer else 0
    with stages("encode"):
        xmp = spec.preset.digital_source_type
        preset = replace(ordered(made.asked.preset, made.asked.output), digital_source_type=xmp)
        preset = preview_preset(preset, placed.alpha.shape[::-1]) if spec.preview else preset
        measured = encode(
            picture,
            preset,
            alpha=placed.without(made.cover),
            reserve=reserve,
            beside=lambda rgb: background_palette(rgb, spec, placed.joined(made.cover)),
            meanwhile=made.cut.assessed,
            flat=colour_of(spec),
            mark=made.embed,
        )

        def signed(file: Encoded) -> Encoded:
            if signer is None:
                return file
            # the same pixels, so the encoder's measurements stay true
            return replace(file, data=signer.sign(file.data, file.content_type, made.mark))

        measured = measured if spec.preview else signed(measured)
        if not (spec.preview or spec.sandbox):
            return measured, measured
        return signed(encode(watermarked(picture, made.stamp), preset, reserve=reserve)), measured


def _result(made: _Made, encoded: Encoded, report: Report) -> SwapResult:
    busy = report.frame is not None and report.frame.copy_room is not None and not report.frame.copy_room.calm
    return SwapResult(
        data=encoded.data,
        format=encoded.format,
        content_type=encoded.content_type,
        width=encoded.width,
        height=encoded.height,
        seed=made.spec.seed,
        warnings=made.warnings + ("copy_space_busy",) * busy,
        report=report,
        stamp=made.stamp,
    )


def _report(stages: Stages, made: _Made, measured: Encoded, versions: dict[str, str]) -> Report:
    """Return the report on the measured file; `versions` are the networks'."""
    spec, place, source, cut, signer = made.spec, made.place, made.source, made.cut, made.signer
    signed = CredentialsReport(issuer=signer.issuer, trusted=signer.trusted) if signer else None
    elevation = round(source.layout.elevation, 1) if source.layout else None
    held = made.watermark
    named = None if held is None else WatermarkReport(installation=f"{held.installation:05x}", job=held.job)
    marks = MarksReport(xmp=spec.preset.digital_source_type, c2pa=signed, watermark=named)
    height, width = made.laid.alpha.shape
    with stages("inspect"):
        cutout = cut.assessed()
        palette, fidelity, rules = inspect(
            measured.data,
            spec=spec,
            placed=made.placed,
            background=made.kept,
            credentials=None if spec.preview else signer,
            judged=measured.judged,
            canvas=made.laid if spec.preview else None,
            touches=place.edges if spec.placement.moves else None,
            lettered=made.cover,
        )
    return Report(
        palette=replace(palette, assigned=source.assigned),
        fidelity=fidelity,
        preset=rules,
        cutout=cutout_report(cutout, place.facts, made.laid, made.photo_size, made.asked.subject),
        provenance=Provenance(
            networks=versions,
            seed=spec.seed,
            kept_seed=source.seed,
            attempts=len(source.tried),
            tried=source.tried,
            cutout=cut.status,
            cut_by=cut.cut_by,
            background=source.cache_status,
            pinned=place.pinned,
            scene=scene_report(place.asked, place.spec, place.facts, elevation, source.hovering),
            timings=stages.timings,
            painted_by="renderer" if fell_back(source.tried) else None,
        ),
        placement=None if spec.placement == Placement() else _placement_report(place, rules),
        frame=None if spec.frame == Frame() else _frame_report(made, measured),
        preview=PreviewReport(width, height) if spec.preview else None,
        background=source.report,
        expansion=source.expansion,
        shadow=source.shadow,
        marks=marks if marks != MarksReport() else None,
        layers=made.lettering.reports if made.lettering else None,
        alt=made.lettering.alt if made.lettering else None,
    )


def _lettered(spec: Spec, laid: Placed, picture: Rgb, artwork: Artwork) -> Lettered | None:
    """Return the picture with the spec's text and logos; None: it has none."""
    layers = layers_of(spec.lettering.layers)
    if not layers:
        return None
    bare = spec.preset.background == "transparent"
    place = "A product, cut out." if bare else f"A product in the scene {spec.scene.title}."
    return lettered(picture, laid, layers, artwork, spec.palette or spec.scene.palette, place)


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
        found = Cutting(photo, data, networks, cache).product(stages).assessed()
    except NoSubject:
        found = None
    if subject is None:
        return CutOut(photo, found)
    cutting = Cutting(photo, data, networks, cache, mask)
    choice = cutting.choice(subject, lambda: found)
    whole = found if choice.source == "found" else None
    return CutOut(photo, found, (choice, cutting.chosen(choice, whole).assessed()))


def mark_of(spec: Spec, photo: Photo, own: OwnPicture | None = None) -> str | None:
    """Return the IPTC term, DigitalSourceType, for the file; None where it needs no mark."""
    mark = spec.preset.digital_source_type
    pictured = own is not None and spec.ground.background == "image"
    if (spec.plain is not None or pictured) and mark:
        # No pixel is generated, so the preset's AI mark would be untrue. IPTC's term for a composite of real elements:
        mark = "compositeCapture"
    # the product still comes from the photo, so the photo's own mark stays true, and so does the background's
    mark = stronger(mark, photo.digital_source_type)
    return stronger(mark, own.photo.digital_source_type) if own is not None and pictured else mark


def _frame_report(made: _Made, measured: Encoded) -> FrameReport:
    """Return the caller's frame as achieved, and the room for copy in the measured file."""
    frame, layout, (tall, wide) = made.spec.frame, made.source.layout, made.laid.alpha.shape
    left, top, right, bottom = made.laid.box
    box = copy_room(frame)
    if layout is not None and layout.copy_room is not None:
        x0, y0, x1, y1 = layout.copy_room
        box = x0 / layout.aspect, y0, x1 / layout.aspect, y1
    room = None
    if box is not None and made.spec.preset.background != "transparent":
        room = copy_room_report(measured.judged.decoded if measured.judged else decoded(measured.data), box)
    return FrameReport(
        margins=[top, wide - right, tall - bottom, left],
        align=frame.align,
        copy_space=frame.copy_space,
        copy_room=room,
        breaks=made.place.frame_breaks,
    )


def _placement_report(place: Place, rules: list[RuleCheck]) -> PlacementReport:
    """Return the caller's placement, and the rules that the picture keeps only without it."""
    breaks = place.breaks((row.rule, row.status) for row in rules)
    return PlacementReport(**asdict(place.spec.placement), breaks=breaks)
