"""The table and the contact sheet of a batch. The sheet has a script to review the pictures.

The sheet shows every photo before and after. Without the script only the review is missing.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from service.batch.pairs import Pair
from service.batch.photos import Photo
from service.batch.state import FOLDER, Failed, Made, Outcome, Rejected, write_whole
from service.batch.thumbnails import Thumbnail, thumbnail
from service.catalogue.warning_words import WORDS

_FOLDER = "thumbnails"
#: Plain names for rules whose own names are unclear.
_RULES = {"min_side": "shorter side", "bytes": "file size", "ai_marking": "AI marking"}
COLUMNS = (
    *("photo", "preset", "status", "error_code", "error_message", "file", "seconds", "credits", "delta_e00"),
    *("fidelity", "warnings", "job_id", "seed", "review"),
)


def write_sheet(
    out: Path,
    groups: Sequence[Sequence[Pair]],
    outcomes: Mapping[str, Outcome],
    *,
    batch: str,
    choices: Mapping[str, str],
) -> None:
    """Write `index.html` and its thumbnails into the output folder.

    `batch`: the batch's id, which a review quotes. `choices`: the review's choices, by pair.
    """
    css, script = ((files("service.batch") / name).read_text("utf-8") for name in ("sheet.css", "review.js"))
    pairs = [pair for group in groups for pair in group]
    failed = [(pair, one) for pair in pairs if isinstance(one := outcomes.get(pair.key), Failed)]
    made = [one for pair in pairs if isinstance(one := outcomes.get(pair.key), Made)]
    rows = "\n".join(_row(out, number, group, outcomes, choices) for number, group in enumerate(groups) if group)
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Contact sheet: {len(made)} of {len(pairs)} pictures</title>
<style>
{css}</style>
</head>
<body>
<header>
<h1>Contact sheet</h1>
{_asked(pairs)}
{_sums(pairs, made, failed, outcomes)}
{_failures(groups, failed)}
</header>
<main data-batch="{escape(batch)}">
{rows}
</main>
<footer>The same as a table: <a href="results.csv">results.csv</a>. ΔE00 is the colour difference
CIEDE2000. Below 1 it is invisible. Below 5 most people see the same colour.</footer>
<script>
{script}</script>
</body>
</html>
"""
    write_whole(out / "index.html", page.encode())


def _asked(pairs: Sequence[Pair]) -> str:
    looks = dict.fromkeys(f"{pair.order.scene}, {pair.order.mood}" for pair in pairs)
    scenes = [look for look in looks if not look.startswith("white,")] or list(looks)
    what = "; ".join(scenes) if len(scenes) <= 3 else f"{len(scenes)} scenes"
    presets = dict.fromkeys(pair.preset for pair in pairs)
    return f'<p class="asked">{escape(what)}. For {escape(", ".join(presets))}.</p>'


def _sums(pairs: Sequence[Pair], made: Sequence[Made], failed: Sequence[Any], outcomes: Mapping[str, Outcome]) -> str:
    sums = [("", "pictures", str(len(made)))]
    if failed:
        sums.append(("bad", "failed", str(len(failed))))
    if rejected := sum(isinstance(one, Rejected) for one in outcomes.values()):
        sums.append(("", "rejected", str(rejected)))
    if left := len(pairs) - len(made) - len(failed) - rejected:
        sums.append(("", "to be made", str(left)))
    if credits := sum(one.credits for one in made):
        sums.append(("", "credits", str(credits)))
    for label, values in {
        "mean ΔE00 to your colours": [one.delta_e00 for one in made if one.delta_e00 is not None],
        "mean ΔE00 of the product": [one.fidelity for one in made if one.fidelity is not None],
    }.items():
        if values:
            sums.append(("", label, f"{sum(values) / len(values):.2f}"))
    cells = "".join(f'<div class="{kind}"><dt>{label}</dt><dd>{value}</dd></div>' for kind, label, value in sums)
    return f'<dl class="sums">{cells}</dl>'


def _failures(groups: Sequence[Sequence[Pair]], failed: Sequence[tuple[Pair, Failed]]) -> str:
    if not failed:
        return ""
    places = {group[0].photo.name: number for number, group in enumerate(groups) if group}
    # A photo whose pictures all failed for the same reason gets one line.
    lines: dict[tuple[str, str], list[str]] = {}
    for pair, outcome in failed:
        lines.setdefault((pair.photo.name, outcome.message), []).append(pair.preset)
    items = "".join(
        f'<li><a href="#photo-{places[name]}">{escape(name)}</a> {escape(", ".join(presets))} '
        f'<span class="why">{escape(why)}</span></li>'
        for (name, why), presets in lines.items()
    )
    return f'<section class="failures"><h2>Not made</h2><ul>{items}</ul></section>'


