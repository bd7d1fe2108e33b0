"""The verdict on a storm detects faults, and reports none where there is none."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from benchmarks.robustness.callers import Kind, Submission, Try
from benchmarks.robustness.verdict import Row, broken_promises, wrong_balances, wrong_ends
from service.database.tables import clients
from tests.support.shop import Shop, render


def submission(*tries: Try, kind: Kind = Kind.GOOD, key: str | None = None, marker: str = "m") -> Submission:
    return Submission(kind, "c1", marker, key, list(tries))


def row(number: int = 1, marker: str = "m", status: str = "SUCCESS", error_code: str | None = None) -> Row:
    return Row(f"j{number}", f"r{number}", "c1", marker, status, error_code, cost=1, attempt=1)


def accepted(number: int = 1) -> Try:
    return Try(202, request_id=f"r{number}", job_id=f"j{number}")


LOST, AWAY = Try(0), Try(-1)


@pytest.mark.parametrize(
    ("submissions", "rows"),
    [
        ([submission(accepted())], [row()]),
        ([submission(LOST)], [row()]),
        ([submission(LOST)], []),
        ([submission(LOST, accepted(), accepted(), key="k")], [row()]),
        ([submission(Try(503, request_id="r1"), AWAY, accepted(2))], [row(2)]),
        ([submission(Try(500, "outcome_unknown", "r1"))], [row()]),
        ([submission(Try(404, request_id="r1"), kind=Kind.FOREIGN)], []),
    ],
    ids=["accepted", "lost, made", "lost, not made", "repeated", "refused, then accepted", "unknown, made", "foreign"],
)
def test_answers_that_were_kept_are_no_finding(submissions: Sequence[Submission], rows: Sequence[Row]) -> None:
    assert list(broken_promises(submissions, rows)) == []


@pytest.mark.parametrize(
    ("submissions", "rows", "said"),
    [
        ([submission(accepted())], [], "but there is None"),
        ([submission(accepted())], [replace(row(), client_id="c2")], "but there is"),
        ([submission(Try(503, "database_unavailable", "r1"))], [row()], "answered 503"),
        ([submission(Try(402, "insufficient_credits", "r1"), AWAY)], [row()], "answered 402"),
        ([submission(AWAY)], [row()], "answers for 0"),
        ([submission(LOST, LOST, key="k")], [row(1), row(2)], "2 jobs, and answers for 1"),
        ([submission(accepted(), kind=Kind.FOREIGN)], [row()], "was accepted"),
        ([], [row()], "came from no submission"),
    ],
    ids=["gone", "another's", "503", "402", "never sent", "one key, two jobs", "foreign", "from nowhere"],
)
def test_answers_that_were_not_kept_are_findings(
    submissions: Sequence[Submission], rows: Sequence[Row], said: str
) -> None:
    assert any(said in finding for finding in broken_promises(submissions, rows))


@pytest.mark.parametrize(
    ("kind", "made", "fine"),
    [
        (Kind.GOOD, row(), True),
        (Kind.GOOD, row(status="FAILURE", error_code="worker_lost"), True),
        (Kind.GOOD, row(status="FAILURE", error_code="source_gone"), False),
        (Kind.GOOD, row(status="FAILURE", error_code="internal_error"), False),
        (Kind.GOOD, row(status="IN_PROGRESS"), False),
        (Kind.BAD, row(status="FAILURE", error_code="no_subject"), True),
        (Kind.BAD, row(), False),
        (Kind.KILLED, row(), False),
    ],
)
def test_a_job_must_end_as_its_photo_or_a_trouble_explains(kind: Kind, made: Row, fine: bool) -> None:
    assert (list(wrong_ends([submission(accepted(), kind=kind)], [made])) == []) == fine


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_balance_other_than_grants_less_successes_is_a_finding(engine: sa.Engine) -> None:
    shop = Shop(engine)
    job = shop.order()
    shop.jobs.succeed(shop.claim(job), render())
    rows = [Row(job.job_id, "r", shop.client.id, "m", "SUCCESS", None, cost=2, attempt=1)]

    assert list(wrong_balances(engine, rows)) == []
    with engine.begin() as connection:
        connection.execute(clients.update().values(balance=9))
    assert len(list(wrong_balances(engine, rows))) == 1
