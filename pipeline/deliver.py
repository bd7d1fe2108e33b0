"""From a complete picture to its file and its report: the last two stages of a swap."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.background.background import Background
from pipeline.background.plain_ground import colour_of
from pipeline.core.provenance import Credentials
from pipeline.core.spec import Spec
from pipeline.core.stages import Stages
from pipeline.core.types import Alpha, Encoded, Photo, Placed, Rgb
from pipeline.cutout.cutting import Cut
from pipeline.delivery.acceptance import publishable
from pipeline.delivery.encode import encode
from pipeline.delivery.inspection import background_palette, cutout_report, frame_report, inspect
from pipeline.delivery.output import ordered
from pipeline.delivery.preview import Stamp, preview_preset, stamp_of, watermarked
from pipeline.delivery.watermark import Payload, embed
from pipeline.lettering.drawing import Lettered
from pipeline.placement.place import Place, scene_report
from pipeline.report import CredentialsReport, MarksReport, PreviewReport, Provenance, Report, WatermarkReport


@dataclass(frozen=True)
class Made:
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
            *["generator_fell_back"] * self.source.fell_back,
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


def signer_of(
    credentials: Credentials | None, mark: str | None, data: bytes, photo: Photo, spec: Spec
) -> Credentials | None:
    """Return the signer of a picture with this mark of the photo in `data`; None: it is not signed."""
    if credentials is None or not credentials.signs(mark):
        return None
    return credentials.for_photo(data, photo.content_type, ordered(spec.preset, spec.output).max_bytes)


def encoded(stages: Stages, made: Made, picture: Rgb) -> tuple[Encoded, Encoded]:
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


def report_on(stages: Stages, made: Made, measured: Encoded, versions: dict[str, str]) -> Report:
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
    scene = scene_report(place.asked, place.spec, place.facts, elevation, source.hovering)
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
            scene=scene,
            timings=stages.timings,
            painted_by="renderer" if source.fell_back else None,
        ),
        placement=place.report(rules),
        frame=frame_report(place, source.layout, made.laid, measured),
        preview=PreviewReport(width, height) if spec.preview else None,
        background=source.report,
        expansion=source.expansion,
        shadow=source.shadow,
        marks=marks if marks != MarksReport() else None,
        layers=made.lettering.reports if made.lettering else None,
        alt=made.lettering.alt if made.lettering else None,
        publishable=publishable(
            cutout.confidence, cropped="subject_touches_edge" in made.warnings, plain=scene is None
        ),
    )
