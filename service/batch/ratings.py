"""A person's ratings of pictures: the page that asks for them, and the limits that they prove."""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from PIL import Image

from pipeline.delivery.acceptance import most_bad
from service.batch.pairs import Photo
from service.batch.sheet import framed, heading, thumbnail
from service.batch.spec_file import OrderInvalid
from service.batch.state import FOLDER, write_whole

VERDICTS = ("publishable", "mend", "no")
#: Reasons for a picture that is not publishable as it is.
FAULTS = (
    *("cutout-missing", "cutout-extra", "edge", "glass", "placement", "scale", "light", "sharpness", "background"),
    *("order", "photo"),
)
#: Limits on the probability that the table compares, and the ratings below which it proves little.
LIMITS, ENOUGH = (0.5, 0.6, 0.7, 0.8, 0.9), 30
#: Longer side of the photo on the page, and width and height of a detail, in pixels.
_SIDE, _WIDE, _HIGH = 1120, 360, 300


def reports_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the reports of the pictures of a batch or of swaps, by the picture's path in the folder."""
    kept, found = folder / FOLDER / "reports", {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(kept if path.is_relative_to(kept) else folder).with_suffix("").as_posix()
        if (folder / name).is_file():
            found[name] = msgspec.json.decode(path.read_bytes())
    if not found:
        raise OrderInvalid([f"{folder} has no picture with a report. Name the -o of a batch, or a folder of swaps."])
    return found


def write_ratings(folder: Path, reports: Mapping[str, dict[str, Any]], photos: Sequence[Photo]) -> list[str]:
    """Write `rate.html` into the folder. Returns the pictures without a photo, which the page leaves out."""
    names = {Path(one.name).with_suffix("").as_posix(): one for one in photos} | {one.name: one for one in photos}
    stems = {name: Path(name).with_suffix("").as_posix() for name in reports}  # in a batch after PRESET/
    of = {name: names.get(stem) or names.get(stem.partition("/")[2]) for name, stem in stems.items()}
    found = [(name, photo, reports[name]) for name, photo in of.items() if photo]
    figures = "\n".join(_figure(folder, *one) for one in found)
    data = f'data-kind="ratings" data-batch="{escape(str(folder.resolve()))}" data-faults="{" ".join(FAULTS)}"'
    lead = f"{len(found)} pictures. Would you publish each as it is? If not, name the worst fault."
    write_whole(folder / "rate.html", framed("Rate", lead, f'<main class="rate" {data}>{figures}</main>', "review.js"))
    return [name for name, photo in of.items() if photo is None]


def _figure(folder: Path, name: str, photo: Photo, report: dict[str, Any]) -> str:
    before, src = thumbnail(folder, photo.path, photo.sha256, "the photo", _SIDE), quote(name)
    with Image.open(folder / name) as picture:
        width, height = picture.size
    details = "".join(
        f'<i role="img" aria-label="a detail" style="background:url({src}) {-left}px {-top}px"></i>'
        for left, top in dict.fromkeys(_details(report["cutout"], width, height))
    )
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return (
        f'<section class="photo"><figure data-photo="{escape(name)}" data-sha256="{digest}"'
        f' aria-label="{escape(name)}">{heading(name)}<div class="strip"><div>{before}</div>'
        f'<a href="{src}"><img src="{src}" width="{width}" height="{height}" loading="lazy" alt="picture"></a></div>'
        f'<div class="details">{details}</div></figure></section>'
    )


def _details(cutout: Mapping[str, Any], width: int, height: int) -> Iterator[tuple[int, int]]:
    """Yield left and top of the details of a picture, in its pixels: the product's foot and its top."""
    left, top, right, bottom = cutout.get("placed_box") or (0, 0, 1, 1)
    inward, middle = 0.3 * _HIGH / height, (left + right) / 2
    places = [(left + (right - left) * share, bottom - inward) for share in (0.2, 0.5, 0.8)] + [(middle, top + inward)]
    for x, y in places:
        across, down = x * width - _WIDE / 2, y * height - _HIGH / 2
        yield round(max(0, min(across, width - _WIDE))), round(max(0, min(down, height - _HIGH)))


def read_ratings(path: Path, known: Collection[str], reader: str | None) -> dict[str, list[tuple[str, str]]]:
    """Return verdicts and faults by picture, of one reader or all. Raises OrderInvalid with all errors."""
    try:
        rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OrderInvalid([f"{path} can't be read: {error}. Save it from rate.html."]) from error
    found, wrong = defaultdict[str, list[tuple[str, str]]](list), []
    for line, row in enumerate(rows, 2):
        allowed = {"picture": known, "verdict": VERDICTS, "fault": ("", *FAULTS)}
        wrong += [
            f"{path}: line {line}: {column}: {row.get(column)!r} is unknown. Save the file from rate.html."
            for column, values in allowed.items()
            if row.get(column) not in values
        ]
        if not reader or row.get("reader") == reader:
            found[row.get("picture", "")].append((row.get("verdict", ""), row.get("fault", "")))
    if wrong or not found:
        raise OrderInvalid(wrong or [f"{path} has no rating{f' by {reader}' if reader else ''}. Rate a picture first."])
    return found


def summary(
    ratings: Mapping[str, list[tuple[str, str]]], reports: Mapping[str, dict[str, Any]], limit: float | None
) -> Iterator[str]:
    """Yield the lines about ratings. A picture is publishable if all its readers say so.

    `limit`: on the probability to be publishable, 0–1; the last line is then the JSON of `accept`.
    """
    good = {name: all(verdict == "publishable" for verdict, _ in said) for name, said in ratings.items()}
    yield f"{sum(map(len, ratings.values()))} ratings of {len(good)} pictures"
    yield f"publishable {sum(good.values())} ({sum(good.values()) / len(good):.0%})"
    faults = Counter(fault for said in ratings.values() for _, fault in said if fault)
    yield from (f"fault {fault} {count}" for fault, count in faults.most_common())
    yield "publishable >=  accepted  bad  bad at most (95 %)"
    sure = {name: reports[name].get("publishable") for name in good}
    for bound in sorted({*LIMITS, *([] if limit is None else [limit])}):
        accepted = [good[name] for name, value in sure.items() if value is not None and value >= bound]
        bad = accepted.count(False)
        yield f"{bound:14.2f}  {len(accepted):8}  {bad:3}  {most_bad(bad, len(accepted)):.0%}"
    if len(good) < ENOUGH:
        yield f"Fewer than {ENOUGH} rated pictures prove little. Rate more of them."
    if limit is not None:
        yield json.dumps({"publishable": limit})
