"""The table of warnings: precision and recall of each, with sets side by side."""

from typing import Any

from benchmarks.picture.faults import RIGHT
from benchmarks.picture.tables import Figures

#: Bars: least precision and recall of a warning, and the largest share of right cut-outs that carry a warning.
PRECISION, RECALL, ALARMS = 0.7, 0.8, 0.15
#: Warnings about the photo, which a right cut-out carries as well.
OF_THE_PHOTO = ("several_subjects", "subject_touches_edge")


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return Wilson's interval of a share at 95 %; 0 to 1 for no case."""
    if not of:
        return 0.0, 1.0
    z = 1.96
    share, square = hits / of, z * z / of
    middle, half = share + square / 2, z * (share * (1 - share) / of + square / of / 4) ** 0.5
    return (middle - half) / (1 + square), (middle + half) / (1 + square)


def warning_tables(rows: dict[str, dict[str, Any]]) -> list[Figures]:
    """Return the table of precision and recall of the warnings of `cutout` rows; bars apply to each set."""
    met = [row for row in rows.values() if "faults" in row]
    if not met:
        return []
    sets = list(dict.fromkeys(row.get("set", "") for row in met))
    lines = []
    for code in dict.fromkeys(code for row in met for code in row["faults"]):
        for name in sets:
            asked = [row for row in met if row.get("set", "") == name and code in row["faults"]]
            said, wrong = [code in row["warnings"] for row in asked], [row["faults"][code] for row in asked]
            hits = sum(one and other for one, other in zip(said, wrong, strict=True))
            lines.append((code, name, *_cells(hits, sum(said), sum(wrong), len(asked))))
    for name in sets:
        right = [row for row in met if row.get("set", "") == name and row["own"]["iou"] >= RIGHT]
        for title, left_out in (
            ("right, but carry a warning", OF_THE_PHOTO),
            ("right, but carry a warning, those of the photo included", ()),
        ):
            alarms = sum(any(code not in left_out for code in row["warnings"]) for row in right)
            holds = alarms <= ALARMS * len(right)
            bar = (f"≤ {ALARMS:.0%}", "pass" if holds else "fail") if left_out else ("", "")
            lines.append((title, name, str(len(right)), str(alarms), "", _share(alarms, len(right)), "", *bar))
    note = (
        "Against the true alpha. Shares with Wilson's intervals at 95 %. Right: IoU of "
        f"{RIGHT} or more. several_subjects and subject_touches_edge describe the photo, "
        "so right cut-outs carry them as well."
    )
    headings = ("warning", "set", "wrong", "warned", "of them right", "precision", "recall", "bar", "")
    return [Figures("8 Warnings", headings, tuple(lines), note)]


def _cells(hits: int, said: int, wrong: int, asked: int) -> tuple[str, ...]:
    holds = hits >= PRECISION * said and hits >= RECALL * wrong
    shares = (_share(hits, said), _share(hits, wrong))
    verdict = ("pass" if holds else "fail") if said or wrong else ""
    return f"{wrong} of {asked}", str(said), str(hits), *shares, f"≥ {PRECISION}, ≥ {RECALL}", verdict


def _share(hits: int, of: int) -> str:
    low, high = wilson(hits, of)
    return f"{hits / of:.2f} ({low:.2f} to {high:.2f})" if of else ""
