"""A contact sheet of an order: a row a photo, a column for each variant and preset, failures with their code."""

import io
from collections.abc import Iterable

from PIL import Image, ImageDraw, ImageFont

from service.jobs.records import JobStatus
from service.orders.records import Picture
from service.storage.objects import Bucket, ObjectNotFound
from service.storage.thumbnail import reduced

#: Most pictures on one sheet: each takes about 10 ms to decode.
MOST = 240
#: Pixels: a cell's side at most and at least, the sheet's width that many columns aim at, gaps, and room for words.
_SIDES, _WIDTH, _GAP, _HEAD, _LABELS = (240, 96), 4000, 8, 44, 150
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_PAPER, _INK, _PALE, _FAILED = "#ffffff", "#222222", "#eeeeee", "#f6dcd8"


def sheet(pictures: Iterable[Picture], renders: Bucket, page: int) -> tuple[bytes, bool] | None:
    """Draw the sheet number `page`, from 1, as WebP; return it, and whether the order has more photos than fit so far.

    None if the order has no such sheet. Raises StoreUnavailable.
    """
    cells, names, columns = dict[tuple[int, tuple[int, int]], Picture](), dict[int, str](), dict[tuple[int, int], str]()
    for one in pictures:
        place = one.variant, one.preset
        columns[place] = f"{one.job.output_preset}\nvariant {one.variant + 1}"
        names[one.photo] = f"photo {one.photo + 1}\n{one.job.reference or ''}"
        cells[one.photo, place] = one
    order = sorted(columns)
    rows_a_page = max(1, MOST // max(1, len(order)))
    photos = sorted(names)[(page - 1) * rows_a_page : page * rows_a_page]
    if not photos:
        return None
    most, least = _SIDES
    side = min(most, max(least, (_WIDTH - _LABELS) // len(order) - _GAP))
    step = side + _GAP
    drawn = Image.new("RGB", (_LABELS + step * len(order), _HEAD + step * len(photos)), _PAPER)
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(13)
    for number, place in enumerate(order):
        _write(pen, (_LABELS + step * number, _GAP), columns[place], side, font)
    for row, photo in enumerate(photos):
        top = _HEAD + step * row
        _write(pen, (_GAP, top), names[photo], _LABELS - 2 * _GAP, font)
        for number, place in enumerate(order):
            _fill(drawn, (_LABELS + step * number, top), side, cells[photo, place], renders, font)
    file = io.BytesIO()
    drawn.save(file, "WEBP", quality=82, method=2)
    return file.getvalue(), page * rows_a_page < len(names)


def _fill(drawn: Image.Image, at: tuple[int, int], side: int, cell: Picture, renders: Bucket, font: Font) -> None:
    """Draw a cell: its picture in the middle, or words."""
    status, render = cell.job.status, cell.file
    words = cell.job.error_code or ("deleted" if status == JobStatus.SUCCESS else status.lower())
    drawn.paste(_FAILED if status == JobStatus.FAILURE else _PALE, (*at, at[0] + side, at[1] + side))
    if render is not None:
        try:
            picture = reduced(renders.get(render.key, max_bytes=render.bytes), side)
        except (ObjectNotFound, OSError):
            words = "deleted"
        else:
            where = at[0] + (side - picture.width) // 2, at[1] + (side - picture.height) // 2
            drawn.paste(picture, where, picture if picture.mode == "RGBA" else None)
            return
    _write(ImageDraw.Draw(drawn), (at[0] + _GAP, at[1] + side // 2 - 8), words, side - 2 * _GAP, font)


def _write(pen: ImageDraw.ImageDraw, at: tuple[int, int], words: str, width: int, font: Font) -> None:
    """Write lines, each shortened to `width` pixels. Pillow's own font has Latin letters only."""
    for number, line in enumerate(words.split("\n")):
        line = line.encode("latin-1", "replace").decode("latin-1")
        while line and pen.textlength(line, font) > width:
            line = line[:-1]
        pen.text((at[0], at[1] + 16 * number), line, _INK, font)
