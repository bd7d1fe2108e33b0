"""The tables that the rows make: what was found, the bar, and whether it is met."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.picture import palette
from pipeline.delivery.fidelity import MEAN, P99

#: What becomes of a rule; unchecked: it takes a person.
STATUSES = ("pass", "warn", "fail", "unchecked")
#: From this share of its holes' pixels on, a cut-out counts as open.
OPEN = 0.9
#: Bars of the mean and of the 99th percentile of a swap's fidelity, CIEDE2000.
_BARS = {"mean": MEAN, "p99": P99}


@dataclass(frozen=True)
class Figures:
    """One table. A cell that is one of STATUSES is shown as a chip."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    #: What the figures are and what was left out, in a sentence or two.
    note: str = ""


def tables_of(rows: dict[str, dict[str, dict[str, Any]]]) -> list[Figures]:
    """Return every table that the rows make; `rows` are those of `benchmarks.picture.rows` by table and key."""
    tables = [*cutout_tables(rows.get("cutout", {})), *halo_tables(rows.get("halo", {}))]
    plain, looks = (
        [row for row in rows.get(name, {}).values() if "refused" not in row] for name in ("palette", "looks")
    )
    seen = [{"misses": [colour["delta_e00"] for colour in row["palette_report"]["asked"]]} for row in looks]
    tables += palette_tables(plain, "a plain product") + palette_tables(seen, "the composites below")
    # Titles begin with a number, the same as in the acceptance of the picture.
    return sorted(tables + swap_tables(rows), key=lambda table: table.title[0])


def palette_tables(rows: list[dict[str, Any]], title: str) -> list[Figures]:
    """Return the table of `misses` by the palette benchmark's own figures; swaps that asked no colour have no share."""
    asked = [row for row in rows if row["misses"]]
    if not asked:
        return []
    mean, worst = palette.BARS
    lines = []
    for group, figure in palette.figures(asked).items():
        holds = figure["mean"] <= mean and figure["p95"] <= worst
        found = [f"{figure[key]:.2f}" for key in ("mean", "p95", "worst")]
        within = [f"{share:.0%}" for share in figure["within"]]
        lines.append((group, *found, *within, f"mean ≤ {mean:.0f}, p95 ≤ {worst:.0f}", _verdict(holds)))
    headings = ("by", "mean", "p95", "worst", f"≤ {mean:.0f}", f"≤ {worst:.0f}", "bar", "")
    note = f"ΔE00 of the asked colours on the delivered files; swaps: {len(asked)}."
    return [Figures(f"5 Palette, {title}", headings, tuple(lines), note)]


def cutout_tables(rows: dict[str, dict[str, Any]]) -> list[Figures]:
    """Return the tables of `cutout` rows: the sets side by side, then each alone."""
    sets: dict[str, dict[str, dict[str, Any]]] = {}
    for name, row in rows.items():
        sets.setdefault(row.get("set", ""), {})[name] = row
    tables = [table for name, some in sets.items() for table in set_tables(some, name if len(sets) > 1 else "")]
    return [*beside_tables(sets), *tables] if len(sets) > 1 else tables


def beside_tables(sets: dict[str, dict[str, dict[str, Any]]]) -> list[Figures]:
    """Return the table of the means of several sets of `cutout` rows, set beside set."""
    met = {name: [row for row in rows.values() if "ours" in row] for name, rows in sets.items()}
    met = {name: rows for name, rows in met.items() if rows}
    if not met:
        return []
    lines = []
    for figure in ("madb", "sad", "mse", "mae", "iou"):
        cells = []
        for rows in met.values():
            ours, plain = (float(np.mean([row[who][figure] for row in rows])) for who in ("ours", "plain"))
            cells += [f"{ours:.3f}", f"{plain:.3f}", f"{100 * (ours / plain - 1):+.1f} %"]
        lines.append((figure, *cells))
    for bound in (0.8, 0.9):
        cells = []
        for rows in met.values():
            cells += [f"{100 * np.mean([row[who]['iou'] < bound for row in rows]):.1f} %" for who in ("ours", "plain")]
            cells.append("")
        lines.append((f"iou < {bound}", *cells))
    headings = ["", *(cell for name in met for cell in (name, "plain", "change"))]
    note = "Means. " + "; ".join(f"{name}: {len(rows)} pictures" for name, rows in met.items()) + "."
    return [Figures("1 Cut-out, set beside set", tuple(headings), tuple(lines), note)]


