"""The page and the JSON row of `backdrop bench gpu`."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.gpu.check import Row

#: Explanations of the words in the table.
_WORDS = {
    "measured": "measured here with the configured model",
    "simulated": "ran on this CPU in place of a GPU, which tests the steps but gives no figure for a GPU",
    "skipped": "did not run, for the reason in the table",
    "failed": "ended with the error in the table",
}
_KINDS = {"shipped": "from the shipped sample", "drawn": "drawn, of known shape", "yours": "from your folder"}
_SHEETS = {
    "stages": "Each product: the sketch that the model starts from, its painting, and the delivered picture."
    " A model that paints light has no painting.",
    "hold": "The delivered picture with product hold, and without.",
    "depth": "The delivered picture with the scene's depth, and without.",
    "cpu": "The same seed on both devices.",
}


def write_result(out: Path, about: Mapping[str, Any], rows: Mapping[str, Row]) -> None:
    """Write `index.html`, which needs no other file, and `gpu-check.json`, one line, into the run's folder."""
    day = datetime.now(UTC).date().isoformat()
    facts = {"day": day, "backdrop": version("backdrop"), **about}
    listed = {name: {"how": row.how, "said": row.said, **row.figures} for name, row in rows.items()}
    (out / "gpu-check.json").write_text(json.dumps({**facts, "rows": listed}) + "\n", "utf-8")
    (out / "index.html").write_text(_page(out, facts, rows), "utf-8")


def _page(out: Path, facts: Mapping[str, Any], rows: Mapping[str, Row]) -> str:
    css = (files("benchmarks.gpu") / "page.css").read_text("utf-8")
    notice = ""
    if facts["device"] != "cuda":
        notice = (
            f'<p class="notice"><b>No CUDA device.</b> All steps ran on the device "{escape(facts["device"])}".'
            " Rows that need CUDA are skipped. Times and memory are simulated and give no figures for a GPU.</p>"
        )
    counts = "; ".join(f"{count} {_KINDS[kind]}" for kind, count in facts["products"].items())
    about = {
        "model": facts["versions"].get("generator", "not named"),
        "precision": facts["versions"].get("generator_device", facts["device"]),
        "segmenter": facts["versions"].get("segmenter", "not named"),
        "machine": facts["machine"],
        "products": counts,
        "Backdrop": f"{facts['backdrop']}, {facts['day']}",
    }
    listed = "".join(f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in about.items())
    lines = "\n".join(
        f'<tr><th scope="row">{escape(row.title)}</th><td class="{row.how}">{row.how}</td>'
        f"<td>{escape(row.said)}</td></tr>"
        for row in rows.values()
    )
    words = "".join(f'<dt class="{word}">{word}</dt><dd>{meaning}</dd>' for word, meaning in _WORDS.items())
    sheets = "\n".join(_sheet(out, row, _SHEETS[name]) for name, row in rows.items() if row.sheet)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>GPU check</title>
<style>
{css}</style>
</head>
<body>
<h1>GPU check</h1>
{notice}
<dl>{listed}</dl>
<table>
<thead><tr><th scope="col">step</th><th scope="col">how</th><th scope="col">found</th></tr></thead>
<tbody>
{lines}
</tbody>
</table>
<h2>Words</h2>
<dl>{words}</dl>
<p class="quiet">ΔE00 is the colour difference CIEDE2000. Below 1 it is invisible. Below 5 most people see the same
colour. p50: half of the swaps took no longer. p95: 95 of 100 took no longer. 1 GiB is 2<sup>30</sup> bytes. The growth
gate rejects paintings in which the model made the product larger. The shadow gate reports whether the model kept the
shadow of its sketch.</p>
{sheets}
<p class="quiet">The delivered pictures at full size are in the folder pictures.</p>
</body>
</html>
"""


def _sheet(out: Path, row: Row, about: str) -> str:
    figures = "\n".join(
        f'<figure><img alt="{escape(caption)}" src="data:image/jpeg;base64,{_base64(out / file)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, file in row.sheet.items()
    )
    return f'<h2>{escape(row.title)}</h2>\n<p class="quiet">{about}</p>\n<div class="sheet">\n{figures}\n</div>'


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
