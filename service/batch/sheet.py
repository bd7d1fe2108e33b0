"""The table and the contact sheet of a batch. The sheet has a script to review the pictures.

The sheet shows every photo before and after. Without the script only the review is missing.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from PIL import Image

from pipeline.core.errors import PipelineError
from pipeline.core.spec import Limits
from pipeline.photo.decode import decode
from service.batch.pairs import Pair
from service.batch.state import FOLDER, Failed, Made, write_whole
from service.catalogue.effects import WORDS

#: Longest side of a thumbnail in pixels. It is sharp at the size of a cell on a high-density screen.
_SIDE = 640
#: Plain names for rules whose own names are unclear.
_RULES = {"min_side": "shorter side", "bytes": "file size", "ai_marking": "AI marking"}
COLUMNS = (
    *("photo", "preset", "status", "error_code", "error_message", "file", "seconds", "credits", "delta_e00"),
    *("fidelity", "warnings", "job_id", "seed", "review"),
)


class Cell(NamedTuple):
    """A pair, its picture or why there is none, and a review's choice. None: not made yet, not reviewed yet."""

    pair: Pair
    outcome: Made | Failed | None
    choice: str | None


def write_sheet(out: Path, rows: Sequence[Sequence[Cell]], *, batch: str) -> None:
    """Write `index.html` and its thumbnails into the output folder: a row a photo.

    `batch`: the batch's id, which a review quotes.
    """
    cells = [cell for row in rows for cell in row]
    made = sum(isinstance(cell.outcome, Made) and cell.choice != "reject" for cell in cells)
    failed = [(pair.title, one.message) for pair, one, _ in cells if isinstance(one, Failed)]
    lead = f'{made} of {len(cells)} pictures. The same as a table: <a href="results.csv">results.csv</a>.'
    main = f'<main data-batch="{escape(batch)}">\n{"".join(_row(out, row) for row in rows if row)}</main>'
    foot = "ΔE00 is the colour difference CIEDE2000. Below 1 it is invisible. Below 5 most people see the same colour."
    write_whole(out / "index.html", framed("Contact sheet", lead, main, "review.js", failed=failed, foot=foot))


def framed(
    title: str, lead: str, main: str, script: str, *, failed: Sequence[tuple[str, str]] = (), foot: str = ""
) -> bytes:
    """Return a page of the sheet's style with the script of that name. `failed`: names and messages."""
    css, code = ((files("service.batch") / name).read_text("utf-8") for name in ("sheet.css", script))
    bad = "".join(f"<li>{escape(name)} <span>{escape(message)}</span></li>" for name, message in failed)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{css}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="quiet">{lead}</p>
{f'<section class="failures"><h2>Not made</h2><ul>{bad}</ul></section>' * bool(bad)}
</header>
{main}
{f"<footer>{foot}</footer>" * bool(foot)}
<script>
{code}</script>
</body>
</html>
""".encode()


def heading(name: str) -> str:
    """Return the heading of a photo's section. `name` is relative to the folder of photos."""
    folder, slash, own = name.rpartition("/")
    return f"<h2><span>{escape(folder + slash)}</span>{escape(own)}</h2>"


def _row(out: Path, row: Sequence[Cell]) -> str:
    photo = row[0].pair.photo
    before = thumbnail(out, photo.path, photo.sha256, f"{photo.name}, the photo")
    cells = "\n".join(_cell(out, cell) for cell in row)
    return f"""<section class="photo">{heading(photo.name)}<div class="strip">
<figure class="before">{before}<figcaption class="quiet">the photo</figcaption></figure>
{cells}
</div></section>
"""


def thumbnail(out: Path, source: Path, sha256: str, words: str, side: int = _SIDE) -> str:
    """Return a picture's thumbnail, which is made unless it exists, or that the picture can't be read.

    `side`: the longer side, in pixels.
    """
    small = out / "thumbnails" / f"{sha256[:24]}{'' if side == _SIDE else f'-{side}'}.webp"
    try:
        if not small.exists():
            photo, file = decode(source.read_bytes(), Limits()), io.BytesIO()
            clear = [] if photo.alpha is None else [np.rint(photo.alpha * 255).astype(np.uint8)]
            picture = Image.fromarray(np.dstack([photo.rgb, *clear]))
            picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
            picture.save(file, "WEBP", quality=82, method=4)
            write_whole(small, file.getvalue())
        with Image.open(small) as there:
            width, height, clear_too = *there.size, ' class="clear"' * (there.mode == "RGBA")
    except (OSError, PipelineError):
        return '<div class="gone">No preview.</div>'
    link = f'src="thumbnails/{small.name}" width="{width}" height="{height}" loading="lazy"'
    return f'<img {link} alt="{escape(words)}"{clear_too}>'


