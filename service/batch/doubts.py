"""The doubtful pieces of a folder's cut-outs: the page that asks about them, and the answers that it saves."""

import difflib
import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from pipeline.core.types import Doubts, Piece
from pipeline.cutout.given import GivenMask, codes_of
from pipeline.swap import CutOut
from service.batch.pairs import Photo
from service.batch.sheet import framed, heading
from service.batch.spec_file import Answer, OrderInvalid
from service.batch.state import Failure, State, write_whole
from service.cutouts import pieces

#: Longer side of a drawing in pixels.
_SIDE = 640
_REMEDY = "Run the command with --doubts, and answer on doubts.html"


class Question(NamedTuple):
    """A photo's pieces, and the page's section about them. `failure`: why the photo has no cut-out."""

    photo: Photo
    pieces: tuple[Piece, ...] = ()
    section: str = ""
    failure: str = ""


def read_answers(path: Path, photos: Sequence[Photo], state: State) -> dict[str, Answer]:
    """Return the answers of a file by photo. Raises OrderInvalid with all errors."""
    try:
        answers = TypeAdapter(dict[str, Answer]).validate_json(path.read_bytes())
    except OSError as error:
        raise OrderInvalid([f"{path}: {error.strerror}."]) from error
    except ValidationError as error:
        found = [(": ".join(map(str, one["loc"])) or "the file", one["msg"]) for one in error.errors()]
        raise OrderInvalid([f"{path}: {where}: {about}. {_REMEDY}." for where, about in found]) from error
    known, wrong = {photo.name: photo for photo in photos}, []
    for name, answer in answers.items():
        if name not in known:
            near = " or ".join(difflib.get_close_matches(name, known, 1)) or "a name relative to the folder of photos"
            wrong.append(f"{path}: {name}: no photo has this name. Write {near}.")
            continue
        last, named = len(state.pieces.get(known[name].sha256, ())), [one for each in answer.values() for one in each]
        there = f"the photo has the pieces 1 to {last}" if last else "this photo has no known piece, or has changed"
        wrong += [
            f"{path}: {name}: piece {piece}: {there if named.count(piece) == 1 else 'it has two answers'}. {_REMEDY}."
            for piece in sorted(set(named))
            if not 1 <= piece <= last or named.count(piece) > 1
        ]
    if wrong:
        raise OrderInvalid(wrong)
    return {name: answer for name, answer in answers.items() if any(answer.values())}


def answered(cut: CutOut, answer: Answer, seen: Sequence[Sequence[int]]) -> GivenMask | None:
    """Return the mask with the answers; None: they agree with the cut-out. `seen`: boxes of the answered pieces.

    Raises Failure if the cut-out has other pieces now, or nothing of the product is left.
    """
    codes, doubts = _codes(cut)
    if [list(piece.box) for piece in doubts.pieces] != seen:
        raise Failure("answers_outdated", f"The cut-out has changed since the answers. {_REMEDY} again.")
    answers = dict.fromkeys(answer.get("keep", ()), True) | dict.fromkeys(answer.get("drop", ()), False)
    try:
        said = pieces.answered(codes, codes, doubts.layer, pieces.piece_facts(doubts.pieces), answers)
    except pieces.AnswerInvalid as error:
        raise Failure(error.code, f"{error}.") from error
    return None if np.array_equal(said, codes) else GivenMask(said, "mended")


def question(photo: Photo, cut_out: Callable[[Photo], CutOut], out: Path) -> Question:
    """Cut a photo out and draw its pieces into the output folder. Errors of the photo become its `failure`."""
    try:
        cut = cut_out(photo)
    except Exception as error:  # noqa: BLE001  # not even a bug stops the other photos
        return Question(photo, failure=str(error) or type(error).__name__)
    codes, doubts = _codes(cut)
    if not doubts.pieces:
        return Question(photo)
    numbers, _ = pieces.layers(doubts.layer)
    faded = np.where(codes[..., None] < 128, cut.photo.rgb // 4 + 160, cut.photo.rgb)
    whole = pieces.drawn(faded, numbers, _SIDE, [(piece.number, piece.box) for piece in doubts.pieces])
    figures = f'<figure class="before">{_saved(out, photo, 0, whole)}<figcaption class="quiet">the cut-out</figcaption>'
    for piece in doubts.pieces:
        near = pieces.pictured(cut.photo.rgb, numbers, piece, _SIDE)
        words = f"Piece {piece.number}, {'in the cut-out' if piece.kept else 'not in the cut-out'}"
        data = f'data-photo="{escape(photo.name)}" data-sha256="{photo.sha256}" data-piece="{piece.number}"'
        figures += (
            f'</figure>\n<figure {data} aria-label="{words}: {escape(photo.name)}">'
            f"{_saved(out, photo, piece.number, near)}<figcaption><b>{words}</b></figcaption>"
        )
    section = f'<section class="photo">{heading(photo.name)}<div class="strip">{figures}</figure></div></section>'
    return Question(photo, doubts.pieces, section)


def write_doubts(out: Path, questions: Sequence[Question], *, batch: str) -> None:
    """Write `doubts.html` into the output folder: the most doubtful photo first. `batch`: the batch's id."""
    doubtful = [one for one in questions if one.pieces]
    doubtful.sort(key=lambda one: -max(piece.wrong * piece.share for piece in one.pieces))
    failed = [(one.photo.name, one.failure) for one in questions if one.failure]
    lead = f"{sum(len(one.pieces) for one in doubtful)} pieces of {len(doubtful)} photos need your answer. "
    lead += f"{len(questions) - len(doubtful) - len(failed)} photos have none.<br>"
    lead += "Keep an outlined piece if it belongs to the product. Drop it if not. Without an answer, it stays as it is."
    sections = "\n".join(one.section for one in doubtful)
    main = f'<main class="doubts" data-batch="{escape(batch)}" data-kind="answers">\n{sections}</main>'
    write_whole(out / "doubts.html", framed("Doubtful pieces", lead, main, "review.js", failed=failed))


def _codes(cut: CutOut) -> tuple[NDArray[np.uint8], Doubts]:
    """Return the H×W codes, 0–255, of a cut-out, and its doubts."""
    assert cut.found is not None  # a photo without a product is a failure
    height, width = cut.photo.rgb.shape[:2]
    return codes_of(cut.found.alpha, cut.found.origin, width, height), cut.found.doubts or Doubts()


def _saved(out: Path, photo: Photo, number: int, picture: Image.Image) -> str:
    """Write a drawing and return its element."""
    file, name = io.BytesIO(), f"thumbnails/{photo.sha256[:24]}-{number}.webp"
    picture.save(file, "WEBP", quality=82, method=4)
    write_whole(out / name, file.getvalue())
    return f'<img src="{name}" width="{picture.width}" height="{picture.height}" loading="lazy" alt="">'
