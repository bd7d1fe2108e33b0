"""A review of a batch: what a person chose in the contact sheet, as its page saves it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from service.batch.manifest.spec_file import OrderInvalid


class Choice(BaseModel):
    """What is to become of one picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    photo: str
    preset: str
    #: Of the picture that was looked at: another one since then is another picture, even if it looks the same.
    sha256: str
    seed: int
    choice: Literal["approve", "reject", "again"]


class Review(BaseModel):
    """The choices of one look through a contact sheet."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    #: The batch's own id, `State.run_id`.
    batch: str
    choices: list[Choice]


def read_review(path: Path, batch: str) -> Review:
    """Read a review of a batch. Raises OrderInvalid for what is none, and for another batch's."""
    try:
        review = Review.model_validate_json(path.read_bytes())
    except OSError as error:
        raise OrderInvalid([f"{path}: {error.strerror}."]) from error
    except ValidationError as error:
        raise OrderInvalid([f"{path} is no review that a contact sheet has saved."]) from error
    if review.batch != batch:
        raise OrderInvalid([f"{path} is the review of another batch: give the -o whose contact sheet it was made in."])
    return review
