"""The doubtful pieces of a cut-out: their facts, answers and pictures."""

import io
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from service.jobs.records import KeptPiece

if TYPE_CHECKING:  # they load the kernels, which only an API that receives masks should load
    from pipeline.core.resample import Box
    from pipeline.core.types import Piece

#: Side of a piece's small picture in pixels. Photo to show around it: a share of its longer side, and of the photo's.
TILE, _AROUND, _LEAST = 160, 0.6, 0.1
#: Colour of outlines and numbers, sRGB, between white lines: it stands out from goods of any colour.
_INK, _WHITE = (214, 0, 110), (255, 255, 255)

Codes = NDArray[np.uint8]


class AnswerInvalid(ValueError):
    """Raised for an answer to a piece that the cut-out lacks, or for two answers to one, with `place` and `code`."""

    def __init__(self, place: str, code: str, message: str) -> None:
        super().__init__(message)
        self.place, self.code = place, code


def layers(layer: bytes) -> tuple[Codes, Codes]:
    """Return the H×W numbers of pieces, 0 for none, and the codes 0–255 of the other answers (`Doubts.layer`)."""
    with Image.open(io.BytesIO(layer), formats=["PNG"]) as picture:
        numbers, other = picture.split()
        return np.asarray(numbers), np.asarray(other)


def answers_of(keep: Collection[int], drop: Collection[int], known: Collection[int]) -> dict[int, bool]:
    """Return whether to keep each answered piece. Raises AnswerInvalid."""
    for place, ids in (("keep", keep), ("drop", drop)):
        if unknown := sorted({*ids} - {*known}):
            there = f"It has {', '.join(map(str, known))}" if known else "It has none"
            raise AnswerInvalid(place, "piece_unknown", f"The cut-out has no piece {unknown[0]}. {there}")
    if twice := sorted({*keep} & {*drop}):
        raise AnswerInvalid("drop", "piece_twice", f"Piece {twice[0]} is kept and dropped. Send it once")
    return dict.fromkeys(keep, True) | dict.fromkeys(drop, False)


def answered(
    now: Codes,
    network: Codes,
    layer: bytes,
    pieces: Sequence[KeptPiece],
    answers: Mapping[int, bool],
    before: Collection[int] = (),
) -> Codes:
    """Return the H×W codes, 0–255, of a mask in which pieces have these answers.

    `now` is the mask with the answers of `before`, `network` is the networks' mask, in which `pieces` are as they say.
    A piece that lost its answer is again as in the networks' mask. Raises AnswerInvalid if no product is left.
    """
    numbers, other = layers(layer)
    codes = now.copy()
    for piece in pieces:
        own = numbers == piece["id"]
        if answers.get(piece["id"], piece["kept"]) != piece["kept"]:
            codes[own] = other[own]
        elif piece["id"] in answers or piece["id"] in before:
            codes[own] = network[own]
    if not (codes > 127).any():
        raise AnswerInvalid("drop", "mask_empty", "These answers leave no product. Keep a piece that belongs to it")
    return codes


def piece_facts(pieces: "Sequence[Piece]") -> list[KeptPiece]:
    """Return the stored facts of the networks' pieces, JSON-ready."""
    return [
        {"id": one.number, "box": one.box, "share": one.share, "kept": one.kept, "wrong": one.wrong, "answered": False}
        for one in pieces
    ]


def facts_in(codes: Codes, layer: bytes, pieces: Sequence[KeptPiece], ids: Collection[int]) -> list[KeptPiece]:
    """Return the facts of pieces as an H×W mask has them. `ids` are those that the owner answered."""
    numbers, _ = layers(layer)
    return [
        {**one, "kept": bool(codes[numbers == one["id"]].mean() > 127), "answered": one["id"] in ids} for one in pieces
    ]


def drawn(rgb: Codes, numbers: Codes, side: int, named: "Sequence[tuple[int, Box]]" = ()) -> Image.Image:
    """Return an h×w×3 sRGB photo, `side` pixels at its longer side, with the numbered pieces outlined.

    The `named` ones, whose numbers and boxes in this photo are given, show their number in the middle.
    """
    height, width = numbers.shape
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
    piece = np.asarray(Image.fromarray(numbers).resize(size, Image.Resampling.NEAREST))
    for number in np.unique(piece[piece > 0]):
        own = Image.fromarray(np.where(piece == number, 255, 0).astype(np.uint8))
        near, far = (np.asarray(own.filter(ImageFilter.MaxFilter(wide))) > 0 for wide in (5, 9))
        picture[far & ~near], picture[near & (piece != number)] = _WHITE, _INK
    image = Image.fromarray(picture)
    for number, (left, top, right, bottom) in named:
        middle, big = (scale * (left + right) / 2, scale * (top + bottom) / 2), max(16, side // 28)
        ImageDraw.Draw(image).text(
            middle, f"{number}", _INK, anchor="mm", stroke_width=3, stroke_fill="white", font_size=big
        )
    return image


def pictured(rgb: Codes, numbers: Codes, piece: "Piece", side: int) -> Image.Image:
    """Return the part of an H×W×3 photo around a piece, `side` pixels at its longer side, with the piece outlined."""
    left, top, right, bottom = piece.box
    more = int(max(_AROUND * max(right - left, bottom - top), _LEAST * max(numbers.shape)))
    part = slice(max(0, top - more), bottom + more), slice(max(0, left - more), right + more)
    return drawn(rgb[part], numbers[part] * (numbers[part] == piece.number), side)


def sheet(rgb: Codes, layer: bytes, pieces: "Sequence[Piece]") -> bytes:
    """Return a JPEG with the small pictures of an H×W×3 photo's pieces, from left to right, TILE×TILE pixels each."""
    numbers, _ = layers(layer)
    row = Image.new("RGB", (TILE * len(pieces), TILE), "white")
    for at, piece in enumerate(pieces):
        tile = pictured(rgb, numbers, piece, TILE)
        row.paste(tile, (TILE * at + (TILE - tile.width) // 2, (TILE - tile.height) // 2))
    file = io.BytesIO()
    row.save(file, "JPEG", quality=85)
    return file.getvalue()
