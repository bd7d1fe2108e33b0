"""Statements that break each of the audit's rules."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from service.database.clock import db_now
from service.database.tables import (
    api_keys,
    clients,
    cutouts,
    deliveries,
    jobs,
    ledger,
    orders,
    renders,
    request_logs,
    webhooks,
)
from tests.service.diagnostics.books import Books, debit_of, log_of, message_of, refund_of


def message_id(books: Books, of: str) -> str:
    """The id of the message of a job or an order."""
    either = sa.or_(deliveries.c.job_id == of, deliveries.c.order_id == of)
    with books.engine.connect() as connection:
        return str(connection.execute(sa.select(deliveries.c.id).where(either)).scalar_one())


#: The statements that break each rule, and the id that the finding must name.
BREAKS: list[tuple[str, str, Callable[[Books], Any], Callable[[Books], str]]] = [
    (
        "client_has_a_key_that_lasts",
        "a client without keys",
        lambda b: b.remove(api_keys, api_keys.c.client_id == b.other.client.id),
        lambda b: b.other.client.id,
    ),
    (
        "secret_is_encrypted",
        "a webhook's secret in the clear",
        lambda b: b.change(webhooks, webhooks.c.client_id == b.shop.client.id, secret="whsec_in_the_clear"),
        lambda b: b.shop.client.id,
    ),
    (
        "retry_is_of_a_failure",
        "a retry of a success",
        lambda b: b.change_job(b.waiting, retry_of=b.success),
        lambda b: b.waiting,
    ),
    (
        "balance_is_the_ledgers_sum",
        "a balance one too high",
        lambda b: b.change(clients, clients.c.id == b.shop.client.id, balance=clients.c.balance + 1),
        lambda b: b.shop.client.id,
    ),
    (
        "balance_is_the_ledgers_sum",
        "credits without a ledger",
        lambda b: b.remove(ledger, ledger.c.client_id == b.other.client.id),
        lambda b: b.other.client.id,
    ),
    (
        "a_sandbox_has_no_ledger",
        "a client that was charged",
        lambda b: b.change(clients, clients.c.id == b.other.client.id, sandbox=True),
        lambda b: b.other.client.id,
    ),
    ("job_is_debited_once", "no debit", lambda b: b.remove(ledger, debit_of(b.running)), lambda b: b.running),
    ("job_is_debited_once", "two debits", lambda b: b.enter("debit", -3, b.success), lambda b: b.success),
    (
        "job_is_debited_once",
        "another amount",
        lambda b: b.change(ledger, debit_of(b.waiting), amount=-2),
        lambda b: b.waiting,
    ),
    ("failure_is_refunded_once", "no refund", lambda b: b.remove(ledger, refund_of(b.failure)), lambda b: b.failure),
    ("failure_is_refunded_once", "two refunds", lambda b: b.enter("refund", 3, b.failure), lambda b: b.failure),
    (
        "failure_is_refunded_once",
        "another amount",
        lambda b: b.change(ledger, refund_of(b.failure), amount=4),
        lambda b: b.failure,
    ),
    ("only_a_failure_is_refunded", "a success", lambda b: b.enter("refund", 3, b.success), lambda b: b.success),
    ("only_a_failure_is_refunded", "a running job", lambda b: b.enter("refund", 3, b.running), lambda b: b.running),
    (
        "success_has_one_render",
        "no render",
        lambda b: b.remove(renders, renders.c.job_id == b.success),
        lambda b: b.success,
    ),
    ("success_has_one_render", "two renders", lambda b: b.deliver(b.success), lambda b: b.success),
    ("preview_is_free", "one that costs", lambda b: b.change_job(b.waiting, preview=True), lambda b: b.waiting),
    (
        "render_is_a_preview_where_its_job_is",
        "one that goes in an hour",
        lambda b: b.change(renders, renders.c.job_id == b.success, preview=True),
        lambda b: b.success,
    ),
    (
        "refusal_has_its_preview",
        "none",
        lambda b: b.change_job(b.failure, error_code="not_accepted", tries=1, missed=[["text"]]),
        lambda b: b.failure,
    ),
    (
        "tries_fit_the_end",
        "a running job",
        lambda b: b.change_job(b.running, tries=1, missed=[[]]),
        lambda b: b.running,
    ),
    ("tries_fit_the_end", "no names", lambda b: b.change_job(b.success, tries=1), lambda b: b.success),
    (
        "tries_fit_the_end",
        "a refusal without",
        lambda b: b.change_job(b.failure, error_code="not_accepted"),
        lambda b: b.failure,
    ),
    ("only_a_success_has_a_render", "a failure", lambda b: b.deliver(b.failure), lambda b: b.failure),
    ("only_a_success_has_a_render", "a waiting job", lambda b: b.deliver(b.waiting), lambda b: b.waiting),
    (
        "only_a_success_has_a_render",
        "a cut-out",
        lambda b: b.change(renders, renders.c.job_id == b.success, job_id=b.cutout),
        lambda b: b.cutout,
    ),
    (
        "success_has_one_cutout",
        "none",
        lambda b: b.remove(cutouts, cutouts.c.job_id == b.cutout),
        lambda b: b.cutout,
    ),
    (
        "only_a_success_has_a_cutout",
        "a swap",
        lambda b: b.change(cutouts, cutouts.c.job_id == b.cutout, job_id=b.success),
        lambda b: b.success,
    ),
    ("only_a_success_has_a_cutout", "no job", lambda b: b.remove(jobs, jobs.c.id == b.cutout), lambda b: b.cutout),
    (
        "cutout_is_of_the_jobs_client",
        "another",
        lambda b: b.change(cutouts, cutouts.c.job_id == b.cutout, client_id=b.other.client.id),
        lambda b: b.cutout,
    ),
    (
        "a_cutout_costs_nothing",
        "a price",
        lambda b: b.change_job(b.cutout, credits_cost=1),
        lambda b: b.cutout,
    ),
    ("job_is_debited_once", "a line of nothing", lambda b: b.enter("debit", 0, b.cutout), lambda b: b.cutout),
    ("finished_has_its_time", "none", lambda b: b.change_job(b.success, finished_at=None), lambda b: b.success),
    ("only_finished_has_its_time", "one", lambda b: b.change_job(b.running, finished_at=db_now()), lambda b: b.running),
    (
        "only_a_running_job_is_leased",
        "a token",
        lambda b: b.change_job(b.failure, lease_token="x"),
        lambda b: b.failure,
    ),
    (
        "only_a_running_job_is_leased",
        "a time",
        lambda b: b.change_job(b.waiting, lease_until=db_now()),
        lambda b: b.waiting,
    ),
    (
        "a_running_job_has_a_lease_that_ends",
        "no time",
        lambda b: b.change_job(b.running, lease_until=None),
        lambda b: b.running,
    ),
    ("failure_has_a_code", "none", lambda b: b.change_job(b.failure, error_code=None), lambda b: b.failure),
    ("only_a_failure_has_a_code", "one", lambda b: b.change_job(b.success, error_code="x"), lambda b: b.success),
    ("attempts_are_within_bounds", "too many", lambda b: b.change_job(b.failure, attempt=3), lambda b: b.failure),
    ("attempts_are_within_bounds", "negative", lambda b: b.change_job(b.running, attempt=-1), lambda b: b.running),
    ("attempts_are_within_bounds", "unstarted", lambda b: b.change_job(b.waiting, attempt=1), lambda b: b.waiting),
    ("attempts_are_within_bounds", "none ran", lambda b: b.change_job(b.success, attempt=0), lambda b: b.success),
    ("what_ran_has_its_start", "none", lambda b: b.change_job(b.handed_back, started_at=None), lambda b: b.handed_back),
    (
        "message_tells_how_its_job_ended",
        "otherwise",
        lambda b: b.change(deliveries, message_of(b.success), type="job.failed"),
        lambda b: b.success,
    ),
    (
        "message_tells_how_its_job_ended",
        "too early",
        lambda b: b.change(deliveries, message_of(b.success), job_id=b.running),
        lambda b: b.running,
    ),
    (
        "message_tells_how_its_job_ended",
        "no job",
        lambda b: b.remove(jobs, jobs.c.id == b.failure),
        lambda b: b.failure,
    ),
    (
        "order_has_a_job_a_picture",
        "an order of one more",
        lambda b: b.change(orders, orders.c.id == b.many, pictures=2),
        lambda b: b.many,
    ),
    (
        "order_has_a_job_a_picture",
        "another price",
        lambda b: b.change(orders, orders.c.id == b.many, credits_cost=2),
        lambda b: b.many,
    ),
    (
        "order_is_complete_with_its_last_job",
        "all jobs over, and no end",
        lambda b: b.change(orders, orders.c.id == b.many, completed_at=None),
        lambda b: b.many,
    ),
    (
        "order_is_complete_with_its_last_job",
        "a job that still runs",
        lambda b: b.change_job(b.picture, status="IN_PROGRESS"),
        lambda b: b.many,
    ),
    (
        "picture_is_of_the_orders_client",
        "another client's order",
        lambda b: b.change(orders, orders.c.id == b.many, client_id=b.other.client.id),
        lambda b: b.picture,
    ),
    (
        "picture_sends_no_message",
        "a message of a picture",
        lambda b: b.change_job(b.success, order_id=b.many),
        lambda b: message_id(b, b.success),
    ),
    (
        "message_is_of_a_completed_order",
        "a message of an order that runs",
        lambda b: b.change(orders, orders.c.id == b.many, completed_at=None),
        lambda b: message_id(b, b.many),
    ),
    (
        "message_is_of_the_jobs_client",
        "another",
        lambda b: b.change(deliveries, message_of(b.failure), client_id=b.other.client.id),
        lambda b: b.failure,
    ),
    (
        "message_waits_or_is_over",
        "never sent",
        lambda b: b.change(deliveries, message_of(b.success), next_attempt_at=None),
        lambda b: b.success,
    ),
    (
        "message_waits_or_is_over",
        "over at no time",
        lambda b: b.change(deliveries, message_of(b.failure), state="delivered"),
        lambda b: b.failure,
    ),
    ("job_has_its_request_log", "none", lambda b: b.remove(request_logs, log_of(b.running)), lambda b: b.running),
    (
        "request_log_is_of_the_jobs_client",
        "another",
        lambda b: b.change(request_logs, log_of(b.waiting), client_id=b.other.client.id),
        lambda b: b.waiting,
    ),
    (
        "ledger_is_of_the_jobs_client",
        "another",
        lambda b: b.change(ledger, refund_of(b.failure), client_id=b.other.client.id),
        lambda b: b.failure,
    ),
    (
        "render_is_of_the_jobs_client",
        "another",
        lambda b: b.change(renders, renders.c.job_id == b.success, client_id=b.other.client.id),
        lambda b: b.success,
    ),
    ("refund_has_its_debit", "none", lambda b: b.remove(ledger, debit_of(b.failure)), lambda b: b.failure),
    ("render_has_its_job", "none", lambda b: b.remove(jobs, jobs.c.id == b.success), lambda b: b.success),
    (
        "job_has_its_client",
        "none",
        lambda b: b.remove(clients, clients.c.id == b.shop.client.id),
        lambda b: b.waiting,
    ),
    (
        "ledger_has_its_client",
        "none",
        lambda b: b.remove(clients, clients.c.id == b.other.client.id),
        lambda b: b.other.client.id,
    ),
    (
        "idempotency_key_is_one_requests",
        "two",
        lambda b: b.change(request_logs, log_of(b.waiting), idempotency_key="k1"),
        lambda b: "k1",
    ),
]
