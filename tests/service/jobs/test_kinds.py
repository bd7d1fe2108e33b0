"""Workers for some kinds of work: they start no other kind, and each kind's order is fair between clients."""

import itertools
from collections.abc import Collection
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from service.database.tables import metadata
from service.jobs.intake import JobIntake, QueueFull
from service.jobs.queue import Dispatcher, JobQueue
from service.jobs.records import Claim, Kind, Operation
from service.jobs.sweep import Sweeper
from service.jobs.transitions import Jobs
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop, Street

FIELDS: dict[Kind, dict[str, Any]] = {
    Kind.SWAP: {},
    Kind.PREVIEW: {"preview": True},
    Kind.CUTOUT: {"operation": Operation.CUTOUT, "spec": {}},
}


def taking(engine: sa.Engine, *kinds: Kind) -> Jobs:
    return Jobs(engine, lease=60, max_attempts=2, takes=kinds)


def order(street: Street, names: str, kind: Kind) -> list[str]:
    return [street.shops[name].order(0, **FIELDS[kind]).job_id for name in names]


def start(worker: Jobs) -> Claim:
    claim = worker.claim()
    assert claim is not None
    return claim


def started(street: Street, worker: Jobs, many: int) -> str:
    return "".join(street.names[start(worker).client_id] for _ in range(many))


@ON_SQLITE
@pytest.mark.parametrize("kinds", [(Kind.PREVIEW,), (Kind.CUTOUT, Kind.SWAP)])
def test_a_worker_claims_only_its_kinds(street: Street, kinds: Collection[Kind]) -> None:
    for kind in Kind:
        order(street, "ab", kind)
    worker = taking(street.engine, *kinds)

    claims = list(iter(worker.claim, None))

    assert sorted(claim.kind for claim in claims) == sorted([*kinds, *kinds])
    assert len(list(iter(street.moves.claim, None))) == 6 - len(claims), "a worker of all kinds takes the rest"


@ON_SQLITE
def test_a_kind_that_no_worker_took_gives_its_clients_no_head_start(street: Street) -> None:
    order(street, "a" * 5, Kind.PREVIEW)  # which no worker takes
    swaps = taking(street.engine, Kind.SWAP)
    order(street, "b" * 60, Kind.SWAP)
    assert started(street, swaps, 40) == "b" * 40

    order(street, "c" * 10, Kind.SWAP)

    first = started(street, swaps, 10)
    assert all(abs(first[:end].count("b") - first[:end].count("c")) <= 2 for end in range(11)), first


@ON_SQLITE
def test_a_new_weight_applies_to_each_kind(street: Street) -> None:
    for kind in (Kind.PREVIEW, Kind.CUTOUT):
        order(street, "a" * 9 + "b" * 9, kind)
    street.weigh("b", 3)

    for kind in (Kind.PREVIEW, Kind.CUTOUT):
        assert sorted(started(street, taking(street.engine, kind), 8)) == list("aa" + "bbbbbb")


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["order", "start", "all", "cancel"]), st.sampled_from("abc"), st.sampled_from(list(Kind))
    ),
    min_size=60,
    max_size=120,
)


@ON_SQLITE
def test_no_client_waits_longer_for_any_kind_than_the_rule_allows(engine: sa.Engine) -> None:
    """Under any starts by workers of one kind and of all kinds, and any cancels by clients."""
    lines = {kind: taking(engine, kind) for kind in Kind}

    @settings(max_examples=4, deadline=None, derandomize=True, database=None)
    @given(moves=MOVES)
    def check(moves: list[tuple[str, str, Kind]]) -> None:
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        street = Street(engine, *"abc")
        waiting: dict[tuple[str, Kind], list[str]] = {at: [] for at in itertools.product("abc", Kind)}
        #: Per client and kind: starts of each other client since the client's oldest job became its next one.
        passed = {at: dict.fromkeys("abc", 0) for at in waiting}
        for move, name, kind in moves:
            own = waiting[name, kind]
            if move == "order":
                if not own:
                    passed[name, kind] = dict.fromkeys("abc", 0)
                own.extend(order(street, name * 2, kind))
            elif move == "cancel" and own:
                street.cancel(name, own.pop(0))
                passed[name, kind] = dict.fromkeys("abc", 0)
            elif move in {"start", "all"}:
                claim = (lines[kind] if move == "start" else street.moves).claim()
                if claim is None:
                    continue
                who, line = street.names[claim.client_id], Kind(claim.kind)
                assert waiting[who, line].pop(0) == claim.job_id, "a client's own come in their order"
                passed[who, line] = dict.fromkeys("abc", 0)
                for other in set("abc") - {who}:
                    if waiting[other, line]:
                        passed[other, line][who] += 1
                        assert passed[other, line][who] <= 2, (other, line, who)

    check()