def set_tables(rows: dict[str, dict[str, Any]], name: str = "") -> list[Figures]:
    """Return the tables of one set's `cutout` rows: ours against plain, holes, and picture by picture."""
    met = {key: row for key, row in rows.items() if "ours" in row}
    if not met:
        return []
    of = f" ({name})" if name else ""
    bars = {"madb": -30.0, "sad": -15.0, "mse": 0.0, "mae": None, "iou": None}
    lines = []
    for figure, bar in bars.items():
        ours, plain = (np.array([row[who][figure] for row in met.values()]) for who in ("ours", "plain"))
        change = 100 * (ours.mean() / plain.mean() - 1)
        worse = f"{(ours > 1.05 * plain).sum()}" if figure != "iou" else f"{(ours < 0.95 * plain).sum()}"
        means = [f"{value:.3f}" for value in (ours.mean(), np.median(ours), plain.mean(), np.median(plain))]
        verdict = ("", "") if bar is None else (f"≤ {bar:.0f} %", _verdict(bool(change <= bar)))
        lines.append((figure, *means, f"{change:+.1f} %", worse, *verdict))
    for bound in (0.8, 0.9):
        failed = [100 * np.mean([row[who]["iou"] < bound for row in met.values()]) for who in ("ours", "plain")]
        lines.append((f"iou < {bound}", f"{failed[0]:.1f} %", "", f"{failed[1]:.1f} %", "", "", "", "", ""))
    worst = max(sum(r["ours"][f] > 1.05 * r["plain"][f] for r in met.values()) for f in ("madb", "sad"))
    share = 100 * worst / len(met)
    lines.append(("worse pictures", *[""] * 4, f"{share:.1f} %", str(worst), "≤ 10 %", _verdict(share <= 10)))
    timed = [row["cpu"] for row in met.values() if "cpu" in row]
    if timed:
        ours, plain = (np.array([cpu[who] for cpu in timed]) for who in ("ours", "plain"))
        more = float(np.median(ours - plain))
        middle = ("", f"{np.median(ours):.2f}", "", f"{np.median(plain):.2f}", f"{more:+.2f} s", "")
        lines.append(("CPU s at 2000²", *middle, "≤ +1.0 s", _verdict(more <= 1)))
    refused = [f"{key} ({row['refused']})" for key, row in rows.items() if "refused" in row]
    note = (
        f"{len(met)} pictures with true alpha. madb: mean |alpha error| x1000 within 1 % of the long side of the edge; "
        "sad /1000; mse and mae x1000. Change: of the means. Worse: by more than 5 %, by madb or sad. Plain: "
        "rembg.remove with the same network and its default naive cut-out. CPU: one thread."
        + (f" Refused by us and left out: {', '.join(refused)}." if refused else "")
    )
    headings = ("", "ours", "median", "plain", "median", "change", "worse", "bar", "")
    return [
        Figures(f"1 Cut-out against plain rembg{of}", headings, tuple(lines), note),
        *_holes_table(met, of),
        _each_table(met, of),
    ]


def _holes_table(rows: dict[str, dict[str, Any]], of: str) -> list[Figures]:
    lines = []
    for name, row in rows.items():
        if "holes" in row:
            holes, warned = row["holes"], row["warnings"]
            verdict = "pass" if holes["ours"] >= OPEN else "warn" if "low_confidence" in warned else "fail"
            shares = (f"{100 * holes['area']:.1f} %", f"{holes['ours']:.2f}", f"{holes['plain']:.2f}")
            lines.append((name, *shares, ", ".join(warned), verdict))
    note = (
        f"Background that the product encloses. Open: share of its pixels with alpha below 0.5. Pass: {OPEN} open; "
        "warn: low_confidence said."
    )
    headings = ("picture", "of product", "open, ours", "open, plain", "warnings", "")
    return [Figures(f"2 Holes{of}", headings, tuple(lines), note)] if lines else []


def _each_table(rows: dict[str, dict[str, Any]], of: str) -> Figures:
    lines = tuple(
        (name, *(f"{row[who][figure]:.2f}" for figure in ("madb", "sad", "mse", "iou") for who in ("ours", "plain")))
        for name, row in sorted(rows.items(), key=lambda item: -item[1]["ours"]["madb"])
    )
    headings = ("picture", "madb", "plain", "sad", "plain", "mse", "plain", "iou", "plain")
    return Figures(f"1 Cut-out, picture by picture{of}", headings, lines)


def halo_tables(rows: dict[str, dict[str, Any]]) -> list[Figures]:
    """Return the table of `halo` rows."""
    met = [row for row in rows.values() if "ours_soft" in row]
    if not met:
        return []
    lines = []
    for region, name in (("soft", "soft edge + 2 px"), ("band", "1 % band")):
        ours, plain = (np.array([row[f"{who}_{region}"] for row in met]) for who in ("ours", "plain"))
        ratio = ours.mean() / plain.mean()
        figures = [f"{v:.2f}" for v in (ours.mean(), np.median(ours), plain.mean(), np.median(plain), ratio)]
        lines.append(
            (name, *figures, f"{(ours <= plain / 2).sum()} of {len(met)}", "≤ 0.5", _verdict(bool(ratio <= 0.5)))
        )
    note = (
        "ΔE00 against the same product composited in linear light with its true alpha and colours estimated for it "
        "(pymatting, multi-level, full size), mean over plain and painted backgrounds, without light wrap and shadow."
    )
    headings = ("edge", "ours", "median", "rembg + paste", "median", "ratio", "halved", "bar", "")
    return [Figures("3 Halo", headings, tuple(lines), note)]


