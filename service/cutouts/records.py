"""A cut-out as its client sees it, and what is said of each thing that may be wrong with one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from service.jobs.records import JobStatus, KeptFacts, NewCutout

#: Whose mask a photo has: the networks', one that its client drew, or some of the subjects alone.
CutBy = Literal["network", "mended", "subjects"]

#: What a warning says, by its code (`pipeline.cutout.warnings`).
MESSAGES = {
    "no_subject": "No product stands out in this photo. Draw its mask, or use a photo on a calmer background.",
    "low_confidence": "Much of the cut-out's edge is uncertain. Look at it closely.",
    "transparent_material_suspected": "Parts of the product are half transparent, as glass or a veil is.",
    "several_subjects": "There seems to be more than one thing. Keep those that are meant.",
    "held_by_hand": "A hand holds the product. Erase the fingers; once mended, it stands where it would lie.",
    "subject_touches_edge": "The photo cuts the product. It stays at that edge of the picture.",
}


class CutoutNotReady(Exception):
    """Raised when a mask is given for a photo that is not cut out: its job still runs, or failed."""

    def __init__(self, status: JobStatus) -> None:
        super().__init__(f"The job of the cut-out is {status}.")
        self.status = status


class SubjectsUnknown(ValueError):
    """Raised when subjects are to be kept that the cut-out does not have: `ids`, of those that it has."""

    def __init__(self, ids: list[int]) -> None:
        super().__init__(f"The subjects are {ids}.")
        self.ids = ids


@dataclass(frozen=True)
class MendedMask:
    """A mask in place of the networks'."""

    cut_by: CutBy
    mask_key: str
    base_key: str
    base_by: CutBy
    preview_key: str
    facts: KeptFacts
    mended_at: datetime


@dataclass(frozen=True)
class Cutout:
    """A cut-out: its job, what the networks found, and what its client made of that."""

    job_id: str
    request_id: str
    client_id: str
    status: JobStatus
    error_code: str | None
    error_message: str | None
    reference: str | None
    created_at: datetime
    #: The request's body.
    asked: dict[str, Any]
    source_key: str
    #: When the photo goes unless it is used again; None: never.
    expires_at: datetime | None
    #: None: not over, or failed.
    found: NewCutout | None
    #: None: the networks' mask is the photo's.
    mended: MendedMask | None

    @property
    def cut_by(self) -> CutBy:
        """Whose mask the photo has."""
        return "network" if self.mended is None else self.mended.cut_by

    @property
    def shown(self) -> NewCutout | MendedMask | None:
        """What is to be shown of it: of the mask that the photo has."""
        return self.mended or self.found
