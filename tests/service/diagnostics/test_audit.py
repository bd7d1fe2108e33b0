"""The audit names each broken rule, and finds nothing in a sound database. Both databases."""

from collections.abc import Callable

import pytest

from service.database.clock import db_now
from service.database.tables import (
    clients,
    cutouts,
    ledger,
    renders,
    stored_objects,
)
from service.diagnostics.audit import audit
from service.diagnostics.audit_rules import Bounds, rules
from tests.service.diagnostics.books import BOUNDS, Books, debit_of
from tests.service.diagnostics.broken_rules import BREAKS


@pytest.mark.parametrize(
    ("rule", "break_it", "named"),
    [pytest.param(rule, break_it, named, id=f"{rule}, {how}") for rule, how, break_it, named in BREAKS],
)
def test_a_broken_rule_is_named_with_its_ids(
    books: Books, rule: str, break_it: Callable[[Books], None], named: Callable[[Books], str]
) -> None:
    assert books.wrong() == []

    break_it(books)

    findings = [finding for finding in books.wrong() if finding.rule == rule]
    assert named(books) in [value for finding in findings for value in finding.found.values()], books.wrong()


def test_every_rule_is_broken_by_a_test() -> None:
    assert {rule for rule, *_ in BREAKS} == {rule for rule, _ in rules(BOUNDS)}


def test_an_old_success_may_lack_its_render_where_renders_expire(books: Books) -> None:
    books.remove(renders, renders.c.job_id == books.success)
    books.change_job(books.success, finished_at=db_now(-100))

    assert [finding.rule for finding in books.wrong(Bounds(2, renders_kept=200))] == ["success_has_one_render"]
    assert books.wrong(Bounds(2, renders_kept=50)) == []
    books.deliver(books.success)
    books.deliver(books.success)
    assert [finding.rule for finding in books.wrong(Bounds(2, renders_kept=50))] == ["success_has_one_render"]


def test_a_cutout_goes_with_its_photo(books: Books) -> None:
    books.remove(cutouts, cutouts.c.job_id == books.cutout)
    books.change(stored_objects, stored_objects.c.bucket == "sources", doomed_at=db_now())

    assert books.wrong() == []


def test_an_old_preview_may_lack_its_render(books: Books) -> None:
    books.remove(renders, renders.c.job_id == books.success)
    books.change_job(books.success, preview=True, credits_cost=0, finished_at=db_now(-100))
    books.remove(ledger, debit_of(books.success))
    books.change(clients, clients.c.id == books.shop.client.id, balance=clients.c.balance + 3)

    assert [finding.rule for finding in books.wrong(Bounds(2, previews_kept=200))] == ["success_has_one_render"]
    assert books.wrong(Bounds(2, previews_kept=50)) == []


def test_the_counts_match_the_database(books: Books) -> None:
    counts = audit(books.engine, BOUNDS).counts

    assert counts == {
        "clients": 2,
        "jobs": 7,
        "jobs NOT_STARTED": 1,
        "jobs IN_PROGRESS": 2,
        "jobs SUCCESS": 2,
        "jobs FAILURE": 2,
        "renders": 1,
        "messages waiting": 4,
        "messages delivered": 0,
        "messages failed": 0,
        "messages dropped": 0,
        "secrets in the clear": 0,
        "credits granted": 105,
        "credits debited": 18,
        "credits refunded": 6,
        "credits in balances": 93,
    }