def swap_tables(rows: dict[str, dict[str, dict[str, Any]]]) -> list[Figures]:
    """Return the tables of what was measured on delivered files: fidelity, presets and their rules, looks."""
    swaps = [row for table in ("looks", "presets") for row in rows.get(table, {}).values() if "refused" not in row]
    exact = [row for row in rows.get("fidelity", {}).values() if "refused" not in row]
    tables = []
    if swaps or exact:
        tables.append(_fidelity_table(swaps + exact, [row["exact"] for row in exact]))
    if rows.get("presets"):
        tables.append(_preset_table(list(rows["presets"].values())))
    if rows.get("looks"):
        tables.append(_looks_table(list(rows["looks"].values())))
    return tables


def _fidelity_table(swaps: list[dict[str, Any]], exact: list[dict[str, Any]]) -> Figures:
    lines = []
    changes = [row["largest"] for row in exact if row["pixels"]]
    if changes:
        pixels = f"{sum(row['pixels'] for row in exact):,} pixels of {len(changes)} swaps"
        largest = max(changes)
        lines.append(("ΔE00 before encoding", "", f"{largest:g}", pixels, "0", _verdict(largest == 0)))
    # A product without a single opaque pixel in its eroded mask has no figure.
    found = {key: np.array([r["fidelity"][key] for r in swaps if r["fidelity"][key] is not None]) for key in _BARS}
    for key, bar in _BARS.items():
        if len(found[key]):
            mean, most = float(found[key].mean()), float(found[key].max())
            held = _verdict(most <= bar)
            lines.append(
                (f"{key} ΔE00 once decoded", f"{mean:.3f}", f"{most:.3f}", f"{len(swaps)} swaps", f"≤ {bar}", held)
            )
    note = (
        "The product inside its mask eroded by 2 pixels. Before encoding: a lossless file of the same swap against the "
        "product as placed, rounded to 8 bits. Decoded: the reports' figures of the presets' own files."
    )
    return Figures("4 Fidelity", ("", "mean", "largest", "over", "bar for the largest", ""), tuple(lines), note)


def _preset_table(swaps: list[dict[str, Any]]) -> Figures:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for row in swaps:
        if "refused" in row:
            counts.setdefault((row["preset"], "photo refused"), Counter())["warn"] += 1
            continue
        for rule in row["rules"]:
            counts.setdefault((row["preset"], rule["rule"]), Counter())[rule["status"]] += 1
        mark = row["marking"]
        name = "marking " + (f"by {mark['reader']}" if mark["reader"] else "(not read: no independent reader)")
        known = "warn" if mark["reader"] is None else _verdict(mark["value"] == mark["expected"])
        counts.setdefault((row["preset"], name), Counter())[known] += 1
    lines = tuple(
        (preset, rule, *(str(count[key]) for key in STATUSES), _worst(count))
        for (preset, rule), count in counts.items()
    )
    note = (
        "Each rule of each place of publication on the delivered bytes; swaps by their result, and the worst of them."
    )
    return Figures("6 Presets", ("preset", "rule", "passed", "warned", "failed", "unchecked", ""), lines, note)


def _looks_table(swaps: list[dict[str, Any]]) -> Figures:
    done = [row for row in swaps if "refused" not in row]
    lines = [("composites", str(len(done))), ("photos refused", str(len(swaps) - len(done)))]
    lines += [(f"  {code}", str(n)) for code, n in Counter(r["refused"] for r in swaps if "refused" in r).items()]
    lines += [(f"warned: {code}", str(n)) for code, n in Counter(w for r in done for w in r["warnings"]).most_common()]
    if done:
        lines.append(("seconds a swap, median", f"{np.median([row['seconds'] for row in done]):.1f}"))
        for stage in done[0]["timings"]:
            lines.append((f"  {stage}", f"{np.median([row['timings'][stage] for row in done]):.2f}"))
    return Figures("7 Looks", ("", ""), tuple(lines), "Composites over all scenes, below; timings are wall seconds.")


def _worst(count: Counter[str]) -> str:
    return next(key for key in ("fail", "warn", "pass", "unchecked") if count[key])


def _verdict(holds: bool) -> str:
    return "pass" if holds else "fail"
