"""A page of all swaps: before, cut out and after, with their figures, below the tables.

The page is one HTML file without outside resources. Its pictures are in folders next to it and load lazily.
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image, ImageOps

from benchmarks.picture.tables import STATUSES, Figures

#: Side in pixels of a checker's square behind cut-outs, and its two greys.
CHECK, GREYS = 16, (150, 200)
#: Longer side in pixels of small pictures and of the delivered one, and their JPEG quality.
SMALL, LARGE, QUALITY = 480, 1100, 86


def thumbnail(picture: Image.Image, path: Path, side: int) -> None:
    """Write a JPEG of at most `side` pixels, with a checker behind transparent pixels."""
    small = ImageOps.contain(picture, (side, side), Image.Resampling.LANCZOS) if max(picture.size) > side else picture
    if small.mode in ("RGBA", "LA"):
        under = checker(*small.size)
        under.paste(small, mask=small.getchannel("A"))
        small = under
    path.parent.mkdir(parents=True, exist_ok=True)
    small.convert("RGB").save(path, "JPEG", quality=QUALITY)


def checker(width: int, height: int) -> Image.Image:
    """Return an RGB checker of two greys."""
    y, x = np.mgrid[:height, :width] // CHECK
    return Image.fromarray(np.where((x + y) % 2, *GREYS).astype(np.uint8)).convert("RGB")


def status(row: dict[str, Any]) -> str:
    """Return a swap's worst result: fail if it was refused or breaks a rule, warn if it has a warning, else pass."""
    if "refused" in row:
        return "fail"
    statuses = {rule["status"] for rule in row["rules"]}
    if "fail" in statuses:
        return "fail"
    missed = row["palette_report"].get("bar", {}).get("met") is False
    return "warn" if "warn" in statuses or row["warnings"] or missed else "pass"


def write_sheet(path: Path, tables: Iterable[Figures], swaps: Sequence[dict[str, Any]], about: str) -> None:
    """Write the page with a card for each of `swaps`, rows of `benchmarks.picture.rows` with relative paths."""
    shown = {name: sorted({str(row.get(name, "")) for row in swaps} - {""}) for name in ("table", "scene", "preset")}
    menus = "".join(
        f'<label>{name} <select data-for="{name}"><option value="">all</option>'
        + "".join(f"<option>{escape(value)}</option>" for value in values)
        + "</select></label>"
        for name, values in (shown | {"status": ["pass", "warn", "fail"]}).items()
    )
    cards = "\n".join(_card(number, row, path.parent) for number, row in enumerate(swaps, 1))
    body = f"""<header><h1>Quality</h1><p>{escape(about)}</p></header>
<nav aria-label="Filters">{menus}<label>warning or word <input type="search" id="word"></label>
<output id="count"></output><button id="theme" type="button">dark / light</button>
<span class="hint">j, k: next, previous · /: search</span></nav>
<main>{"".join(_table(table) for table in tables)}
<section id="cards" aria-label="Swaps">{cards}</section></main>"""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Backdrop quality</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>\n'
        f"{body}\n<script>{_SCRIPT}</script></html>\n",
        "utf-8",
    )


def _table(table: Figures) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in table.headings)
    rows = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    opened = " open" if len(table.rows) <= 12 else ""
    return (
        f"<details{opened}><summary>{escape(table.title)}</summary>{note}"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>'
    )


def _cell(text: str) -> str:
    return f'<b class="chip {text}">{text}</b>' if text in STATUSES else escape(text)


def _card(number: int, row: dict[str, Any], folder: Path) -> str:
    worst = status(row)
    words = " ".join([row["photo"], row.get("mood", ""), row.get("refused", ""), *row.get("warnings", [])])
    marks = {name: str(row.get(name, "")) for name in ("table", "scene", "preset")} | {"status": worst, "words": words}
    data = " ".join(f'data-{name}="{escape(value)}"' for name, value in marks.items())
    title = " · ".join(row.get(name, "") for name in ("photo", "scene", "mood", "preset") if row.get(name))
    head = f'<h2><b class="chip {worst}">{worst}</b> {escape(title)}</h2>'
    if "refused" in row:
        return (
            f'<article tabindex="0" id="c{number}" {data}>{head}'
            f'<p class="refused"><b>{escape(row["refused"])}</b> {escape(row["why"])}</p></article>'
        )
    pictures = row["pictures"]
    figures = "".join(
        _figure(name, pictures[name], pictures[link], f"{row['photo']}, {caption}", caption, folder)
        for name, link, caption in (
            ("before", "before", "photo"),
            ("cutout", "cutout", "cut-out"),
            ("after", "file", "delivered"),
        )
    )
    return f'<article tabindex="0" id="c{number}" {data}>{head}<div class="row">{figures}</div>{_facts(row)}</article>'


def _figure(name: str, picture: str, link: str, words: str, caption: str, folder: Path) -> str:
    # The size reserves the place of a picture that has not loaded.
    with Image.open(folder / picture) as file:
        size = f'width="{file.width}" height="{file.height}"'
    shown = f'<img loading="lazy" decoding="async" {size} src="{quote(picture)}" alt="{escape(words)}">'
    return (
        f'<figure class="{name}"><a href="{quote(link)}">{shown}</a><figcaption>{escape(caption)}</figcaption></figure>'
    )


