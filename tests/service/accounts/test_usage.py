"""Usage: every split adds up to the ledger, the days are UTC's, and no split reads another client's rows."""

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ulid import ULID

from service.accounts.usage import UsageReport, UsageRow, usage_report
from service.database.tables import clients, jobs, ledger, request_logs
from service.operations.archive import archive_jobs
from tests.support.caller import Caller, located
from tests.support.command_line import run
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop, render

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SPLITS = ("day", "scene", "preset", "metadata.season")
FIELDS = tuple(name for name in UsageRow.model_fields if name != "key")
#: How a job ended: status, error code, tries, and the limits that each try missed.
ENDS: list[tuple[str, str | None, int | None, list[list[str]] | None]] = [
    ("SUCCESS", None, None, None),
    ("SUCCESS", None, 1, [[]]),
    ("SUCCESS", None, 3, [["palette_mean", "sharpness"], ["sharpness"], []]),
    ("FAILURE", "not_accepted", 3, [["palette_mean"], ["sharpness"], ["sharpness"]]),
    ("FAILURE", "no_subject", None, None),
    ("FAILURE", "cancelled", None, None),
    ("NOT_STARTED", None, None, None),
]


class Books:
    """Three weeks of a client's jobs, with entries of the ledger up to two days after them, some jobs archived."""

    def __init__(self, engine: sa.Engine, seed: int, count: int = 80) -> None:
        self.engine, self.chance = engine, random.Random(seed)  # no secret
        self.client = Shop(engine, credits=0).client
        self.made, self.moved = list[dict[str, Any]](), list[dict[str, Any]]()
        for _ in range(count):
            self._job(START + self.chance.random() * 21 * DAY)
        logs = [{"request_id": one["request_id"], "client_id": self.client.id, "workflow": "w"} for one in self.made]
        self.moved.append(self._entry(None, "grant", 1000, START + DAY))
        kept = [one for one in self.made if not one.pop("archived")]
        balance = sum(one["amount"] for one in self.moved)
        with engine.begin() as connection:
            connection.execute(request_logs.insert().values(body={}, body_sha256="x"), logs)
            connection.execute(jobs.insert(), kept)
            connection.execute(ledger.insert(), self.moved)
            connection.execute(clients.update().where(clients.c.id == self.client.id).values(balance=balance))
        self.made = kept

    def _job(self, at: datetime) -> None:
        kind = self.chance.choices(("swap", "preview", "cutout"), (8, 1, 1))[0]
        status, code, tries, missed = self.chance.choice(ENDS)
        cost = self.chance.choice((1, 2, 3)) if kind == "swap" else 0
        spec: dict[str, Any] = {"scene_type": self.chance.choice(("podium", "a 'quiet' shelf", "white"))}
        spec |= {"output_preset": "open_graph"}
        spec |= {"metadata": {"season": self.chance.choice(("2027", ""))}} if self.chance.random() < 0.7 else {}
        job: dict[str, Any] = {"id": str(ULID.from_datetime(at)), "request_id": str(ULID()), "created_at": at}
        job |= {
            "client_id": self.client.id,
            "spec": {} if kind == "cutout" else spec,
            "source_key": "uploads/x",
            "credits_cost": cost,
        }
        job |= {"status": status, "error_code": code, "tries": tries, "missed": missed, "progress": 1, "attempt": 1}
        job |= {"operation": "cutout" if kind == "cutout" else "swap", "preview": kind == "preview"}
        job["archived"] = status != "NOT_STARTED" and self.chance.random() < 0.2
        self.made.append(job)
        if cost:
            self.moved.append(self._entry(job["id"], "debit", -cost, at))
        if cost and status == "FAILURE":
            self.moved.append(self._entry(job["id"], "refund", cost, at + self.chance.random() * 2 * DAY))

    def _entry(self, job_id: str | None, kind: str, amount: int, at: datetime) -> dict[str, Any]:
        entry = {"id": str(ULID.from_datetime(at)), "client_id": self.client.id, "kind": kind, "amount": amount}
        return entry | {"job_id": job_id, "created_at": at}

    def expected(self, by: str, start: datetime, end: datetime) -> dict[str | None, Counter[str]]:
        """Return the sums by key, counted one by one."""
        keys = {one["id"]: one["spec"] for one in self.made}
        found: dict[str | None, Counter[str]] = {}

        def of(spec: dict[str, Any], at: datetime) -> Counter[str]:
            names = {"scene": spec.get("scene_type"), "preset": spec.get("output_preset"), "day": f"{at:%Y-%m-%d}"}
            key = names.get(by, spec.get("metadata", {}).get("season"))
            return found.setdefault(key, Counter())

        for one in self.made:
            if start <= one["created_at"] < end:
                of(one["spec"], one["created_at"]).update(_counted(one))
        for one in self.moved:
            if start <= one["created_at"] < end and one["kind"] != "grant":
                sums = of(keys.get(one["job_id"], {}), one["created_at"])
                sums["credits_spent" if one["amount"] < 0 else "credits_returned"] += abs(one["amount"])
                sums["credits_net"] -= one["amount"]
        return found


