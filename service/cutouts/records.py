"""The records of a cut-out, and the sentences of its warnings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from service.jobs.records import JobStatus, KeptFacts, NewCutout

#: The origin of a photo's mask: the networks, the client's drawing, or a choice of subjects.
CutBy = Literal["network", "mended", "subjects"]

#: Sentences of warnings by code (`pipeline.cutout.warnings`).
MESSAGES = {
    "no_subject": "No product stands out in this photo. Draw its mask, or use a photo on a calmer background.",
    "low_confidence": "Much of the cut-out's edge is uncertain. Check it closely.",
    "transparent_material_suspected": "Parts of the product look half transparent, such as glass. Check them.",
    "several_subjects": "The photo seems to show several things. Keep the ones that you want.",
    "held_by_hand": "A hand holds the product. Erase the fingers, so that the product can stand upright.",
    "subject_touches_edge": "The photo crops the product, so the product stays at that edge of the picture.",
}


class CutoutNotReady(Exception):
    """Raised when a client edits a cut-out whose job still runs or failed."""

    def __init__(self, status: JobStatus) -> None:
        super().__init__(f"The job of the cut-out is {status}, not SUCCESS.")
        self.status = status


class SubjectsUnknown(ValueError):
    """Raised when a client keeps subjects that the cut-out does not have. `ids` are those that it has."""

    def __init__(self, ids: list[int]) -> None:
        super().__init__(f"The cut-out has only the subjects {ids}.")
        self.ids = ids


@dataclass(frozen=True)
class MendedMask:
    """A mask that replaces the networks' mask."""

    cut_by: CutBy
    mask_key: str
    base_key: str
    base_by: CutBy
    preview_key: str
    facts: KeptFacts
    mended_at: datetime


@dataclass(frozen=True)
class Cutout:
    """A cut-out: its job, the networks' result, and the client's mask."""

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
    #: When the photo is deleted unless it is used again; None: never.
    expires_at: datetime | None
    #: None while the job runs, or if it failed.
    found: NewCutout | None
    #: None if the photo has the networks' mask.
    mended: MendedMask | None

    @property
    def cut_by(self) -> CutBy:
        """The origin of the photo's mask."""
        return "network" if self.mended is None else self.mended.cut_by

    @property
    def shown(self) -> NewCutout | MendedMask | None:
        """The photo's current mask with its facts."""
        return self.mended or self.found