def _facts(row: dict[str, Any]) -> str:
    """Return chips for rules and warnings, swatches for the palette, and a line of figures."""
    chips = [
        f'<b class="chip {rule["status"]}" title="{escape(str(rule["measured"]))} against '
        f'{escape(str(rule["bound"]))}">{escape(rule["rule"])}</b>'
        for rule in row["rules"]
    ]
    chips += [f'<b class="chip warn">{escape(warning)}</b>' for warning in row["warnings"]]
    palette, fidelity = row["palette_report"], row["fidelity"]
    if palette.get("bar", {}).get("met") is False:
        chips.append('<b class="chip warn">palette over its bar</b>')
    swatches = "".join(
        f'<span class="pair" title="asked {escape(colour["colour"])}, found {escape(str(colour["nearest"]))}">'
        f'<i style="background:{escape(colour["colour"])}"></i><i style="background:{escape(str(colour["nearest"]))}">'
        f"</i>{colour['delta_e00']}</span>"
        for colour in palette["asked"]
    )
    line = (
        f"palette ΔE00 {_known(palette['mean_delta_e00'])} · "
        f"fidelity ΔE00 mean {_known(fidelity['mean'])}, p99 {_known(fidelity['p99'])} · "
        f"confidence {row['confidence']} · backgrounds tried {row['attempts']} · seed {row['seed']} · "
        f"{row['seconds']:.1f} s · {row['bytes'] / 1000:.0f} kB"
    )
    return f'<p class="chips">{"".join(chips)}</p><p class="swatches">{swatches}</p><p class="line">{escape(line)}</p>'


def _known(figure: float | None) -> str:
    """Return a figure, or "none": transparent pictures have no palette, products without opaque pixels no fidelity."""
    return "none" if figure is None else str(figure)


_STYLE = """
:root{color-scheme:light dark;--ground:light-dark(#fff,#17181a);--ink:light-dark(#1a1a1a,#ececec);
--faint:light-dark(#5c5f66,#a4a8b0);--edge:light-dark(#d8dade,#3a3d42);--card:light-dark(#f6f6f7,#202226)}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
header,main{padding:0 1rem;max-width:1500px;margin:auto}
h1{margin:.8rem 0 0}h2{font-size:1rem;margin:.1rem 0 .5rem}p{margin:.3rem 0}
nav{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:center;padding:.5rem 1rem;
background:var(--ground);border-bottom:1px solid var(--edge)}
select,input,button{font:inherit}.hint,.line,figcaption,header p{color:var(--faint);font-size:.9rem}
details{margin:.8rem 0}summary{font-weight:600;cursor:pointer}.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.15rem .6rem;border-bottom:1px solid var(--edge)}
th:first-child,td:first-child{text-align:left}
article{background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:.7rem;margin:1rem 0;
scroll-margin-top:4rem;content-visibility:auto;contain-intrinsic-size:auto 700px}
article:focus{outline:3px solid light-dark(#1459c7,#7fb0ff);outline-offset:1px}article[hidden]{display:none}
.row{display:grid;grid-template-columns:1fr 2fr;grid-template-rows:auto auto;gap:.6rem}
figure{margin:0}.after{grid-column:2;grid-row:1/3}img{display:block;width:100%;height:auto;max-height:92vh;object-fit:contain;
object-position:top left}
.chip{display:inline-block;font-size:.8rem;font-weight:600;padding:.05rem .5rem;border-radius:1rem;
margin:0 .3rem .25rem 0}
.pass{background:light-dark(#d5efdc,#1d4a2c);color:light-dark(#0d4a21,#c9f2d6)}
.warn{background:light-dark(#fdeab4,#57430a);color:light-dark(#584000,#ffe9a8)}
.fail{background:light-dark(#fbd5d2,#641f1a);color:light-dark(#7d130b,#ffd7d3)}
.unchecked{background:light-dark(#e4e5e8,#3a3d42);color:light-dark(#43464c,#d5d8dd)}
.pair{display:inline-flex;align-items:center;gap:0;margin-right:.9rem;font-size:.9rem}
.pair i{width:1.6rem;height:1.1rem;border:1px solid var(--edge)}.pair i+i{margin-right:.35rem}
@media(max-width:700px){.row{grid-template-columns:1fr}.after{grid-column:auto;grid-row:auto}}
"""

_SCRIPT = """
const cards=[...document.querySelectorAll('article')],menus=[...document.querySelectorAll('select')];
const word=document.getElementById('word');
function sift(){let n=0;const asked=word.value.trim().toLowerCase();
for(const card of cards){const kept=menus.every(m=>!m.value||card.dataset[m.dataset.for]===m.value)
&&(!asked||(card.dataset.words+' '+card.textContent).toLowerCase().includes(asked));card.hidden=!kept;n+=kept}
document.getElementById('count').textContent=n+' of '+cards.length}
menus.forEach(m=>m.addEventListener('change',sift));word.addEventListener('input',sift);sift();
function go(step){const seen=cards.filter(c=>!c.hidden);if(!seen.length)return;
const at=seen.indexOf(document.activeElement.closest('article'));
const next=seen[at<0?0:Math.max(0,Math.min(seen.length-1,at+step))];
next.focus({preventScroll:true});next.scrollIntoView()}
addEventListener('keydown',e=>{if(e.ctrlKey||e.metaKey||e.altKey)return;
if(e.target.matches('input,select')){if(e.key==='Escape')e.target.blur();return}
if(e.key==='j')go(1);else if(e.key==='k')go(-1);else if(e.key==='/'){e.preventDefault();word.focus()}});
document.getElementById('theme').addEventListener('click',()=>{const root=document.documentElement;
const dark=getComputedStyle(document.body).backgroundColor!=='rgb(255, 255, 255)';
root.style.colorScheme=dark?'light':'dark'});
"""