def _counted(job: dict[str, Any]) -> Iterator[str]:
    if job["operation"] == "cutout" or job["preview"]:
        yield "previews" if job["preview"] else "cutouts"
        return
    yield "ordered"
    if job["status"] == "SUCCESS":
        yield "succeeded"
        if job["tries"]:
            yield "accepted_first" if job["tries"] == 1 else "accepted_retried"
    elif job["status"] == "FAILURE":
        yield "not_accepted" if job["error_code"] == "not_accepted" else "failed"


def sums(row: UsageRow) -> dict[str, int]:
    return {name: count for name, count in row.model_dump(include=set(FIELDS)).items() if count}


def rows_of(report: UsageReport) -> dict[str | None, dict[str, int]]:
    assert len({row.key for row in report.rows}) == len(report.rows)
    return {row.key: sums(row) for row in report.rows}


def test_every_split_of_every_span_adds_up_to_the_change_of_the_balance(engine: sa.Engine) -> None:
    books, _ = Books(engine, 1), Books(engine, 2)  # the second belongs to another client
    chance = random.Random(3)  # no secret
    spans = [(START - DAY, START + 40 * DAY), (START + 3 * DAY, START + 4 * DAY)]
    middle = START + chance.random() * 20 * DAY
    spans.append((middle, middle + chance.random() * 5 * DAY))
    for start, end in spans:
        entries = [one for one in books.moved if start <= one["created_at"] < end and one["kind"] != "grant"]
        for by in SPLITS:
            report = usage_report(engine, by, start, end, books.client.id)

            expected = books.expected(by, start, end)
            assert rows_of(report) == {
                key: {name: one[name] for name in FIELDS if one[name]} for key, one in expected.items()
            }
            assert report.totals.credits_net == -sum(one["amount"] for one in entries)
            whole = {name: sum(one[name] for one in expected.values()) for name in FIELDS}
            assert sums(report.totals) == {name: count for name, count in whole.items() if count}
            first = Counter(
                limit
                for one in books.made
                if start <= one["created_at"] < end and one["missed"] and not one["preview"]
                for limit in one["missed"][0]
            )
            assert report.missed == first


def test_real_jobs_count_and_an_archived_job_keeps_its_credits(engine: sa.Engine, tmp_path: Path) -> None:
    shop = Shop(engine, credits=20)
    spec = {"scene_type": "podium", "output_preset": "open_graph"}
    done, broken, refused, waits = (shop.order(spec=spec) for _ in range(4))
    shop.jobs.succeed(shop.claim(done), render())
    shop.jobs.fail(shop.claim(broken), "no_subject", "No product stands out.")
    shop.jobs.fail(shop.claim(refused), "not_accepted", "It missed a limit.")
    shop.order(cost=0, spec=spec, preview=True)
    shop.cut_out()
    before = {by: usage_report(engine, by, None, None, shop.client.id) for by in SPLITS}
    for report in before.values():
        spent = {"credits_spent": 8, "credits_returned": 4, "credits_net": 4}
        counted = {"ordered": 4, "succeeded": 1, "not_accepted": 1, "failed": 1, "previews": 1, "cutouts": 1}
        assert sums(report.totals) == spent | counted
        assert report.totals.credits_net == 20 - shop.balance
    assert shop.job(waits).status == "NOT_STARTED"

    with (tmp_path / "old.jsonl").open("w") as out:
        assert archive_jobs(engine, out, older_than=-1.0) == 2

    for by, earlier in before.items():
        report = usage_report(engine, by, None, None, shop.client.id)
        assert report.totals.credits_net == earlier.totals.credits_net == 20 - shop.balance
        assert (report.totals.ordered, report.totals.previews) == (2, 1)
    by_scene = rows_of(usage_report(engine, "scene", None, None, shop.client.id))
    assert by_scene["podium"] == {"ordered": 2, "succeeded": 1, "previews": 1, "credits_spent": 4, "credits_net": 4}
    assert by_scene[None] == {"cutouts": 1, "credits_spent": 4, "credits_returned": 4}


