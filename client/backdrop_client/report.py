"""The typed report of a render. `python -m scripts.client_report` writes this file from `pipeline.report`.

A field may be absent, because a report depends on the release that made it. The API reference describes the fields.
"""

from typing import Literal, TypedDict

Status = Literal["pass", "warn", "fail", "unchecked"]


class ColourMatch(TypedDict, total=False):
    colour: str
    nearest: str
    delta_e00: float
    share: float


class FoundColour(TypedDict, total=False):
    colour: str
    share: float


class AssignedColour(TypedDict, total=False):
    colour: str
    surface: str
    share: float
    asked: bool


class ColourBar(TypedDict, total=False):
    mean: float
    worst: float
    met: bool


class PaletteReport(TypedDict, total=False):
    asked: list[ColourMatch]
    found: list[FoundColour]
    mean_delta_e00: float | None
    bar: ColourBar | None
    assigned: list[AssignedColour] | None


class FidelityReport(TypedDict, total=False):
    mean: float | None
    p99: float | None
    max: float | None
    unit: str
    pixels: int
    of_pixels: int


class RuleCheck(TypedDict, total=False):
    rule: str
    measured: float | str | list[float] | None
    bound: float | str | list[float] | list[str] | None
    status: Status
    source_url: str
    checked_on: str


class CutoutReport(TypedDict, total=False):
    confidence: float
    warnings: list[str]
    cut_sides: list[str]
    where: dict[str, list[list[int]]]
    viewpoint: dict[str, float]
    stance: str | None
    stance_from: Literal["guess", "caller"] | None
    suits: list[str] | None
    elevation: float | None
    source_box: list[float] | None
    placed_box: list[float] | None
    subject: list[float] | None


class ExpansionReport(TypedDict, total=False):
    area: float
    colour: float
    grew: bool


class TriedBackground(TypedDict, total=False):
    seed: int
    mean_delta_e00: float | None
    worst_delta_e00: float | None
    rejected: Literal["grew", "withheld"] | None
    seconds: float | None
    shadow: Literal["kept", "missing", "elsewhere", "unknown"] | None
    expansion: ExpansionReport | None


class SceneReport(TypedDict, total=False):
    asked: str
    painted: str
    angle: str | None
    changed: str | None
    own_view: str | None
    elevation: float | None
    hovering: int | None


class Provenance(TypedDict, total=False):
    networks: dict[str, str]
    seed: int
    kept_seed: int | None
    attempts: int
    tried: list[TriedBackground]
    cutout: str
    cut_by: str
    background: str
    pinned: bool
    scene: SceneReport | None
    timings: dict[str, float]
    painted_by: Literal["renderer"] | None
    job_attempt: int | None


class BackgroundReport(TypedDict, total=False):
    source: str
    fit: str | None
    enlarged: float | None
    horizon: float | None
    horizon_confidence: float | None
    above: float | None
    light_side: float | None
    light_confidence: float | None
    shadow_direction: float | None
    shadow_softness: float | None
    palette: list[str] | None


class PlacementReport(TypedDict, total=False):
    shift_x: float
    shift_y: float
    scale: float
    turn: float
    stance: str | None
    breaks: list[str]


class ShadowReport(TypedDict, total=False):
    mode: str
    cast: bool
    reason: Literal["asked", "preset", "hanging", "cropped"] | None
    strength: float | None
    softness: float | None
    direction: float | None


class CopyRoomReport(TypedDict, total=False):
    box: list[float]
    deviation: float
    different: float
    calm: bool
    legible: Literal["black", "white"] | None


class FrameReport(TypedDict, total=False):
    margins: list[int]
    align: str
    copy_space: str
    copy_room: CopyRoomReport | None
    breaks: list[str]


class PreviewReport(TypedDict, total=False):
    width: int
    height: int


class LayerContrast(TypedDict, total=False):
    minimum: float
    median: float
    required: float


class LayerReport(TypedDict, total=False):
    kind: Literal["text", "logo"]
    drawn: bool
    text: str | None
    logo: str | None
    font: str | None
    weight: int | None
    lines: list[str] | None
    size: float | None
    color: str | None
    box: list[int] | None
    shares: list[float] | None
    contrast: LayerContrast | None
    passes: bool | None
    moved: bool | None
    scale: float | None
    over_product: float | None


class Miss(TypedDict, total=False):
    limit: str
    measured: float | str | list[float] | list[str] | None
    bound: float | str | list[float] | list[str] | None


class AcceptanceTry(TypedDict, total=False):
    seed: int
    changed: Literal["seed", "ground"] | None
    missed: list[str]


class AcceptanceReport(TypedDict, total=False):
    set: str
    limits: dict[str, float | bool | str | list[str]]
    accepted: bool
    missed: list[Miss]
    tries: list[AcceptanceTry]
    unchecked: list[str] | None


class WatermarkReport(TypedDict, total=False):
    installation: str
    job: str


class CredentialsReport(TypedDict, total=False):
    issuer: str
    trusted: bool


class MarksReport(TypedDict, total=False):
    xmp: str | None
    c2pa: CredentialsReport | None
    watermark: WatermarkReport | None


class Report(TypedDict, total=False):
    palette: PaletteReport
    fidelity: FidelityReport
    preset: list[RuleCheck]
    cutout: CutoutReport
    provenance: Provenance
    placement: PlacementReport | None
    frame: FrameReport | None
    preview: PreviewReport | None
    background: BackgroundReport | None
    expansion: ExpansionReport | None
    shadow: ShadowReport | None
    layers: list[LayerReport] | None
    alt: str | None
    publishable: float | None
    acceptance: AcceptanceReport | None
    marks: MarksReport | None
