"""Tables of the rows: the values, their bars, and whether they are met."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.picture import palette
from pipeline.delivery.fidelity import MEAN, P99

#: Results of a rule. Unchecked rules need a person.
STATUSES = ("pass", "warn", "fail", "unchecked")
#: A cut-out counts as open from this share of its holes' pixels on.
OPEN = 0.9
#: Bars of the mean and of the 99th percentile of a swap's fidelity, CIEDE2000.
_BARS = {"mean": MEAN, "p99": P99}


@dataclass(frozen=True)
class Figures:
    """A table. The page shows a cell that is one of STATUSES as a chip."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    #: Explains the values and names what was left out.
    note: str = ""


def tables_of(rows: dict[str, dict[str, dict[str, Any]]]) -> list[Figures]:
    """Return every table of `rows`, which are those of `benchmarks.picture.rows` by table and key."""
    tables = [*cutout_tables(rows.get("cutout", {})), *halo_tables(rows.get("halo", {}))]
    looks = [row for row in rows.get("looks", {}).values() if "refused" not in row]
    tables += palette_tables(
        [{"misses": [one["delta_e00"] for one in row["palette_report"]["asked"]]} for row in looks]
    )
    # Titles begin with the table's number.
    return sorted(tables + swap_tables(rows), key=lambda table: table.title[0])


def palette_tables(rows: list[dict[str, Any]]) -> list[Figures]:
    """Return the table of `misses` by `palette.figures`; swaps without asked colours are left out."""
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
    return [Figures("5 Palette", headings, tuple(lines), note)]


def cutout_tables(rows: dict[str, dict[str, Any]]) -> list[Figures]:
    """Return the tables of `cutout` rows: all sets side by side, then each set."""
    sets: dict[str, dict[str, dict[str, Any]]] = {}
    for name, row in rows.items():
        sets.setdefault(row.get("set", ""), {})[name] = row
    tables = [table for name, some in sets.items() for table in set_tables(some, name if len(sets) > 1 else "")]
    return [*beside_tables(sets), *tables] if len(sets) > 1 else tables


def beside_tables(sets: dict[str, dict[str, dict[str, Any]]]) -> list[Figures]:
    """Return the table of the means of several sets of `cutout` rows, side by side."""
    met = {name: [row for row in rows.values() if "own" in row] for name, rows in sets.items()}
    met = {name: rows for name, rows in met.items() if rows}
    if not met:
        return []
    lines = []
    for figure in ("madb", "sad", "mse", "mae", "iou"):
        cells = []
        for rows in met.values():
            own, plain = (float(np.mean([row[who][figure] for row in rows])) for who in ("own", "plain"))
            cells += [f"{own:.3f}", f"{plain:.3f}", f"{100 * (own / plain - 1):+.1f} %"]
        lines.append((figure, *cells))
    for bound in (0.8, 0.9):
        cells = []
        for rows in met.values():
            cells += [f"{100 * np.mean([row[who]['iou'] < bound for row in rows]):.1f} %" for who in ("own", "plain")]
            cells.append("")
        lines.append((f"iou < {bound}", *cells))
    headings = ["", *(cell for name in met for cell in (name, "plain", "change"))]
    note = "Means. " + "; ".join(f"{name}: {len(rows)} pictures" for name, rows in met.items()) + "."
    return [Figures("1 Cut-out, sets side by side", tuple(headings), tuple(lines), note)]


