"""A client's lists, newest first and page by page: no duplicates, no gaps, and nothing of another client's."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from ulid import ULID

from service.database.paging import Filters
from service.jobs.listing import JOBS, RENDERS, Listings
from service.jobs.records import JobStatus
from tests.support.caller import Caller, located
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop, render


class Shelf(Shop):
    """A shop with five jobs: one waiting, one running, one failed, and two with a render."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self.listings = Listings(engine)
        orders = [self.order() for _ in range(5)]
        self.ids = sorted((one.job_id for one in orders), reverse=True)
        claims = [self.claim(one) for one in orders[:4]]
        self.jobs.fail(claims[0], "no_subject", "No product stands out.")
        for claim in claims[1:3]:
            self.jobs.succeed(claim, render())
        self.failed, self.done = orders[0].job_id, {one.job_id for one in orders[1:3]}

    def pages(self, limit: int) -> list[list[str]]:
        """Return the ids on each page, from first to last."""
        pages, cursor = [], None
        while True:
            page = self.listings.jobs(self.client.id, limit=limit, cursor=cursor)
            pages.append([job.id for job, _ in page.items])
            if (cursor := page.next_cursor) is None:
                return pages


@pytest.fixture
def shelf(engine: sa.Engine) -> Shelf:
    return Shelf(engine)


def test_the_pages_contain_each_job_once_newest_first_and_the_last_names_no_next(shelf: Shelf) -> None:
    Shelf(shelf.engine)  # another client's
    for limit, sizes in {1: [1] * 5, 2: [2, 2, 1], 4: [4, 1], 5: [5], 100: [5]}.items():
        pages = shelf.pages(limit)
        assert [len(page) for page in pages] == sizes
        assert [job_id for page in pages for job_id in page] == shelf.ids


@ON_SQLITE
def test_a_job_in_a_list_equals_the_job_by_its_id(shelf: Shelf) -> None:
    page = shelf.listings.jobs(shelf.client.id, limit=100)

    assert page.items == [shelf.jobs.get(job_id, client_id=shelf.client.id) for job_id in shelf.ids]
    assert {job.id for job, made in page.items if made is not None} == shelf.done
    assert [job.credits_refunded for job, _ in page.items if job.id == shelf.failed] == [2]


@ON_SQLITE
def test_a_status_filter_returns_only_jobs_of_that_status(shelf: Shelf) -> None:
    def of(status: JobStatus) -> int:
        page = shelf.listings.jobs(shelf.client.id, limit=100, filters=Filters(status=[status]))
        assert {job.status for job, _ in page.items} == {status}
        return len(page.items)

    assert [of(status) for status in JobStatus] == [1, 1, 2, 1]


def test_lists_are_narrowed_by_what_the_spec_says_and_all_filters_must_fit(engine: sa.Engine) -> None:
    shop, other = Shop(engine), Shop(engine)
    specs: list[dict[str, Any]] = [
        {"scene_type": "podium", "output_preset": "open_graph", "metadata": {"season": "2027", "a.b-c": 'say "é"'}},
        {"scene_type": "podium", "output_preset": "shopify_product", "metadata": {"season": "2028"}},
        {"scene_type": "a quiet 'shelf'", "output_preset": "open_graph"},
    ]
    made = []
    for each in (shop, other):
        for spec in specs:
            accepted = each.order(cost=0, spec={"seed": 1} | spec)
            each.jobs.succeed(each.claim(accepted), replace(render(), output_preset=spec["output_preset"]))
            made.append(accepted.job_id)
    shop.cut_out()
    listings = Listings(engine)
    asked: list[tuple[dict[str, Any], set[int]]] = [
        ({"scene_type": "podium"}, {0, 1}),
        ({"scene_type": "a quiet 'shelf'"}, {2}),
        ({"output_preset": "open_graph"}, {0, 2}),
        ({"metadata": {"season": "2027"}}, {0}),
        ({"metadata": {"season": "2027", "a.b-c": 'say "é"'}}, {0}),
        ({"metadata": {"season": "2027", "a.b-c": "say"}}, set()),
        ({"metadata": {"a": "2027"}}, set()),
        ({"scene_type": "podium", "output_preset": "open_graph", "metadata": {"season": "2028"}}, set()),
        ({"scene_type": "podium", "output_preset": "open_graph", "status": ["SUCCESS", "FAILURE"]}, {0}),
    ]
    for given, expected in asked:
        filters = Filters(**given)
        found = listings.jobs(shop.client.id, limit=10, filters=filters).items
        assert {made.index(job.id) for job, _ in found} == expected, given
        shown = listings.renders(shop.client.id, limit=10, filters=filters).items
        assert {made.index(one.job_id) for one in shown} == expected, given