def test_rows_beyond_the_most_are_one_row_and_still_add_up(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(engine, credits=100)
    for number in (1, 1, 1, 2, 2, 3, 4):
        shop.order(spec={"metadata": {"a.b-c": str(number)}})
    monkeypatch.setattr("service.accounts.usage.MOST_ROWS", 2)

    report = usage_report(engine, "metadata.a.b-c", None, None, shop.client.id)

    assert [(row.key, row.ordered, row.credits_net) for row in report.rows] == [
        ("1", 3, 6),
        ("2", 2, 4),
        ("(other)", 2, 4),
    ]
    assert (report.totals.ordered, report.totals.credits_net) == (7, 14)


def test_the_sum_of_all_clients_leaves_the_sandbox_out(engine: sa.Engine) -> None:
    live, other, sandbox = Shop(engine), Shop(engine), Shop(engine)
    with engine.begin() as connection:
        connection.execute(clients.update().where(clients.c.id == sandbox.client.id).values(sandbox=True))
    for shop, cost in ((live, 2), (live, 2), (other, 1), (sandbox, 0)):
        shop.order(cost=cost)

    every = usage_report(engine, "client", None, None, None)
    own = usage_report(engine, "client", None, None, sandbox.client.id)

    assert [(row.key, row.ordered, row.credits_net) for row in every.rows] == [
        (live.client.name, 2, 4),
        (other.client.name, 1, 1),
    ]
    assert [(row.key, row.ordered, row.credits_net) for row in own.rows] == [(sandbox.client.name, 1, 0)]


@ON_SQLITE
@pytest.mark.parametrize("by", ["day", "scene"])
def test_a_client_is_found_by_its_own_indexes(engine: sa.Engine, by: str) -> None:
    seen: list[tuple[str, Any]] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *event: seen.append(event[2:4]))
    usage_report(engine, by, START, START + 30 * DAY, str(ULID()))
    with engine.connect() as connection:
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
            for statement, parameters in [one for one in seen if one[0].startswith(("SELECT", "WITH"))]
        ]

    assert len(plans) == 2
    assert all("jobs_of_client (client_id=? AND id>? AND id<?)" in plan for plan in plans), plans
    assert "ix_ledger_client_id (client_id=?)" in plans[0], plans
    joined = ["jobs_of_client (client_id=? AND id=?)"] if by == "scene" else []
    assert [step for step in joined if f"{step} LEFT-JOIN" not in plans[0]] == [], plans
    assert plans[0].count("LEFT-JOIN") == len(joined), plans
    assert not any(f"SCAN {table}" in plan for plan in plans for table in ("jobs", "ledger")), plans


# Over HTTP, and by command


def test_a_day_is_utc_and_a_span_ends_before_its_end(caller: Caller) -> None:
    for _ in range(3):
        caller.submit(caller.body())
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    times = [midnight - timedelta(microseconds=1), midnight, midnight + DAY]
    with caller.engine.begin() as connection:
        for job_id, at in zip(connection.execute(sa.select(jobs.c.id)).scalars().all(), times, strict=True):
            then = {"id": str(ULID.from_datetime(at)), "created_at": at}
            connection.execute(jobs.update().where(jobs.c.id == job_id).values(then))
            entry = ledger.update().where(ledger.c.job_id == job_id)
            connection.execute(entry.values(then | {"job_id": then["id"]}))

    def days(query: str) -> list[tuple[str, int, int]]:
        answer = caller.get(f"/v1/usage?{query}")
        assert answer.status_code == 200, answer.text
        return [(row["key"], row["ordered"], row["credits_net"]) for row in answer.json()["rows"]]

    assert days("from=2026-03-04&to=2026-03-06") == [("2026-03-04", 1, 2), ("2026-03-05", 1, 2)]
    assert days("from=2026-03-05&to=2026-03-06") == [("2026-03-05", 1, 2)]
    assert days("from=2026-03-05T01:00:00%2B01:00&to=2026-03-06T00:00:00.000001Z") == [
        ("2026-03-05", 1, 2),
        ("2026-03-06", 1, 2),
    ]
    assert days("to=2026-03-05") == [("2026-03-04", 1, 2)]
    assert days("") == []


def test_usage_is_of_the_last_thirty_days_with_todays_rows(caller: Caller) -> None:
    caller.submit(caller.body())

    answer = caller.get("/v1/usage").json()

    for name, field in (("scene", "scene_type"), ("preset", "output_preset")):
        assert caller.get(f"/v1/usage?by={name}").json() == caller.get(f"/v1/usage?by={field}").json()
    start, end = (datetime.fromisoformat(answer[name]) for name in ("start", "end"))
    assert end - start == 30 * DAY
    assert start.time() == end.time() == datetime.min.time()
    assert [(row["ordered"], row["credits_net"]) for row in answer["rows"]] == [(1, 2)]
    assert answer["totals"] == answer["rows"][0] | {"key": None}


