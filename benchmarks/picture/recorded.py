"""The figures that the rows make, for the results."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Measured
from benchmarks.picture.faults import FAIR, RIGHT, WRONG

Rows = dict[str, dict[str, Any]]


def recorded(rows: dict[str, Rows]) -> Iterator[tuple[str, list[Measured]]]:
    """Yield a room and its figures for each table of `rows`, by table and key. Names begin with the set if several."""
    found = {table: [row for row in some.values() if "refused" not in row] for table, some in rows.items()}
    sets = {row["set"] for row in found.get("cutout", []) + found.get("halo", [])}
    for name in sorted(sets):
        before = f"{Path(name).name.lower()}-" if len(sets) > 1 else ""
        cutouts, halos = ([row for row in found.get(table, []) if row["set"] == name] for table in ("cutout", "halo"))
        if cutouts:
            yield "cutout", list(cutout_figures(cutouts, before))
        if halos:
            yield "cutout", list(halo_figures(halos, before))


def cutout_figures(rows: list[dict[str, Any]], before: str) -> Iterator[Measured]:
    """Yield the figures of cut-outs against true alphas: Backdrop's, and those of plain rembg."""
    count = len(rows)
    for who, after, label in (("own", "", "Backdrop"), ("plain", "-plain", "plain rembg")):
        overlap = np.array([row[who]["iou"] for row in rows])
        error, edge = (float(np.mean([row[who][key] for row in rows])) for key in ("mae", "madb"))
        yield Measured(f"{before}error{after}", f"Mean absolute error of alpha, thousandths, {label}", error, "", count)
        band = "Mean absolute error of alpha within 1 % of the edge, thousandths"
        yield Measured(f"{before}edge-error{after}", f"{band}, {label}", edge, "", count)
        yield Measured(
            f"{before}iou{after}", f"Intersection over union, mean, {label}", float(overlap.mean()), "", count
        )
        for name, limit in (("failures", WRONG), ("fair", FAIR)):
            what = f"Cut-outs with an intersection over union below {limit}, {label}"
            yield Measured(f"{before}{name}{after}", what, int((overlap < limit).sum()), f"of {count} photos", count)
    judged = [("low_confidence" in row["warnings"], row["own"]["iou"]) for row in rows]
    for name, label, group in (
        ("failures", "Failed", [warned for warned, overlap in judged if overlap < WRONG]),
        ("good", "Good", [warned for warned, overlap in judged if overlap >= RIGHT]),
    ):
        if group:
            what = f"{label} cut-outs that carry `low_confidence`"
            yield Measured(f"{before}{name}-flagged", what, 100 * float(np.mean(group)), "%", len(group))


def halo_figures(rows: list[dict[str, Any]], before: str) -> Iterator[Measured]:
    """Yield the figures of composites against the true ones, in the 1 % band at the product's edge."""
    own, plain = (float(np.mean([row[f"{who}_band"] for row in rows])) for who in ("own", "plain"))
    where = "composite from the true one in the 1 % band at the product's edge, mean"
    yield Measured(f"{before}halo", f"Distance of Backdrop's {where}", own, "ΔE00", len(rows))
    yield Measured(f"{before}halo-plain", f"Distance of rembg's {where}", plain, "ΔE00", len(rows))
    ratio = "Distance in the 1 % band at the product's edge, Backdrop's over that of rembg"
    yield Measured(f"{before}halo-ratio", ratio, own / plain, "times", len(rows), "at most 0.5")
