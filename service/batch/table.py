"""The table of a batch: a line for each pair, for a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from service.batch.manifest.files import write_whole
from service.batch.manifest.outcome import Failed, Made, Outcome, Rejected
from service.batch.manifest.pairs import Pair

COLUMNS = (
    *("photo", "preset", "status", "error_code", "error_message", "file", "seconds", "credits", "delta_e00"),
    *("fidelity", "warnings", "job_id", "seed", "review"),
)


def write_table(path: Path, rows: Iterable[tuple[Pair, Outcome | None, str | None]]) -> None:
    """Write the table, of pairs with what a review said; a pair without an outcome has not been made yet."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    for pair, outcome, review in rows:
        line = {"photo": _harmless(pair.photo.name), "preset": pair.preset, **_line(outcome), "review": review}
        table.writerow(line)
    write_whole(path, text.getvalue().encode())


def _line(outcome: Outcome | None) -> dict[str, object]:
    match outcome:
        case Made():
            return {
                "status": "SUCCESS",
                "file": _harmless(outcome.file),
                "seconds": outcome.seconds,
                "credits": outcome.credits,
                "delta_e00": outcome.delta_e00,
                "fidelity": outcome.fidelity,
                "warnings": " ".join(outcome.warnings),
                "job_id": outcome.job_id,
                "seed": outcome.seed,
            }
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
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