def test_lists_are_narrowed_by_the_time_of_creation_to_the_microsecond(shelf: Shelf) -> None:
    (at,) = {job.created_at for job, _ in shelf.listings.jobs(shelf.client.id, limit=9).items if job.id == shelf.failed}
    tick = timedelta(microseconds=1)

    def listed(**times: datetime) -> set[str]:
        filters = Filters(**times)  # type: ignore[arg-type]  # times alone
        return {job.id for job, _ in shelf.listings.jobs(shelf.client.id, limit=9, filters=filters).items}

    assert shelf.failed in listed(created_after=at)
    assert shelf.failed not in listed(created_after=at + tick)
    assert shelf.failed in listed(created_before=at + tick)
    assert shelf.failed not in listed(created_before=at)
    assert listed(created_after=at - timedelta(days=1), created_before=at + timedelta(days=1)) == set(shelf.ids)
    for far in (datetime.min, datetime.max):
        assert len(listed(created_after=far.replace(tzinfo=UTC))) == (5 if far == datetime.min else 0)
    renders = Filters(created_after=at - timedelta(days=1), created_before=at + timedelta(days=1))
    assert len(shelf.listings.renders(shelf.client.id, limit=9, filters=renders).items) == 2
    assert shelf.listings.renders(shelf.client.id, limit=9, filters=Filters(created_before=at)).items == []


@ON_SQLITE
def test_a_filtered_list_has_pages_that_new_jobs_do_not_move(engine: sa.Engine) -> None:
    shop = Shop(engine)
    ids = [shop.order(cost=0, spec={"metadata": {"n": str(number % 2)}}).job_id for number in range(6)]
    odd = sorted(ids[1::2], reverse=True)
    listings, filters = Listings(engine), Filters(metadata={"n": "1"})
    first = listings.jobs(shop.client.id, limit=2, filters=filters)
    shop.order(cost=0, spec={"metadata": {"n": "1"}})
    second = listings.jobs(shop.client.id, limit=2, filters=filters, cursor=first.next_cursor)

    assert [job.id for job, _ in first.items + second.items] == odd
    assert second.next_cursor is None


def test_renders_are_listed_by_preset_and_by_page(shelf: Shelf) -> None:
    def listed(**narrower: Any) -> list[str]:
        preset = Filters(output_preset=narrower.pop("output_preset", None))
        page = shelf.listings.renders(shelf.client.id, filters=preset, **{"limit": 100} | narrower)
        assert [shelf.jobs.render(one.public_id, client_id=shelf.client.id) for one in page.items] == page.items
        return [one.public_id for one in page.items]

    both = listed()
    assert both == sorted(both, reverse=True)
    assert len(both) == 2
    assert [listed(limit=1), listed(limit=1, cursor=both[0]), listed(cursor=both[1])] == [both[:1], both[1:], []]
    assert (listed(output_preset="shopify_product"), listed(output_preset="open_graph")) == (both, [])


@ON_SQLITE
def test_a_new_job_moves_nothing_on_later_pages(shelf: Shelf) -> None:
    first = shelf.listings.jobs(shelf.client.id, limit=2)
    new = shelf.order()

    second = shelf.listings.jobs(shelf.client.id, limit=2, cursor=first.next_cursor)

    assert [job.id for job, _ in first.items + second.items] == shelf.ids[:4]
    assert new.job_id in shelf.pages(2)[0]


