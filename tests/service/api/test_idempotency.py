"""Idempotency keys: the first answer is repeated for a month, then the key is free, and nothing is charged twice."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from service.accounts.ledger import InsufficientCredits
from service.database.clock import db_now
from service.database.engine import create_engine
from service.database.tables import clients, request_logs
from service.jobs.intake import Accepted, IdempotencyConflict, IdempotencyInFlight, JobIntake
from service.jobs.records import Asked
from service.settings import Settings
from testkit.polling import at_once
from tests.support.caller import SWAP, Caller, located
from tests.support.databases import migrated_database
from tests.support.shop import Shop

MONTH = 30 * 86_400.0
ONCE = {"Idempotency-Key": "once"}


def age(engine: sa.Engine, seconds: float) -> None:
    """Make every request older by these seconds."""
    with engine.begin() as connection:
        connection.execute(request_logs.update().values(created_at=db_now(-seconds)))


def logs(engine: sa.Engine) -> list[tuple[str, str | None]]:
    """Return body hash and idempotency key of every request, in their order."""
    with engine.connect() as connection:
        query = sa.select(request_logs.c.body_sha256, request_logs.c.idempotency_key)
        return [tuple(row) for row in connection.execute(query.order_by(request_logs.c.created_at))]


def ordered_at_once(orders: list[dict[str, Any]], shop: Shop) -> list[Accepted | Exception]:
    """Place all these orders at the same moment and return their results."""

    def place(order: dict[str, Any]) -> Accepted | Exception:
        while True:
            try:
                return shop.order(**order)
            except IdempotencyInFlight:
                continue  # a busy machine took seconds for the first: try again, as the answer says
            except Exception as error:  # noqa: BLE001  # the test checks it
                return error

    return at_once(*(partial(place, order) for order in orders))


def test_the_same_request_after_a_month_is_a_new_request(shop: Shop) -> None:
    first = shop.order(idempotency_key="k")
    age(shop.engine, MONTH + 1)

    assert shop.intake.first_answer(shop.client.id, "k", Asked("", {}, "same", {})) is None
    second = shop.order(idempotency_key="k")
    third = shop.order(idempotency_key="k")

    assert len({first.job_id, second.job_id}) == 2
    assert (third.job_id, third.repeated) == (second.job_id, True)
    assert shop.balance == 6


def test_a_key_is_remembered_for_its_whole_month_whenever_the_sweep_runs(shop: Shop) -> None:
    first = shop.order(idempotency_key="k")
    age(shop.engine, MONTH - 60)

    assert shop.intake.free_old_keys() == 0
    assert shop.order(idempotency_key="k").job_id == first.job_id
    with pytest.raises(IdempotencyConflict):
        shop.order(idempotency_key="k", body_sha256="other")
    assert shop.balance == 8


def test_the_sweep_frees_old_keys_in_batches_and_keeps_their_logs(shop: Shop) -> None:
    for number in range(3):
        shop.order(cost=1, idempotency_key=f"old-{number}", body_sha256=f"old-{number}")
    age(shop.engine, MONTH + 1)
    shop.order(cost=1, idempotency_key="new", body_sha256="new")

    assert [shop.intake.free_old_keys(limit=2) for _ in range(3)] == [2, 1, 0]
    assert sorted(logs(shop.engine)) == [("new", "new"), ("old-0", None), ("old-1", None), ("old-2", None)]


def test_two_simultaneous_sweeps_free_every_old_key_once(shop: Shop) -> None:
    for number in range(9):
        shop.order(cost=1, idempotency_key=str(number))
    age(shop.engine, MONTH + 1)
    freed = at_once(*[lambda: shop.intake.free_old_keys(limit=5)] * 4)

    assert sum(freed) + shop.intake.free_old_keys() == 9


def test_the_same_request_ten_times_at_once_under_an_old_key_is_charged_once(shop: Shop) -> None:
    shop.order(idempotency_key="k")
    age(shop.engine, MONTH + 1)

    outcomes = ordered_at_once([{"idempotency_key": "k"}] * 10, shop)

    answers = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    assert len(answers) == 10, outcomes
    assert len({answer.job_id for answer in answers}) == 1
    assert [answer.repeated for answer in answers].count(False) == 1
    assert shop.balance == 6


def test_of_two_simultaneous_bodies_under_an_old_key_one_is_accepted_and_one_refused(shop: Shop) -> None:
    shop.order(idempotency_key="k")
    age(shop.engine, MONTH + 1)

    outcomes = ordered_at_once([{"idempotency_key": "k", "body_sha256": body} for body in ("one", "two")], shop)

    assert {type(outcome) for outcome in outcomes} == {Accepted, IdempotencyConflict}, outcomes
    assert shop.balance == 6


def test_a_key_that_expires_while_a_second_request_waits_is_free_for_it(shop: Shop) -> None:
    shop.intake = JobIntake(shop.engine, key_ttl=0.2)
    second: list[Accepted] = []
    waits = threading.Thread(target=lambda: second.append(shop.order(idempotency_key="k", body_sha256="two")))
    with shop.engine.begin() as connection:
        first = {"request_id": "first", "client_id": shop.client.id, "workflow": "x", "body": {}}
        connection.execute(request_logs.insert().values(**first, body_sha256="one", idempotency_key="k"))
        waits.start()
        time.sleep(0.5)
    waits.join()

    assert [answer.repeated for answer in second] == [False]
    assert logs(shop.engine) == [("one", None), ("two", "k")]
    assert shop.balance == 8


def test_a_refused_request_leaves_its_key_free(shop: Shop) -> None:
    with pytest.raises(InsufficientCredits):
        shop.order(cost=11, idempotency_key="k", body_sha256="dear")

    assert logs(shop.engine) == []
    assert not shop.order(cost=1, idempotency_key="k", body_sha256="cheap").repeated


@pytest.fixture
def busy_shop(postgresql_server: str, tmp_path: Path) -> Iterator[Shop]:
    """A shop on PostgreSQL alone: SQLite has one writer, so no two requests are in flight."""
    engine = create_engine(Settings(database_url=migrated_database(postgresql_server, tmp_path.name)).sqlalchemy_url)
    yield Shop(engine)
    engine.dispose()


def test_while_the_first_request_hangs_the_second_gets_in_flight(busy_shop: Shop) -> None:
    shop = busy_shop
    with shop.engine.begin() as connection:
        first = {"request_id": "first", "client_id": shop.client.id, "workflow": "x", "body": {}}
        connection.execute(request_logs.insert().values(**first, body_sha256="same", idempotency_key="k"))
        with pytest.raises(IdempotencyInFlight):
            shop.order(idempotency_key="k")

    assert shop.balance == 10


def test_a_long_lock_on_the_client_is_no_request_in_flight(busy_shop: Shop) -> None:
    shop = busy_shop
    outcomes: list[Accepted] = []
    waits = threading.Thread(target=lambda: outcomes.append(shop.order(idempotency_key="k")))
    with shop.engine.begin() as connection:
        connection.execute(clients.update().where(clients.c.id == shop.client.id).values(balance=9))
        waits.start()
        time.sleep(2.5)
        connection.execute(clients.update().where(clients.c.id == shop.client.id).values(balance=10))
    waits.join()

    assert len(outcomes) == 1
    assert shop.balance == 8


# At the API


@pytest.mark.parametrize("key", ["", "  "], ids=["empty", "blank"])
@pytest.mark.parametrize("path", [SWAP, "/v1/cutouts"])
def test_an_empty_idempotency_key_is_refused_and_nothing_is_charged(caller: Caller, path: str, key: str) -> None:
    body = caller.body() if path == SWAP else {"source_image_s3_key": caller.upload()}

    answer = caller.http.post(path, json=body, headers=caller.headers | {"Idempotency-Key": key})

    assert located(answer) == {("header", "Idempotency-Key")}
    assert "omit the header" in answer.json()["detail"][0]["msg"]
    assert caller.get("/v1/jobs").json()["items"] == []
    assert caller.balance == 100


def ask(caller: Caller, raw: bytes, query: str = "", path: str = SWAP) -> httpx.Response:
    answer = caller.http.post(f"{path}{query}", content=raw, headers=caller.headers | ONCE)
    assert isinstance(answer, httpx.Response)
    return answer


@pytest.mark.parametrize(
    ("query", "again"),
    [
        ("", ""),
        ("", "?scale=1&shift_x=0.0&preview=false"),
        ("?seed=7&scale=0.9&subject=0.2,0.7", "?subject=0.20,0.70&scale=0.90&seed=7&turn=0&stance=auto"),
        ("?metadata=a:1&metadata=b:2&width=1200&height=900", "?height=900&width=1200&metadata=b:2&metadata=a:1"),
    ],
    ids=["none", "defaults", "order", "metadata"],
)
def test_an_equivalent_request_gets_the_first_answer_again(caller: Caller, query: str, again: str) -> None:
    body = caller.body(dominant_colors=["#fffff0"])
    first = ask(caller, json.dumps(body).encode(), query)
    assert first.status_code == 202, first.text
    same = dict(reversed(body.items())) | {"source_render_public_id": "", "pilot_brand": None}
    same |= {"scene_type": "Podium", "dominant_colors": ["ivory"]}

    second = ask(caller, json.dumps(same, indent=4).encode(), again)

    assert (second.status_code, second.json()) == (202, first.json())
    assert second.headers["idempotent-replayed"] == "true"
    assert caller.balance == 100 - first.json()["credits_cost"]


@pytest.mark.parametrize(
    ("change", "query", "differs"),
    [
        ({"mood": "fresh"}, "?seed=0", "with another body: mood."),
        ({"dominant_colors": []}, "?seed=0", "with another body: dominant_colors."),
        ({}, "?seed=8&scale=0.9", "with another query: seed, scale."),
        ({}, "", "with another query: seed."),
        ({"mood": "fresh"}, "", "with another body: mood and with another query: seed."),
    ],
)
def test_a_conflict_reports_the_first_requests_time_and_whether_body_or_query_differs(
    caller: Caller, change: dict[str, Any], query: str, differs: str
) -> None:
    body = caller.body()
    assert ask(caller, json.dumps(body).encode(), "?seed=0").status_code == 202
    own = request_logs.c.client_id == caller.client.id
    with caller.engine.begin() as connection:
        connection.execute(request_logs.update().where(own).values(created_at=db_now(-3 * 86_400.0)))
        day = connection.execute(sa.select(request_logs.c.created_at).where(own)).scalar_one()
    answer = ask(caller, json.dumps(body | change).encode(), query)

    assert located(answer) == {("header", "Idempotency-Key")}
    (one,) = answer.json()["detail"]
    assert one["code"] == "idempotency_conflict"
    assert one["msg"] == f"This Idempotency-Key was used on {day:%Y-%m-%d} {differs} Send a new key"


def test_every_option_is_part_of_a_keys_request(caller: Caller) -> None:
    raw, asked = json.dumps(caller.body()).encode(), "?seed=7&shift_x=0.1&reference=a&metadata=n:a&subject=0.2,0.7"
    assert ask(caller, raw, asked).status_code == 202
    for change in (
        *("preview=true", "shift_x=0.2", "shift_y=0.1", "scale=0.5", "turn=1", "stance=lying", "format=webp"),
        *("quality=9", "width=900&height=900", "reference=b", "metadata=n:b", "subject=0.2,0.71"),
    ):
        name = change.partition("=")[0]
        kept = "&".join(one for one in asked[1:].split("&") if not one.startswith(f"{name}="))
        answer = ask(caller, raw, f"?{kept}&{change}")
        assert located(answer) == {("header", "Idempotency-Key")}, change
        assert name in answer.json()["detail"][0]["msg"]


def test_a_key_of_another_route_is_a_conflict_that_names_the_first_route(caller: Caller) -> None:
    key = json.dumps({"source_image_s3_key": caller.upload()}).encode()
    assert ask(caller, key, path="/v1/cutouts").status_code == 202
    assert ask(caller, b"\n" + key, path="/v1/cutouts").headers["idempotent-replayed"] == "true"

    answer = ask(caller, json.dumps(caller.body()).encode())

    assert "for another route: cutouts" in answer.json()["detail"][0]["msg"]


def test_a_key_that_an_earlier_release_recorded_matches_only_the_same_bytes(caller: Caller) -> None:
    raw = json.dumps(caller.body()).encode()
    first = ask(caller, raw, "?seed=7")
    with caller.engine.begin() as connection:
        # As that release logged it: the digest of body and query, and no query.
        digest = hashlib.sha256(raw + b"?seed=7").hexdigest()
        own = request_logs.c.client_id == caller.client.id
        connection.execute(request_logs.update().where(own).values(query=None, body_sha256=digest))

    assert ask(caller, raw, "?seed=7").json() == first.json()
    for other, query in ((raw + b" ", "?seed=7"), (raw, "?seed=8")):
        assert located(ask(caller, other, query)) == {("header", "Idempotency-Key")}
