"""The outcome of a pair: a picture with the measurements that people ask for, or a reason."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backdrop_client.report import Report

_EXTENSIONS = {"jpeg": "jpg"}


def file_name(stem: str, kind: str) -> str:
    """Return the name of a picture's file. `kind`: a render's format, such as "jpeg"."""
    return f"{stem}.{_EXTENSIONS.get(kind, kind)}"


@dataclass(frozen=True)
class Made:
    """A picture that lies in the output folder."""

    #: Its path from the output folder, with `/`.
    file: str
    sha256: str
    width: int
    height: int
    seed: int
    credits: int
    #: From sending the pair, or starting it here, to its file.
    seconds: float
    warnings: list[str]
    #: Each asked colour: colour, nearest, delta_e00, share.
    palette: list[dict[str, Any]]
    #: Mean ΔE00 over the asked colours, and between the product and the file.
    delta_e00: float | None
    fidelity: float | None
    #: The rules of the place that are not kept: rule, status, measured, bound.
    rules: list[dict[str, Any]]
    rules_kept: int
    #: "computed" or "cached", where it is known.
    cutout: str | None = None
    job_id: str | None = None


#: What another try of the same photo and spec ends with again.
HOPELESS = {
    *("image_unreadable", "image_truncated", "photo_damaged", "image_too_large", "image_too_small"),
    *("no_subject", "subject_not_found", "no_honest_placement"),
}


@dataclass(frozen=True)
class Rejected:
    """A picture that a review has taken out; it is kept aside."""

    made: Made


@dataclass(frozen=True)
class Failed:
    """A pair without a picture. What it cost has come back."""

    code: str
    message: str
    seconds: float = 0.0
    job_id: str | None = None

    @property
    def hopeless(self) -> bool:
        """Whether it is the photo, and not the moment."""
        return self.code in HOPELESS


Outcome = Made | Failed | Rejected


class Failure(Exception):
    """Raised when a pair can't be made; the others can."""

    def __init__(self, code: str, message: str, *, job_id: str | None = None, job_over: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.job_id = code, message, job_id
        #: Whether its job ended as FAILURE, so that another try is another job.
        self.job_over = job_over


def measurements(report: "Report") -> dict[str, Any]:
    """Return the fields of `Made` that come from a report."""
    rules = report["preset"]
    return {
        "palette": report["palette"].get("asked", []),
        "delta_e00": report["palette"].get("mean_delta_e00"),
        "fidelity": report["fidelity"].get("mean"),
        "rules": [rule for rule in rules if rule["status"] in {"fail", "warn"}],
        "rules_kept": sum(rule["status"] == "pass" for rule in rules),
        "cutout": report["provenance"].get("cutout"),
    }