def _row(
    out: Path, number: int, group: Sequence[Pair], outcomes: Mapping[str, Outcome], choices: Mapping[str, str]
) -> str:
    photo = group[0].photo
    folder, slash, name = photo.name.rpartition("/")
    title = f"<span>{escape(folder + slash)}</span>{escape(name)}"
    cells = "\n".join(_cell(out, pair, outcomes.get(pair.key), choices.get(pair.key)) for pair in group)
    return (
        f'<section class="photo" id="photo-{number}"><h2>{title}</h2><div class="strip">\n'
        f"{_before(out, photo)}\n{cells}\n</div></section>"
    )


def _before(out: Path, photo: Photo) -> str:
    small = f"{_FOLDER}/{photo.sha256[:24]}.webp"
    size = thumbnail(photo.path, out / small) if photo.sha256 else None
    shown = _image(small, size, f"{photo.name}, the photo") if size else '<div class="gone">No preview.</div>'
    return f'<figure class="before">{shown}<figcaption class="quiet">the photo</figcaption></figure>'


def _image(source: str, size: Thumbnail, alt: str) -> str:
    clear = ' class="clear"' if size.clear else ""
    shape = f'style="aspect-ratio:{size.width}/{size.height}"'
    return f'<img src="{source}" alt="{escape(alt)}"{clear} {shape} loading="lazy">'


def _cell(out: Path, pair: Pair, outcome: Outcome | None, choice: str | None) -> str:
    match outcome:
        case Made():
            return _picture(out, pair, outcome, choice)
        case Rejected():
            return _picture(out, pair, outcome.made, "reject")
        case Failed():
            shown = f'<div class="gone bad"><strong>Not made</strong>{escape(outcome.message)}</div>'
            about = f'<span class="quiet">{escape(outcome.code)}</span>'
        case _:
            shown, about = '<div class="gone">To be made. Run the same command again.</div>', ""
    return f"<figure>{shown}<figcaption><b>{escape(pair.preset)}</b><br>{about}</figcaption></figure>"


def _picture(out: Path, pair: Pair, made: Made, choice: str | None) -> str:
    small = f"{_FOLDER}/{made.sha256[:24]}.webp"
    size = thumbnail(out / made.file, out / small)
    source, size = (small, size) if size else (quote(made.file), Thumbnail(made.width, made.height, clear=False))
    place = quote(f"{FOLDER}/aside/{made.file}" if choice == "reject" else made.file)
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
    facts = [f'<span class="whole">product ΔE {made.fidelity:.2f}</span>'] if made.fidelity is not None else []
    facts += [f'<span class="kept whole">{made.rules_kept} rules kept</span>'] if made.rules_kept else []
    facts.append(f'<span class="whole">seed {made.seed}</span>')
    image = _image(source, size, f"{pair.photo.name} for {pair.preset}")
    about = {"photo": pair.photo.name, "preset": pair.preset, "sha256": made.sha256, "seed": str(made.seed)}
    about |= {"warnings": " ".join(made.warnings), "rules": " ".join(rule["rule"] for rule in made.rules)}
    about |= {"choice": choice} if choice else {}
    data = " ".join(f'data-{name}="{escape(value)}"' for name, value in about.items())
    return (
        f'<figure {data}><a href="{place}">{image}</a><figcaption><b>{escape(pair.preset)}</b> '
        f'<span class="quiet whole">{made.width} &times; {made.height}</span>'
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


def write_table(path: Path, rows: Iterable[tuple[Pair, Outcome | None, str | None]]) -> None:
    """Write the table of pairs, with a review's choices. A pair without an outcome has not been made yet."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for pair, outcome, review in rows:
        line = {"photo": _harmless(pair.photo.name), "preset": pair.preset, **_line(outcome), "review": review}
        table.writerow(line)
    write_whole(path, text.getvalue().encode())


def _line(outcome: Outcome | None) -> dict[str, object]:
    match outcome:
        case Made():
            fields = {"status": "SUCCESS", "file": _harmless(outcome.file), "warnings": " ".join(outcome.warnings)}
            return vars(outcome) | fields
        case Rejected():
            return {**_line(outcome.made), "status": "REJECTED", "file": None}
        case Failed():
            return {
                "status": "FAILURE",
                "error_code": outcome.code,
                "error_message": _harmless(outcome.message),
                "seconds": outcome.seconds,
                "credits": 0,
                "job_id": outcome.job_id,
            }
    return {"status": "NOT_STARTED"}


def _harmless(text: str) -> str:
    """Return the text, changed so that no spreadsheet evaluates it as a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
