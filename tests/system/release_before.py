"""Run by the previous release's code on the new schema: a job of every end, a key, a webhook, a sweep.

It uses only that release's names. `test_release_before.py` starts it with that release's folder first.
"""

import json
import sys
from dataclasses import fields
from pathlib import Path

from ulid import ULID

import service
from service.accounts.clients import Accounts
from service.database.engine import create_engine
from service.diagnostics.audit import Bounds, audit
from service.jobs.intake import JobIntake, NewJob
from service.jobs.records import NewRender
from service.jobs.transitions import Jobs
from service.settings import Settings
from service.webhooks.endpoints import Webhooks
from service.webhooks.outbox import AttemptResult, DeliveryState, Outbox

_VALUES = {"width": 4, "height": 3, "bytes": 10, "seed": 7, "warnings": [], "report": {}, "preview": False}


def main() -> None:
    """Act as API, worker and sweep of that release; print the results."""
    engine = create_engine(Settings().sqlalchemy_url)
    accounts, intake = Accounts(engine), JobIntake(engine)
    jobs = Jobs(engine, lease=60, max_attempts=2)
    client, key = accounts.add(f"before-{ULID()}", credits=10)
    accounts.set_shopify_secret(client.name, "shpss_before")
    Webhooks(engine).register(client.name, "https://shop.example/hooks")
    for _ in range(4):
        spec = {"seed": 1, "output_preset": "shopify_product"}
        new = NewJob(str(ULID()), client.id, "background-swap-with-spec", {}, "", spec, "uploads/x.jpg", credits_cost=2)
        intake.create(new)
    claims = [claim for claim in (jobs.claim(), jobs.claim(), jobs.claim()) if claim is not None]
    jobs.renew_lease(claims[0], stage="decode", progress=0.1)
    made = {field.name: _VALUES.get(field.name, "x") for field in fields(NewRender)}
    jobs.succeed(claims[0], NewRender(**made | {"public_id": str(ULID()), "key": f"renders/{ULID()}"}))  # type: ignore[arg-type]  # by name
    jobs.fail(claims[1], "internal_error", "Something broke.")
    jobs.release(claims[2], count_attempt=False)
    jobs.claim_unsent(waiting=0, resend_after=0)  # type: ignore[call-arg]  # that release's signature
    jobs.fail_abandoned(max_wait=3600)
    outbox = Outbox(engine, lease=60)
    while (sending := outbox.claim()) is not None:
        outbox.record(sending, AttemptResult(DeliveryState.DELIVERED, 204))
    known = accounts.authenticate(key)
    result = {
        "code": str(Path(str(service.__file__)).parent.parent),
        "known": known is not None and known.id == client.id,
        "balance": accounts.named(client.name).balance,
        "findings": [one.rule for one in audit(engine, Bounds(max_attempts=2)).findings],
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