def set_tables(rows: dict[str, dict[str, Any]], name: str = "") -> list[Figures]:
    """Return the tables of one set's `cutout` rows: Backdrop against plain rembg, holes, and each picture."""
    met = {key: row for key, row in rows.items() if "own" in row}
    if not met:
        return []
    of = f" ({name})" if name else ""
    bars = {"madb": -30.0, "sad": -15.0, "mse": 0.0, "mae": None, "iou": None}
    lines = []
    for figure, bar in bars.items():
        own, plain = (np.array([row[who][figure] for row in met.values()]) for who in ("own", "plain"))
        change = 100 * (own.mean() / plain.mean() - 1)
        worse = f"{(own > 1.05 * plain).sum()}" if figure != "iou" else f"{(own < 0.95 * plain).sum()}"
        means = [f"{value:.3f}" for value in (own.mean(), np.median(own), plain.mean(), np.median(plain))]
        verdict = ("", "") if bar is None else (f"≤ {bar:.0f} %", _verdict(bool(change <= bar)))
        lines.append((figure, *means, f"{change:+.1f} %", worse, *verdict))
    for bound in (0.8, 0.9):
        failed = [100 * np.mean([row[who]["iou"] < bound for row in met.values()]) for who in ("own", "plain")]
        lines.append((f"iou < {bound}", f"{failed[0]:.1f} %", "", f"{failed[1]:.1f} %", "", "", "", "", ""))
    worst = max(sum(r["own"][f] > 1.05 * r["plain"][f] for r in met.values()) for f in ("madb", "sad"))
    share = 100 * worst / len(met)
    lines.append(("worse pictures", *[""] * 4, f"{share:.1f} %", str(worst), "≤ 10 %", _verdict(share <= 10)))
    timed = [row["cpu"] for row in met.values() if "cpu" in row]
    if timed:
        own, plain = (np.array([cpu[who] for cpu in timed]) for who in ("own", "plain"))
        more = float(np.median(own - plain))
        middle = ("", f"{np.median(own):.2f}", "", f"{np.median(plain):.2f}", f"{more:+.2f} s", "")
        lines.append(("CPU s at 2000²", *middle, "≤ +1.0 s", _verdict(more <= 1)))
    refused = [f"{key} ({row['refused']})" for key, row in rows.items() if "refused" in row]
    note = (
        f"{len(met)} pictures with true alpha. madb: mean |alpha error| x1000 within 1 % of the long side of the edge; "
        "sad /1000; mse and mae x1000. Change: of the means. Worse: by more than 5 %, by madb or sad. Plain: "
        "rembg.remove with the same network and its default naive cut-out. CPU: one thread."
        + (f" Refused by Backdrop and left out: {', '.join(refused)}." if refused else "")
    )
    headings = ("", "Backdrop", "median", "plain", "median", "change", "worse", "bar", "")
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
            verdict = "pass" if holes["own"] >= OPEN else "warn" if "low_confidence" in warned else "fail"
            shares = (f"{100 * holes['area']:.1f} %", f"{holes['own']:.2f}", f"{holes['plain']:.2f}")
            lines.append((name, *shares, ", ".join(warned), verdict))
    note = (
        f"Background that the product encloses. Open: share of its pixels with alpha below 0.5. Pass: {OPEN} open; "
        "warn: the cut-out carries low_confidence."
    )
    headings = ("picture", "of product", "open, Backdrop", "open, plain", "warnings", "")
    return [Figures(f"2 Holes{of}", headings, tuple(lines), note)] if lines else []


def _each_table(rows: dict[str, dict[str, Any]], of: str) -> Figures:
    lines = tuple(
        (name, *(f"{row[who][figure]:.2f}" for figure in ("madb", "sad", "mse", "iou") for who in ("own", "plain")))
        for name, row in sorted(rows.items(), key=lambda item: -item[1]["own"]["madb"])
    )
    headings = ("picture", "madb", "plain", "sad", "plain", "mse", "plain", "iou", "plain")
    return Figures(f"1 Cut-out, picture by picture{of}", headings, lines)


def halo_tables(rows: dict[str, dict[str, Any]]) -> list[Figures]:
    """Return the table of `halo` rows."""
    met = [row for row in rows.values() if "own_soft" in row]
    if not met:
        return []
    lines = []
    for region, name in (("soft", "soft edge + 2 px"), ("band", "1 % band")):
        own, plain = (np.array([row[f"{who}_{region}"] for row in met]) for who in ("own", "plain"))
        ratio = own.mean() / plain.mean()
        figures = [f"{v:.2f}" for v in (own.mean(), np.median(own), plain.mean(), np.median(plain), ratio)]
        lines.append(
            (name, *figures, f"{(own <= plain / 2).sum()} of {len(met)}", "≤ 0.5", _verdict(bool(ratio <= 0.5)))
        )
    note = (
        "ΔE00 against the same product composited in linear light with its true alpha and colours estimated for it "
        "(pymatting, multi-level, full size), mean over plain and painted backgrounds, without light wrap and shadow."
    )
    headings = ("edge", "Backdrop", "median", "rembg + paste", "median", "ratio", "halved", "bar", "")
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
