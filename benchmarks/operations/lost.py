"""Jobs, credits and answers that a restart or an upgrade lost, a sentence each."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from benchmarks.operations.load import Answers
from benchmarks.robustness import verdict
from service.settings import Settings


def lost(engine: sa.Engine, settings: Settings, answers: Answers) -> Iterator[str]:
    """Yield lost jobs, credits and answers. Every job must have ended, and `answers` must include every order."""
    yield from (f"callers saw {outcome}, {count} times" for outcome, count in answers.bad.items())
    rows = verdict.rows_of(engine)
    promised, made = set(answers.job_ids), {row.id for row in rows}
    yield from (f"job {job_id} was promised, but does not exist" for job_id in sorted(promised - made))
    yield from (f"job {job_id} exists, but no caller got its id" for job_id in sorted(made - promised))
    for row in rows:
        if row.status != "SUCCESS" and row.error_code != "image_unreadable":
            yield f"job {row.id} ended as {row.status} {row.error_code}"
        if row.attempt != 1:
            yield f"job {row.id} took {row.attempt} attempts"
    yield from verdict.wrong_balances(engine, rows)
    command = [sys.executable, "-m", "service.cli.main", "ledger", "check", "--objects"]
    checked = subprocess.run(command, env=settings.environment(), capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        yield f"ledger check: {checked.stdout}{checked.stderr}"


def show(engine: sa.Engine, answers: Answers, findings: Sequence[str], well: str) -> None:
    """Print the answers, the jobs' ends, and the findings; `well` without findings."""
    rows = verdict.rows_of(engine)
    print("answers:", dict(sorted(answers.counts.items())))
    print("jobs:", dict(sorted(Counter(f"{row.status} {row.error_code or ''}".strip() for row in rows).items())))
    print("\n".join(findings) if findings else well)
