"""The figures page of the docs site, and its plots, from `benchmarks/results/*.jsonl`."""

import html
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import RESULTS, ROOT, Figure, load_all

#: Title and first sentence of each room's section.
SECTIONS = {
    "picture": ("Picture", "How close the background comes to the asked colours and to path-traced light."),
    "cutout": ("Cut-out", "How often the cut-out is right, and how often Backdrop warns where it is wrong."),
    "placement": ("Placement", "How well Backdrop detects from where a photo was taken, and places the product."),
    "speed": ("Speed and memory", "How long swaps and requests take, and how much memory they need."),
    "studio": ("Studio page", "How fast the studio page is in a browser, and how far it takes its users."),
    "capacity": ("Capacity", "How well the simulation of a fleet matches real runs, and what it plans."),
    "robustness": ("Robustness", "What storms, broken files and odd requests break."),
    "operations": ("Operations", "How alerts, restarts, upgrades, restores and heavy clients behave."),
}
_INTRO = """# Figures

Every figure that these pages quote, with the command that reproduces it, its date and its commit.

- **Bar** is the limit that we hold the figure against. A missed bar stays on this page.
- **Tuned on** names the cases that rules were chosen on. Expect worse on yours. *Nothing: held out* means fresh cases.
- **By hand** marks a figure that no program reproduces, because a person judged pictures, or the program is only in the
  history: then the row names the last commit with it.
- ΔE00 is the distance of two colours (CIEDE2000). A distance of 1 is just noticeable.
- A time depends on its machine, and two shared cores differ from day to day. Compare only figures of one run.

The rows are in `benchmarks/results`. A program writes them when you run it with `--record`.
"""
#: Headings within a section by the first words of ids. Other figures follow under the section's own heading.
GROUPS = {
    "palette-": "Asked colours",
    "light-full-size-": "Light at full size",
    "light-": "Light",
    "edges-": "Edges",
    "preview-": "Previews",
    "cutout-real-": "Real photos",
    "cutout-exact-": "Pictures with exact alpha",
    "cutout-halo": "Halo",
    "confidence-": "Warnings",
    "ratings-": "Ratings by two readers",
    "warning-": "Warnings",
    "precision-": "Library and precision",
    "look-": "Library and precision",
    "viewpoint-": "Viewpoint",
    "swap-": "Swaps",
    "kept-": "Swaps",
    "photo-": "Swaps",
    "worker-": "Workers",
    "kernels-": "Workers",
    "memory-": "Memory",
    "throughput-": "Throughput",
    "threads-": "Throughput",
    "submit-": "Requests",
    "request-": "Requests",
    "streams-": "Requests",
    "claims-": "Queue",
    "studio-walk-": "Twenty photos by hand",
    "studio-": "Times and colours",
    "replay-": "Replayed runs",
    "fleet-": "Planned fleets",
    "storm-": "Storms",
    "fuzz-": "Broken files",
    "conformance-": "Odd requests",
    "alerts-": "Alerts",
    "rolling-": "Rolling restarts",
    "upgrade-": "Upgrades",
    "migration-": "Upgrades",
    "restore-": "Backups and archive",
    "archive-": "Backups and archive",
    "image-": "Containers",
    "compose-": "Containers",
    "container-": "Containers",
    "by-eye-": "By eye",
}
_REST = "More"
_HEAD = "| what | value | bar | n | tuned on | measured |\n|---|---|---|---|---|---|"


def page(results: Path = RESULTS) -> str:
    """Return the page as Markdown: a section for each room, a row with an anchor for each figure.

    It shows the plots as `plots/NAME.svg`, beside the page. Raises ValueError where a row is wrong.
    """
    rooms = load_all(results)
    parts = [_INTRO]
    for room, (title, about) in SECTIONS.items():
        shown = "\n".join(f"![{alt}](plots/{name}.svg)\n" for name, (of, alt) in PLOTS.items() if of == room)
        parts.append(f"## {title}\n\n{about}\n\n{shown}".rstrip())
        groups: dict[str, list[Figure]] = {}
        for figure in rooms[room]:
            groups.setdefault(_group(figure), []).append(figure)
        for heading, figures in groups.items():
            parts.append(f"### {heading}\n\n{_HEAD}\n" + "\n".join(map(_row, figures)))
    return "\n\n".join(parts) + "\n"


def _group(figure: Figure) -> str:
    return next((heading for start, heading in GROUPS.items() if figure.id.startswith(start)), _REST)


def value_of(figure: Figure) -> str:
    """Return the value with its unit."""
    value = f"{figure.value:,}".replace("-", "\N{MINUS SIGN}")
    return f"{value} {figure.unit}".strip()


def _row(figure: Figure) -> str:
    bar = "" if figure.bar is None else f"{figure.bar}: {'met' if figure.meets_bar else '**missed**'}"
    way = f"{figure.command} (commit {figure.commit}; {figure.machine})" if figure.by_hand else ""
    code = "" if figure.by_hand else f"<code>{_cell(html.escape(figure.command))}</code><br>"
    how = _cell(html.escape(way)) or f"{code}commit {figure.commit}; {html.escape(figure.machine)}"
    note = f"<br>{_cell(figure.note)}" if figure.note else ""
    flag = ", by hand" if figure.by_hand else ""
    measured = f"{figure.date}{flag}<details><summary>how</summary>{how}{note}</details>"
    cells = (
        f'<a id="{figure.id}"></a>{_cell(figure.what)}',
        value_of(figure),
        bar,
        "" if figure.n is None else f"{figure.n:,}",
        _cell(figure.tuned_on),
        measured,
    )
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