@ON_SQLITE
def test_a_message_that_starts_a_job_of_another_kind_is_owed_to_its_own(street: Street) -> None:
    (swap,), (preview,) = order(street, "a", Kind.SWAP), order(street, "b", Kind.PREVIEW)

    claim = street.moves.claim(message=Kind.PREVIEW)

    assert claim is not None
    assert claim.job_id == swap
    assert street.moves.claim_unsent(Kind.PREVIEW, waiting=0, resend_after=60) == [preview]


@ON_SQLITE
def test_a_lost_message_of_each_queue_is_sent_again(street: Street, valkey_url: str) -> None:
    queue = JobQueue(valkey_url.rpartition("/")[0] + "/9")
    queue._redis.flushdb()
    intake, dispatcher = JobIntake(street.engine), Dispatcher(street.moves, queue)
    sweeper = Sweeper(street.moves, queue, dispatcher, resend_after=0, max_wait=3600, intake=intake)
    for many, kind in enumerate(Kind, 1):
        ids = order(street, "a" * many, kind)
        dispatcher.send(ids[:-1], kind)  # the last one's is lost
    assert queue.waiting() == {Kind.SWAP: 0, Kind.PREVIEW: 1, Kind.CUTOUT: 2}

    sweeper.run_once()

    assert queue.waiting() == {Kind.SWAP: 1, Kind.PREVIEW: 2, Kind.CUTOUT: 3}
    sweeper.run_once()
    assert queue.size() == 6, "none is missing now"
    queue._redis.flushdb()


@ON_SQLITE
def test_a_queue_that_is_full_of_swaps_takes_previews(engine: sa.Engine) -> None:
    intake, shops = JobIntake(engine, queue_limit=1), [Shop(engine) for _ in range(2)]
    for shop in shops:
        shop.intake = intake
    shops[0].order(0)

    with pytest.raises(QueueFull):
        shops[1].order(0)
    shops[1].order(0, preview=True)


def test_a_claim_and_a_new_turn_use_the_index_of_the_kind(engine: sa.Engine) -> None:
    shop, seen = Shop(engine), list[tuple[str, Any]]()
    log = "request_logs(request_id, client_id, workflow, body, body_sha256, created_at)"
    job = "jobs(id, request_id, client_id, spec, source_key, credits_cost, status, progress, attempt, created_at, turn)"
    with engine.begin() as connection:  # a burst of swaps that no statistics cover yet
        for into, values in (
            (log, "'S' || i, :client, 'w', '{}', '', CURRENT_TIMESTAMP"),
            (job, "'J' || i, 'S' || i, :client, '{}', 'k', 0, 'NOT_STARTED', 0, 0, CURRENT_TIMESTAMP, i"),
        ):
            numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
            insert = sa.text(f"INSERT INTO {into} {numbers} SELECT {values} FROM n")
            connection.execute(insert, {"client": shop.client.id})
    sa.event.listen(engine, "before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
    assert taking(engine, Kind.PREVIEW).claim() is None
    claim = seen[-1]
    Shop(engine).order(0, preview=True)
    turn = next(one for one in seen if "UNION ALL" in one[0])

    with engine.connect() as connection:
        on_postgresql = connection.dialect.name == "postgresql"
        if on_postgresql:
            connection.exec_driver_sql("SET LOCAL enable_sort = off")  # as in a claim
        for what, (statement, parameters) in (("claim", claim), ("turn", turn)):
            explain = "EXPLAIN" if on_postgresql else "EXPLAIN QUERY PLAN"
            plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters))
            assert "unfinished_turns_by_kind" in plan, (what, plan)
            if what == "claim":
                assert not any(word in plan for word in ("Sort", "TEMP B-TREE", "SCAN", "Seq Scan")), plan