@pytest.mark.parametrize("which", ["jobs", "renders"])
def test_a_page_is_one_statement_that_reads_an_index_in_its_order(shelf: Shelf, which: str) -> None:
    filters: dict[str, list[dict[str, Any]]] = {
        "jobs": [{}, {"filters": Filters(status=[JobStatus.FAILURE])}],
        "renders": [{}],
    }
    indexes = {"jobs": ["jobs_of_client", "jobs_of_client_by_status"], "renders": ["renders_of_client"]}
    ask: Callable[..., Any] = getattr(shelf.listings, which)
    seen: list[tuple[str, Any]] = []

    def see(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    for narrower, index in zip(filters[which], indexes[which], strict=True):
        seen.clear()
        sa.event.listen(shelf.engine, "before_cursor_execute", see)
        ask(shelf.client.id, limit=3, cursor=str(ULID()), **narrower)
        sa.event.remove(shelf.engine, "before_cursor_execute", see)
        ((statement, parameters),) = seen

        with shelf.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                for plan in ("seqscan", "bitmapscan", "hashjoin", "sort"):  # preferred for small tables
                    connection.exec_driver_sql(f"SET LOCAL enable_{plan} = off")
                # On small tables the other index serves as well as this one. The transaction is rolled back.
                for other in {*indexes[which]} - {index}:
                    connection.exec_driver_sql(f"DROP INDEX {other}")
                explained = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            else:
                explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = "\n".join(str(row) for row in explained)
        assert f"{index} " in steps, steps
        assert "Sort" not in steps, steps
        assert "TEMP B-TREE" not in steps, steps


@ON_SQLITE
@pytest.mark.parametrize("which", ["jobs", "renders"])
def test_sqlite_reads_filters_by_the_spec_from_their_index(shelf: Shelf, which: str) -> None:
    seen: list[tuple[str, Any]] = []

    def see(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        seen.append((statement, parameters))

    pair = Filters(status=["SUCCESS"], metadata={"a": "1"})
    for filters in (Filters(scene_type="podium"), pair):
        sa.event.listen(shelf.engine, "before_cursor_execute", see)
        getattr(shelf.listings, which)(shelf.client.id, limit=3, filters=filters)
        sa.event.remove(shelf.engine, "before_cursor_execute", see)
        statement, parameters = next(one for one in reversed(seen) if one[0].startswith("SELECT"))
        with shelf.engine.connect() as connection:
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
        assert "jobs_of_client_with_spec (client_id=? AND operation=? AND preview=?)" in plan, plan


# Over HTTP


def test_a_list_shows_each_item_as_its_own_address_does(caller: Caller) -> None:
    accepted = [caller.submit(caller.body()).json() for _ in range(3)]
    claim = caller.claim(accepted[0]["job_id"])
    caller.jobs.succeed(claim, render())

    first = caller.get("/v1/jobs?limit=2").json()
    last = caller.get(f"/v1/jobs?limit=2&cursor={first['next_cursor']}").json()

    assert (set(first), len(first["items"]), last["next_cursor"]) == ({"items", "next_cursor"}, 2, None)
    for job in first["items"] + last["items"]:
        alone = caller.get(f"/v1/jobs/{job['job_id']}").json()
        assert without_urls(job) == without_urls(alone)
    assert {job["job_id"] for job in first["items"] + last["items"]} == {one["job_id"] for one in accepted}
    (shown,) = caller.get("/v1/renders").json()["items"]
    assert without_urls(shown) == without_urls(caller.get(f"/v1/renders/{shown['public_id']}").json())
    (success,) = caller.get("/v1/jobs?status=SUCCESS").json()["items"]
    assert without_urls(success["render"]) == without_urls(shown)


def without_urls(shown: dict[str, Any]) -> dict[str, Any]:
    """Return the item without its download URL, which differs in each answer."""
    kept = {name: value for name, value in shown.items() if name not in {"url", "url_expires_at"}}
    return kept | ({"render": without_urls(kept["render"])} if kept.get("render") else {})


#: Invalid queries, and the parameter at fault.
WRONG = [
    *((f"cursor={cursor}", "cursor") for cursor in ("nonsense", "", "%00", "8" * 26, "01j9zc6m8j5x7z9q1w3r5t7y9v")),
    ("cursor=01J9ZC6M8J5X7Z9Q1W3R5T7Y9V%0A", "cursor"),
    *((f"created_after={time}", "created_after") for time in ("", "2026-11-01", "2026-11-01T00:00:00", "now", "%00")),
    ("created_before=0001-01-01T00:00:00%2B14:00", "created_before"),
    ("created_after=2026-11-02T00:00:00Z&created_before=2026-11-02T01:00:00%2B01:00", "created_before"),
    ("scene_type=%0A", "scene_type"),
    *((f"limit={limit}", "limit") for limit in ("0", "101", "many", "")),
]


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/renders"])
def test_an_empty_list_is_a_page_and_an_invalid_query_is_named(caller: Caller, path: str) -> None:
    assert caller.get(path).json() == {"items": [], "next_cursor": None}
    for query, name in WRONG:
        assert located(caller.get(f"{path}?{query}")) == {("query", name)}, query
    which = {"/v1/jobs": "status=DONE", "/v1/renders": "output_preset=%00"}[path]
    assert located(caller.get(f"{path}?{which}&limit=0&cursor=x")) == {
        *(("query", which.partition("=")[0]), ("query", "limit"), ("query", "cursor"))
    }


def test_a_list_takes_several_statuses_and_names_a_wrong_one_or_a_wrong_pair(caller: Caller) -> None:
    waiting, failed = (caller.submit(caller.body()).json()["job_id"] for _ in range(2))
    caller.jobs.fail(caller.claim(failed), "no_subject", "No product stands out.")
    at = caller.get(f"/v1/jobs/{failed}").json()["created_at"]

    def listed(query: str) -> set[str]:
        return {job["job_id"] for job in caller.get(f"/v1/jobs?{query}").json()["items"]}

    assert listed("status=FAILURE&status=NOT_STARTED") == {waiting, failed}
    assert listed("status=FAILURE&status=SUCCESS") == {failed}
    assert failed in listed(f"created_after={at}")
    assert failed in listed(f"created_after={at.replace('Z', '+00:00')}"), "a plus that was not escaped"
    assert listed(f"created_before={at}&status=FAILURE") == set()
    wrong = caller.get("/v1/jobs?status=FAILURE&status=DONE")
    assert located(wrong) == {("query", "status")}
    assert "NOT_STARTED" in wrong.text
    assert "DONE" in wrong.text
    assert located(caller.get("/v1/jobs?metadata=season")) == {("query", "metadata", 0)}
    assert located(caller.get("/v1/renders?metadata=a:1&metadata=a:2")) == {("query", "metadata", 1)}
    assert "shopify_product" in caller.get("/v1/jobs?output_preset=shopify").text


@pytest.mark.parametrize("query", [JOBS, RENDERS], ids=["jobs", "renders"])
def test_a_list_reads_specs_whole(query: sa.Select[Any]) -> None:
    """PostgreSQL would parse a spec again for each selected field, which takes most of a list's time."""
    text = str(query.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # SQLAlchemy's

    assert "jobs.spec" in text
    assert "->" not in text