#: Plots by file name: the room that shows it, and the text for readers who can't see it.
PLOTS = {
    "light-error": ("picture", "Error of light against path tracing: the drawing, first light, the light network"),
    "light-colour": ("picture", "Distance of asked colours by kind of scene"),
    "confidence": (
        "cutout",
        "Reliability of the confidence: each dot is a tenth of the cut-outs, with its 95 % interval",
    ),
    "publishable": ("picture", "Reliability of the probability to be publishable, with 95 % intervals"),
    "cutout-error": ("cutout", "Error of alpha on real photos and on pictures with exact alpha, against plain rembg"),
    "placement": ("placement", "Photos of things that would look absurd standing: laid down, unsure, passed"),
    "throughput": ("speed", "Swaps a minute by workers"),
    "time-by-size": ("speed", "CPU time of a swap by the picture's size"),
}
#: Readable on a light page and on a dark one.
_INK, _LINE, _FAINT = "#808a96", "#3d8fc4", "#b07d3c"
_WIDTH, _LEFT, _BAR = 640, 220, 26


def plots(folder: Path, results: Path = RESULTS) -> None:
    """Write the SVG files of PLOTS into a folder, which is made. Raises KeyError where a row is missing."""
    known = {figure.id: figure for figures in load_all(results).values() for figure in figures}

    def bars(title: str, unit: str, ids: Sequence[tuple[str, str]]) -> str:
        return bar_chart(
            title, unit, [(label, known[name].value, name.endswith(("plain", "sketch"))) for label, name in ids]
        )

    kinds = sorted((one for one in known if one.startswith("light-colour-kind-")), key=lambda one: known[one].value)
    sizes = [(int(one.split("-")[2].split("x")[0]), known[one].value) for one in known if _is_size(one)]
    drawn = {
        "light-error": bars(
            "Error of light against path tracing, sRGB from 0 to 1",
            "",
            [
                ("drawing without light", "light-error-sketch"),
                ("first light", "light-error-first"),
                ("light network", "light-error-network"),
            ],
        ),
        "light-colour": bars(
            "Mean distance of asked colours by kind of scene", "ΔE00", [(one.rsplit("-", 1)[1], one) for one in kinds]
        ),
        "cutout-error": bars(
            "Mean absolute error of alpha, thousandths",
            "",
            [
                ("real photos, plain rembg", "cutout-real-error-plain"),
                ("real photos, Backdrop", "cutout-real-error"),
                ("exact alpha, plain rembg", "cutout-exact-error-plain"),
                ("exact alpha, Backdrop", "cutout-exact-error"),
                ("exact alpha, u2netp alone", "cutout-exact-error-u2netp"),
            ],
        ),
        "placement": bars(
            "162 photos of things that would look absurd standing",
            "photos",
            [
                ("laid down", "viewpoint-absurd-found"),
                ("stand with a warning", "viewpoint-absurd-unsure"),
                ("stand without a warning", "viewpoint-absurd-passed"),
            ],
        ),
        "throughput": line_chart(
            "Swaps a minute, stand-in devices of 4 s",
            "workers",
            [(many, known[f"throughput-device-4s-{many}x4-swaps"].value) for many in (1, 2, 4)],
        ),
        "time-by-size": line_chart("CPU-seconds of a swap to podium", "longer side, pixels", sorted(sizes)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg, "utf-8")
    for plot in ("models/cutout/confidence.svg", "benchmarks/picture/ratings/publishable.svg"):
        shutil.copy(ROOT / plot, folder)


def _is_size(figure_id: str) -> bool:
    return figure_id.startswith("swap-size-") and figure_id.endswith("-cpu")


def bar_chart(title: str, unit: str, bars: Sequence[tuple[str, float, bool]]) -> str:
    """Return horizontal bars from 0 as SVG: label, value, and whether it is a baseline."""
    most = max(value for _, value, _ in bars)
    parts = []
    for number, (label, value, baseline) in enumerate(bars):
        y = 44 + _BAR * number
        length = (_WIDTH - _LEFT - 90) * value / most
        fill = _FAINT if baseline else _LINE
        parts += [
            _text(_LEFT - 10, y + 14, label, "end"),
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="18" rx="2" fill="{fill}"/>',
            _text(_LEFT + length + 8, y + 14, f"{value:.3g} {unit}", "start"),
        ]
    return _svg(title, 44 + _BAR * len(bars), parts)


def line_chart(title: str, across: str, points: Sequence[tuple[float, float]]) -> str:
    """Return points joined by a line as SVG, both axes from 0; `across` names the horizontal one."""
    left, right, top, bottom = 60, _WIDTH - 60, 50, 250
    far, high = max(x for x, _ in points), max(y for _, y in points)
    at = [(left + (right - left) * x / far, bottom - (bottom - top) * y / high) for x, y in points]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    parts = [
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{_INK}"/>',
        f'<polyline points="{joined}" fill="none" stroke="{_LINE}" stroke-width="2"/>',
        _text((left + right) / 2, bottom + 42, across),
    ]
    for (x, y), (place, value) in zip(at, points, strict=True):
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_LINE}"/>',
            _text(x, y - 10, f"{value:.3g}"),
            _text(x, bottom + 20, f"{place:g}"),
        ]
    return _svg(title, bottom + 52, parts)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}">{html.escape(text)}</text>'


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    heading = f'<text x="10" y="24" font-size="15" font-weight="bold" fill="{_INK}">{html.escape(title)}</text>'
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    body = "\n".join([heading, *parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">\n{body}\n</svg>\n'
