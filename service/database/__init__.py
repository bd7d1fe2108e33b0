"""Engines, migrations, tables, the database's clock, and commits whose answer was lost.

Order of locking. A transaction locks rows in this order, and rows of one table in the order given, so that none waits
for another crosswise. A sweep passes over rows that others hold (SKIP LOCKED): it waits for nobody, in whichever order.

    1  request_logs             by the idempotency key, for 2 s at most
    2  stored_objects, photos   one: `use_source`, a photo's deletion
    3  jobs                     by id: `claim_unsent`, `renew_leases`, `set_weight`, a photo's deletion; others have one
    4  clients                  by id: turns, debits, refunds, with the ledger
    5  webhooks, deliveries     the client's webhook before its messages
    6  renders                  one, or by SKIP LOCKED
    7  stored_objects, others   by key: pictures, cut-outs, scenes, masks
    8  cutouts, mended_masks    one, or by SKIP LOCKED

An insert waits in a unique index for whoever writes the same value, as for a lock. So a retry looks for `jobs.retry_of`
once it holds the client, and does not leave it to the index. `tests/service/database/test_deadlocks.py` plays them all
against each other.
"""