def test_csv_is_rfc_4180_and_no_cell_is_a_formula(caller: Caller) -> None:
    keys = ["=1+1", "+1", "-1", "@x", 'say "é", twice', "plain"]
    for key in keys:
        caller.http.post(
            "/v1/background-swap-with-spec", params={"metadata": f"k:{key}"}, json=caller.body(), headers=caller.headers
        )
    asked = caller.get("/v1/usage?by=metadata.k&format=csv")
    preferred = caller.http.get("/v1/usage?by=metadata.k", headers=caller.headers | {"Accept": "text/csv"})

    assert asked.text == preferred.text
    assert asked.headers["content-type"] == preferred.headers["content-type"] == "text/csv; charset=utf-8"
    assert asked.text.count("\r\n") == asked.text.count("\n") == 7
    rows = list(csv.DictReader(io.StringIO(asked.text, newline="")))
    assert {row["key"] for row in rows} == {"'=1+1", "'+1", "'-1", "'@x", 'say "é", twice', "plain"}
    assert list(rows[0]) == list(UsageRow.model_fields)
    assert {(row["ordered"], row["credits_net"]) for row in rows} == {("1", "2")}
    for accept in ("*/*", "application/json", "text/html", ""):
        plain = caller.http.get("/v1/usage", headers=caller.headers | {"Accept": accept})
        assert plain.headers["content-type"] == "application/json", accept


#: Bad queries, by the field that the answer names.
REFUSED = {
    "from": ("from=2026-13-01", "from=2999-01-01", "from=2024-01-01&to=2026-01-01"),
    "to": ("to=yesterday", "to=2026-03-05T00:00", "to=0001-01-05", "from=2026-03-05&to=2026-03-05"),
    "by": ("by=mood", "by=metadata.", "by=metadata.a'b", "by=client", "by=day%0A", "by="),
    "format": ("format=xml",),
}


def test_a_bad_query_is_refused_with_its_field(caller: Caller) -> None:
    for field, queries in REFUSED.items():
        for query in queries:
            assert located(caller.get(f"/v1/usage?{query}")) == {("query", field)}, query


def test_the_ledger_is_narrowed_by_dates_and_a_cursor_belongs_to_them(caller: Caller) -> None:
    for _ in range(4):
        caller.submit(caller.body())
    today = datetime.now(UTC).date()
    span = f"from={today - DAY}&to={today + 2 * DAY}"

    first = caller.get(f"/v1/credits?{span}&limit=2").json()
    second = caller.get(f"/v1/credits?{span}&limit=9&cursor={first['next_cursor']}").json()

    whole = caller.get("/v1/credits").json()
    assert first["entries"] + second["entries"] == whole["entries"]
    assert (first["balance"], second["next_cursor"]) == (whole["balance"], None)
    past = f"from={today - 9 * DAY}&to={today - 8 * DAY}"
    assert caller.get(f"/v1/credits?{past}").json() == whole | {"entries": [], "next_cursor": None}
    assert located(caller.get(f"/v1/credits?{past}&cursor={first['next_cursor']}")) == {("query", "cursor")}
    assert located(caller.get("/v1/credits?from=2026-03-05&to=2026-03-04")) == {("query", "to")}


@ON_SQLITE
def test_operators_see_acceptance_by_client_scene_preset_and_day(
    migrated_url: str, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    books, other = Books(engine, 1), Books(engine, 2)
    span = ("--from", f"{START:%Y-%m-%d}", "--to", f"{START + 30 * DAY:%Y-%m-%d}")
    for by in ("client", "scene", "preset", "day"):
        shown = json.loads(run("acceptance", *span, "--by", by, "--json").output)
        report = usage_report(engine, by, START, START + 30 * DAY, None)
        assert shown == json.loads(report.model_dump_json())
        assert run("acceptance", *span, "--by", by, "--csv").stdout_bytes == report.as_csv().encode()
    own = json.loads(run("acceptance", *span, "--client", books.client.name, "--json").output)
    assert [row["key"] for row in own["rows"]] == [books.client.name]

    text = run("acceptance", *span).output

    both = usage_report(engine, "client", START, START + 30 * DAY, None)
    accepted = both.totals.accepted_first + both.totals.accepted_retried
    judged = accepted + both.totals.not_accepted
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert {books.client.name, other.client.name, "all", "missed:"} <= set(lines)
    shares = [f"{one / judged:.1%}" for one in (both.totals.accepted_first, accepted)]
    assert lines["all"][1:5] == [str(both.totals.ordered), str(judged), *shares]
    assert f"palette_mean {both.missed['palette_mean']}" in text
    unknown, reversed_span = run("acceptance", "--client", "nobody"), run("acceptance", "--from", "2999-01-01")
    assert (unknown.exit_code, "nobody" in unknown.output) == (1, True)
    assert (reversed_span.exit_code, "--from and --to" in reversed_span.output) == (2, True)