def _cell(out: Path, cell: Cell) -> str:
    if isinstance(cell.outcome, Made):
        return _picture(out, cell.pair, cell.outcome, cell.choice)
    shown, about = '<div class="gone">To be made. Run the same command again.</div>', ""
    if cell.outcome is not None:
        shown = f'<div class="gone bad"><strong>Not made</strong>{escape(cell.outcome.message)}</div>'
        about = f'<br><span class="quiet">{escape(cell.outcome.code)}</span>'
    return f"<figure>{shown}<figcaption><b>{escape(cell.pair.preset)}</b>{about}</figcaption></figure>"


def _picture(out: Path, pair: Pair, made: Made, choice: str | None) -> str:
    file = f"{FOLDER}/aside/{made.file}" if choice == "reject" else made.file
    colours = "".join(
        f'<li title="requested {escape(one["colour"])}, found {escape(one["nearest"])}"><span class="pair">'
        f'<i style="background:{escape(one["colour"])}"></i><i style="background:{escape(one["nearest"])}"></i></span>'
        f"ΔE {one['delta_e00']:.1f}</li>"
        for one in made.palette
    )
    notes = [("doubt", WORDS.get(code, code)) for code in made.warnings]
    for rule in made.rules:
        if rule["rule"] != "enlargement" or "upscaled" not in made.warnings:
            notes.append(("bad-note" if rule["status"] == "fail" else "doubt", _rule(rule)))
    listed = "".join(f'<li class="{kind}">{escape(text)}</li>' for kind, text in notes)
    facts = [f"product ΔE {made.fidelity:.2f}"] if made.fidelity is not None else []
    facts += [f"{made.rules_kept} rules kept"] * bool(made.rules_kept)
    facts.append(f"seed {made.seed}")
    about = {"photo": pair.photo.name, "preset": pair.preset, "sha256": made.sha256, "seed": str(made.seed)}
    about |= {"warnings": " ".join(made.warnings), "rules": " ".join(rule["rule"] for rule in made.rules)}
    about |= {"choice": choice} if choice else {}
    data = " ".join(f'data-{name}="{escape(value)}"' for name, value in about.items())
    return (
        f'<figure {data}><a href="{quote(file)}">{thumbnail(out, out / file, made.sha256, pair.title)}</a>'
        f'<figcaption><b>{escape(pair.preset)}</b> <span class="quiet">{made.width} &times; {made.height}</span>'
        + (f'<ul class="colours" aria-label="requested and measured colours">{colours}</ul>' if colours else "<br>")
        + f'<span class="quiet">{" · ".join(facts)}</span>'
        + (f'<ul class="notes">{listed}</ul>' if listed else "")
        + "</figcaption></figure>"
    )


def _rule(rule: Mapping[str, Any]) -> str:
    if rule["rule"] == "enlargement":
        return f"The photo was enlarged {rule['measured']:.2f} times. A larger photo would give a sharper picture."
    name = _RULES.get(rule["rule"], str(rule["rule"]).replace("_", " "))
    return f"{name}: {_value(rule['measured'])}, required {_value(rule['bound'])}"


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        between = " to " if len(value) == 2 and all(isinstance(one, float) for one in value) else ", "
        return between.join(_value(one) for one in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and value > 9999 else str(value)


def write_table(path: Path, rows: Sequence[Sequence[Cell]]) -> None:
    """Write the table of pairs, with a review's choices. A pair without an outcome has not been made yet."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for cell in (cell for row in rows for cell in row):
        names = {"photo": _harmless(cell.pair.photo.name), "preset": cell.pair.preset, "review": cell.choice}
        table.writerow(names | _line(cell))
    write_whole(path, text.getvalue().encode())


def _line(cell: Cell) -> dict[str, object]:
    match cell.outcome:
        case Made() as made:
            kept = {"status": "SUCCESS", "file": _harmless(made.file)}
            rejected = {"status": "REJECTED", "file": None}
            facts = vars(made) | {"warnings": " ".join(made.warnings)}
            return facts | (rejected if cell.choice == "reject" else kept)
        case Failed() as failed:
            facts = {"status": "FAILURE", "error_code": failed.code, "error_message": _harmless(failed.message)}
            return facts | {"seconds": failed.seconds, "credits": 0, "job_id": failed.job_id}
    return {"status": "NOT_STARTED"}


def _harmless(text: str) -> str:
    """Return the text, changed so that no spreadsheet evaluates it as a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
