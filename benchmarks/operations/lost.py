"""What a restart or an upgrade cost: jobs, credits and answers that were lost, a sentence each."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from benchmarks.operations.load import Answers
from service.settings import Settings
from tests.support.storm import verdict


def lost(engine: sa.Engine, settings: Settings, answers: Answers) -> Iterator[str]:
    """Yield what callers, jobs and credits lost. Every job has ended, and only what `answers` tells of was ordered."""
    yield from (f"callers saw {said}, {count} times" for said, count in answers.bad.items())
    rows = verdict.rows_of(engine)
    told, made = set(answers.job_ids), {row.id for row in rows}
    yield from (f"job {job_id} was promised, and is not there" for job_id in sorted(told - made))
    yield from (f"job {job_id} is there, and nobody was told" for job_id in sorted(made - told))
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
    """Print what was answered, how the jobs ended, and the findings, or `well` where there are none."""
    rows = verdict.rows_of(engine)
    print("answers:", dict(sorted(answers.counts.items())))
    print("jobs:", dict(sorted(Counter(f"{row.status} {row.error_code or ''}".strip() for row in rows).items())))
    print("\n".join(findings) if findings else well)
