"""Cut-outs, typed: what was found in a photo, and whose mask it has."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from backdrop_client.results import JobError, JobStatus


@dataclass(frozen=True)
class Box:
    """A box in pixels of the upright photo."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class CutoutWarning:
    """Something that may be wrong with a cut-out, and where."""

    #: Stable name, e.g. `several_subjects`.
    code: str
    message: str
    #: Empty: all over, or at no one place.
    boxes: list[Box]


@dataclass(frozen=True)
class Subject:
    """One of the things that a mask shows."""

    #: From 1 on, the largest first.
    id: int
    box: Box
    #: Of all that was found, 0 to 1.
    share: float
    #: Whether it is in the mask.
    kept: bool


@dataclass(frozen=True)
class Cutout:
    """A cut-out: what was found, and whose mask its photo has. It costs nothing."""

    public_id: str
    job_id: str
    status: JobStatus
    error: JobError | None
    #: Pixels of the upright photo; None where the job has failed, as all that was found.
    width: int | None
    height: int | None
    #: How sure it is, 0 to 1; 1 of a mask that was given.
    confidence: float | None
    #: Whose mask the photo has: the networks', one that was given, or some subjects alone.
    cut_by: Literal["network", "mended", "subjects"]
    warnings: list[CutoutWarning]
    product_box: Box | None
    subjects: list[Subject]
    #: Sides of the photo that cut the product.
    cut_sides: list[str]
    #: "standing", "lying", "hanging" or "cut_below".
    stance: str | None
    #: Names of the catalogue's scenes that suit the stance.
    suitable_scene_types: list[str]
    #: PNGs, good until `url_expires_at`: 8 bits of grey at the photo's size, and a preview with true transparency.
    mask_url: str | None
    preview_url: str | None
    url_expires_at: datetime | None
    created_at: datetime
    #: When it goes, with its photo and the mask that was given; None: it is kept.
    expires_at: datetime | None
    reference: str | None = None
