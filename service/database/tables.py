"""The tables.

The database enforces the invariants. A balance never drops below zero. A job is debited once and refunded at most once.
An idempotency key belongs to one request.

Lock order. Every transaction locks rows in this order, and rows of one table in the order given, so that no two
transactions block each other. A sweep skips locked rows (SKIP LOCKED) and never waits, so its order does not matter.

    0  data_deletions           the receipt, before each page of what it deletes
    1  request_logs             by the idempotency key, for 2 s at most
    2  stored_objects, photos   by key: `use_source`; a photo's deletion has one
    3  jobs                     by id: `claim_unsent`, `renew_leases`, `set_weight`, a photo's deletion; others have one
    4  clients                  by id: turns, debits, refunds, with the ledger
    5  orders                   by id: the end of a job, before it counts the order's jobs
    6  webhooks, deliveries     the client's webhook before its messages
    7  renders                  one, or by SKIP LOCKED
    8  stored_objects, others   by key: pictures, cut-outs, scenes, masks
    9  cutouts, mended_masks    one, or by SKIP LOCKED

An insert waits in a unique index for a transaction that writes the same value, as if for a lock.
`tests/service/database/test_deadlocks.py` runs all of these transactions against each other.
"""

import sqlalchemy as sa

from service.database.clock import Timestamp, db_now

metadata = sa.MetaData()


def some_rows(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    """Return an index of the rows that fit a condition, for both databases."""
    fits = sa.text(where)
    return sa.Index(name, *columns, unique=unique, postgresql_where=fits, sqlite_where=fits)


#: SQL of the condition in indexes. `UNFINISHED` repeats it.
_UNFINISHED = "status IN ('NOT_STARTED', 'IN_PROGRESS')"
#: A secret, encrypted (`service.database.encryption`). SQLite ignores lengths, so its columns kept the old ones.
_SECRET = sa.String(1024).with_variant(sa.String(128), "sqlite")
_SHOPIFY_SECRET = sa.String(1024).with_variant(sa.String(255), "sqlite")

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("name", sa.String(120), nullable=False, unique=True),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.Column("shopify_secret", _SHOPIFY_SECRET),
    # The secret before the last rotation. Both are valid.
    sa.Column("shopify_secret_previous", _SHOPIFY_SECRET),
    # Whether requests that change something must be signed with it.
    sa.Column("signature_required", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    sa.Column("disabled_at", Timestamp),
    # Its folder in the external catalogue. NULL: only the shared part.
    sa.Column("catalogue", sa.String(120)),
    # Limits for orders that give none (`pipeline.delivery.acceptance`). NULL: none.
    sa.Column("accept", sa.Text),
    # When its refused pictures no longer count (`service.accounts.rate_limit`). NULL: it never had one.
    sa.Column("refused_until", Timestamp),
    # Whether it is for tests: nothing is charged, and its pictures have a visible watermark. Never changes.
    sa.Column("sandbox", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    # Its share of the workers, relative to a client of weight 1.
    sa.Column("weight", sa.Integer, nullable=False, default=1, server_default="1"),
    # The latest turn of its started jobs.
    sa.Column("turn", sa.BigInteger, nullable=False, default=0, server_default="0"),
    sa.CheckConstraint("balance >= 0", name="balance_not_negative"),
    sa.CheckConstraint("weight >= 1", name="weight_is_positive"),
    # The latest turn of all clients is the current virtual time.
    sa.Index("clients_by_turn", "turn"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    # SHA-256 of the key, hex. The key has 256 random bits, so a slow hash would add no protection.
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False, index=True),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    # When it expires, set by a rotation. NULL: never.
    sa.Column("expires_at", Timestamp),
    # The client's name for it.
    sa.Column("name", sa.String(120)),
    # The caller's id of the request that made it. A repeat makes no second key.
    sa.Column("operation_id", sa.String(255)),
    some_rows("key_once", "client_id", "operation_id", where="operation_id IS NOT NULL", unique=True),
)

request_logs = sa.Table(
    "request_logs",
    metadata,
    sa.Column("request_id", sa.String(26), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False),
    sa.Column("workflow", sa.String(64), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    # SHA-256 of the received bytes and the query. An earlier release compares it for an idempotency key.
    sa.Column("body_sha256", sa.String(64), nullable=False),
    # Query parameters with other values than the default. NULL: an earlier release logged the request.
    sa.Column("query", sa.JSON(none_as_null=True)),
    sa.Column("pilot_brand", sa.String(120)),
    sa.Column("idempotency_key", sa.String(255)),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    # An expired key becomes NULL, and the row stays. NULLs are never duplicates.
    sa.UniqueConstraint("client_id", "idempotency_key", name="idempotency_key_once"),
    # For the sweep: keys that have not expired yet.
    some_rows("taken_idempotency_keys", "created_at", where="idempotency_key IS NOT NULL"),
)

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True),
    # The request log of the order, with its body and its idempotency key. Each job has its own log as well.
    sa.Column("request_id", sa.ForeignKey("request_logs.request_id"), nullable=False, unique=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False),
    # The caller's own id and pairs.
    sa.Column("reference", sa.String(200)),
    sa.Column("metadata", sa.JSON, nullable=False),
    # Number of its pictures, one for each place of its jobs, and the sum of the jobs' debits.
    sa.Column("pictures", sa.Integer, nullable=False),
    sa.Column("credits_cost", sa.BigInteger, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    # When its last job ended, and when its client cancelled it.
    sa.Column("completed_at", Timestamp),
    sa.Column("cancelled_at", Timestamp),
    # For lists, in their order.
    sa.Index("orders_of_client", "client_id", "id"),
    some_rows("orders_of_client_by_reference", "client_id", "reference", "id", where="reference IS NOT NULL"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("request_id", sa.ForeignKey("request_logs.request_id"), nullable=False, unique=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False),
    # The resolved spec: scene, mood and preset as records, palette, seed. The worker adds no defaults.
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("source_key", sa.String(512), nullable=False),
    sa.Column("credits_cost", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("stage", sa.String(32)),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    # The fencing token of the running attempt. An attempt with another token changes nothing.
    sa.Column("lease_token", sa.String(26)),
    sa.Column("lease_until", Timestamp),
    # When its queue message was last sent. NULL: not on the queue.
    sa.Column("sent_at", Timestamp),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    sa.Column("started_at", Timestamp),
    sa.Column("finished_at", Timestamp),
    # Number of writes to this row.
    sa.Column(
        "revision",
        sa.BigInteger,
        nullable=False,
        default=0,
        server_default="0",
        onupdate=sa.literal_column("revision", sa.BigInteger) + 1,
    ),
    # Its place in virtual time (`service.jobs.turns`). 0, before all others: a job of an older release.
    sa.Column("turn", sa.BigInteger, nullable=False, default=0, server_default="0"),
    # The caller's own id. Several jobs may have the same.
    sa.Column("reference", sa.String(200)),
    # Kind of work: "swap" or "cutout" (`service.cutouts`).
    sa.Column("operation", sa.String(16), nullable=False, default="swap", server_default="swap"),
    # Whether it is free and its render is a preview.
    sa.Column("preview", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    # W3C trace context of its request. After its end: of the attempt that ended it.
    sa.Column("traceparent", sa.String(55)),
    sa.Column("caller_request_id", sa.String(128)),
    # The worker of its latest attempt, "host:pid", and the seconds of each stage, in order.
    sa.Column("worker", sa.String(255)),
    sa.Column("stages", sa.JSON),
    # The failed job that an operator retried as this job. This release no longer writes it.
    sa.Column("retry_of", sa.String(26)),
    # The lowest version of a worker that can run its spec (`service.catalogue.spec_versions`).
    sa.Column("spec_version", sa.Integer, nullable=False, default=1, server_default="1"),
    # Number of places of its order (photo, variant, preset) that its picture is delivered for.
    sa.Column("places", sa.SmallInteger, nullable=False, default=1, server_default="1"),
    # The order that it is a picture of. No foreign key, because SQLite would copy all jobs to drop it again.
    sa.Column("order_id", sa.String(26)),
    # Pictures made for an order with limits, and the names of the limits that each missed. NULL: it has no limits, or
    # has not ended.
    sa.Column("tries", sa.SmallInteger),
    sa.Column("missed", sa.JSON(none_as_null=True)),
    sa.CheckConstraint("status IN ('NOT_STARTED', 'IN_PROGRESS', 'SUCCESS', 'FAILURE')", name="status_known"),
    # For lists, in their order.
    sa.Index("jobs_of_client", "client_id", "id"),
    sa.Index("jobs_of_client_by_status", "client_id", "status", "id"),
    some_rows("jobs_of_client_by_reference", "client_id", "reference", "id", where="reference IS NOT NULL"),
    some_rows("cutouts_of_client", "client_id", "id", where="operation = 'cutout'"),
    # For lists by scene, preset or metadata (`service.jobs.listing`). PostgreSQL takes the frequency of values
    # only from whole indexes. SQLite chooses the index of which a query names most columns, and reads all from it.
    *(
        sa.Index(f"jobs_of_client_by_{name}", "client_id", sa.text(f"(spec ->> '{name}')"), "id").ddl_if("postgresql")
        for name in ("scene_type", "output_preset")
    ),
    sa.Index(
        "jobs_by_metadata", sa.text("CAST(spec -> 'metadata' AS JSONB) jsonb_path_ops"), postgresql_using="gin"
    ).ddl_if("postgresql"),
    sa.Index(
        *("jobs_of_client_with_spec", "client_id", "operation", "preview", "id"),
        *(
            sa.text(f"CAST(json_extract(spec, '$.{name}') AS TEXT)")
            for name in ("scene_type", "output_preset", "metadata")
        ),
        sqlite_where=sa.text("operation = 'swap'"),
    ).ddl_if("sqlite"),
    # For the sweep: unfinished jobs only.
    some_rows("unfinished_jobs", "status", "created_at", where=_UNFINISHED),
    # The jobs of a photo: those that need it, and its cut-outs.
    sa.Index("jobs_of_photo", "source_key"),
    some_rows("jobs_of_order", "order_id", "id", where="order_id IS NOT NULL"),
    # An earlier release retried a failed job once.
    some_rows("one_retry_a_job", "retry_of", where="retry_of IS NOT NULL", unique=True),
    # For workers, which take the first row. The condition is on finished_at: if a query names the status, SQLite uses
    # `unfinished_jobs` and sorts the result.
    some_rows("unfinished_turns", "turn", "id", where="finished_at IS NULL"),
    # The same by kind of work, for workers that take only some kinds, for limits and for turns.
    some_rows("unfinished_turns_by_kind", "preview", "operation", "turn", "id", where=_UNFINISHED),
    # For limits in a client's transaction, and for a client's first and last waiting job.
    some_rows("unfinished_turns_of_client", "client_id", "turn", "id", where=_UNFINISHED),
)
#: Condition of unfinished jobs. Values, not parameters: SQLite uses a partial index only if a query repeats its SQL.
UNFINISHED: sa.ColumnElement[bool] = jobs.c.status.in_(
    sa.bindparam("unfinished", ["NOT_STARTED", "IN_PROGRESS"], sa.String, expanding=True, literal_execute=True)
)

renders = sa.Table(
    "renders",
    metadata,
    sa.Column("public_id", sa.String(26), primary_key=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False),
    sa.Column("output_preset", sa.String(64), nullable=False),
    sa.Column("key", sa.String(512), nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("format", sa.String(8), nullable=False),
    sa.Column("content_type", sa.String(64), nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    # When its client deleted it. Picture, report and warnings are gone, and no answer contains it.
    sa.Column("deleted_at", Timestamp),
    # Whether it is a small picture with a watermark, kept for an hour by default.
    sa.Column("preview", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    # What its owner says about it. NULL: nothing yet.
    sa.Column("looks_right", sa.Boolean),
    sa.Index("renders_by_age", "created_at"),
    sa.Index("previews_by_age", "created_at", postgresql_where=sa.text("preview"), sqlite_where=sa.text("preview = 1")),
    # For lists, in their order.
    sa.Index("renders_of_client", "client_id", "public_id"),
)

stored_objects = sa.Table(
    "stored_objects",
    metadata,
    # "sources" or "renders". The bucket of renders also contains "cutouts" and "scenes", which can be made again, and
    # "masks", the pictures of `cutouts` and `mended_masks`.
    sa.Column("bucket", sa.String(8), primary_key=True),
    sa.Column("key", sa.String(512), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False),
    # The job whose attempt stores it. NULL for a photo, and for the picture of a render.
    sa.Column("job_id", sa.ForeignKey("jobs.id")),
    # When it was registered, or when a photo was last submitted.
    sa.Column("used_at", Timestamp, nullable=False, default=db_now()),
    # When it was marked as deleted. Its bytes follow soon. In the future if its client deleted it while an upload or an
    # attempt may still write it. It counts as deleted at once all the same.
    sa.Column("doomed_at", Timestamp),
    # Of a photo: SHA-256 of its bytes, hex, from the worker that last read it.
    sa.Column("photo_sha256", sa.String(64)),
    # Of a photo: its size, once Backdrop has stored or read it. An earlier release leaves it NULL.
    sa.Column("bytes", sa.BigInteger),
    # For a client's quota.
    some_rows("photo_bytes_of_client", "client_id", "bytes", where="bucket = 'sources' AND doomed_at IS NULL"),
    sa.Index("stored_by_age", "bucket", "used_at"),
    some_rows("photos_by_bytes", "client_id", "photo_sha256", where="photo_sha256 IS NOT NULL"),
    some_rows("attempts_pictures", "used_at", where="job_id IS NOT NULL"),
    # For PostgreSQL's check of the foreign key when a job is deleted.
    some_rows("objects_of_attempts", "job_id", where="job_id IS NOT NULL"),
    some_rows("doomed_objects", "doomed_at", where="doomed_at IS NOT NULL"),
    # For the deletion and the export of a client's data.
    some_rows("objects_of_client", "client_id", "bucket", "key", where="doomed_at IS NULL"),
    # For the sweep, which compares these keys with the masks' names below, both in order.
    some_rows("masks_by_key", "key", "used_at", where="bucket = 'masks' AND doomed_at IS NULL"),
)

extra_sources = sa.Table(
    "extra_sources",
    metadata,
    # What a job needs besides its photo: logos, a background picture, the photo of an earlier render. Written with the
    # job, and deleted with its row.
    sa.Column("job_id", sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String(512), primary_key=True),
    sa.Index("jobs_of_extra_source", "key"),
)

cutouts = sa.Table(
    "cutouts",
    metadata,
    # Also the cut-out's public id.
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False),
    sa.Column("photo_sha256", sa.String(64), nullable=False),
    # Pixels of the upright photo.
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    # In the bucket of renders: the networks' mask, its preview, and the photo at the preview's size.
    sa.Column("mask_key", sa.String(512), nullable=False),
    sa.Column("preview_key", sa.String(512), nullable=False),
    sa.Column("photo_key", sa.String(512), nullable=False),
    # Confidence, subjects and warnings.
    sa.Column("facts", sa.JSON, nullable=False),
    # The doubtful pieces and their small pictures. NULL: it has none, or an older release made it.
    sa.Column("pieces_key", sa.String(512)),
    sa.Column("sheet_key", sa.String(512)),
    *(sa.Index(f"cutouts_by_{name}", name) for name in ("mask_key", "preview_key", "photo_key")),
    *(some_rows(f"cutouts_by_{name}", name, where=f"{name} IS NOT NULL") for name in ("pieces_key", "sheet_key")),
)

mended_masks = sa.Table(
    "mended_masks",
    metadata,
    # The mask that this client's swaps use for a photo of these bytes, in place of the networks' mask.
    sa.Column("client_id", sa.ForeignKey("clients.id"), primary_key=True),
    sa.Column("photo_sha256", sa.String(64), primary_key=True),
    sa.Column("cut_by", sa.String(8), nullable=False),
    sa.Column("mask_key", sa.String(512), nullable=False),
    # The mask from which the subjects are picked, and its origin.
    sa.Column("base_key", sa.String(512), nullable=False),
    sa.Column("base_by", sa.String(8), nullable=False),
    sa.Column("preview_key", sa.String(512), nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("mended_at", Timestamp, nullable=False, default=db_now(), onupdate=db_now()),
    sa.CheckConstraint("cut_by IN ('mended', 'subjects')", name="cut_by_known"),
    sa.CheckConstraint("base_by IN ('network', 'mended')", name="base_by_known"),
    *(sa.Index(f"mended_by_{name}", name) for name in ("mask_key", "base_key", "preview_key")),
)

brands = sa.Table(
    "brands",
    metadata,
    sa.Column("client_id", sa.ForeignKey("clients.id"), primary_key=True),
    sa.Column("name", sa.String(120), primary_key=True),
    # Palette: #rrggbb. Style words: text.
    sa.Column("palette", sa.JSON, nullable=False),
    sa.Column("style_words", sa.JSON, nullable=False),
    sa.Column("seed_policy", sa.String(8), nullable=False),
    sa.Column("seed", sa.BigInteger),
    sa.Column("default_preset", sa.String(64)),
    # Options of an order by name. NULL: none.
    sa.Column("options", sa.JSON(none_as_null=True)),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    sa.Column("updated_at", Timestamp, nullable=False, default=db_now()),
    sa.CheckConstraint(
        "(seed_policy = 'pinned' AND seed IS NOT NULL) OR (seed_policy = 'free' AND seed IS NULL)",
        name="only_a_pinned_brand_has_a_seed",
    ),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False, index=True),
    # grant: credits bought, without a job. debit: a job was accepted. refund: it failed.
    sa.Column("kind", sa.String(8), nullable=False),
    # Signed. A client's amounts sum to its balance.
    sa.Column("amount", sa.BigInteger, nullable=False),
    # No foreign key, because rows outlive archived jobs.
    sa.Column("job_id", sa.String(26)),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    # Of a grant: the operator's id of it. A repeat grants nothing more.
    sa.Column("operation_id", sa.String(255)),
    some_rows("grant_once", "client_id", "operation_id", where="operation_id IS NOT NULL", unique=True),
    # One debit and at most one refund a job. Grants have no job, and NULLs are never duplicates.
    sa.UniqueConstraint("job_id", "kind", name="ledger_once"),
    sa.CheckConstraint(
        "(kind = 'grant' AND job_id IS NULL AND amount > 0)"
        " OR (kind = 'debit' AND job_id IS NOT NULL AND amount <= 0)"
        " OR (kind = 'refund' AND job_id IS NOT NULL AND amount >= 0)",
        name="ledger_kind_fits",
    ),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    # One for each client: the receiver of its jobs' messages.
    sa.Column("client_id", sa.ForeignKey("clients.id"), primary_key=True),
    sa.Column("url", sa.String(2048), nullable=False),
    sa.Column("secret", _SECRET, nullable=False),
    # The secret before the last rotation. It also signs until `previous_until`.
    sa.Column("secret_previous", _SECRET),
    sa.Column("previous_until", Timestamp),
    # Still older secrets that also sign, with the end of each (`service.webhooks.outbox.earlier_secrets`).
    sa.Column("secrets_retired", sa.Text),
    # The caller's idempotency key of the last rotation. A repeat returns the same secret.
    sa.Column("rotation_key", sa.String(255)),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    # Set when the receiver answered 410 Gone. After that, no messages are written or sent.
    sa.Column("disabled_at", Timestamp),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    # The message's id, the same in every attempt, so that receivers can drop duplicates.
    sa.Column("id", sa.String(30), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False),
    # The job or the order that it is about. Both NULL: a test.
    sa.Column("job_id", sa.ForeignKey("jobs.id")),
    sa.Column("order_id", sa.String(26)),
    sa.Column("type", sa.String(32), nullable=False),
    # JSON, exactly as it is signed and sent.
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    # The fencing token of the running attempt. The sweep that sends it owns the row until `next_attempt_at`.
    sa.Column("lease_token", sa.String(26)),
    sa.Column("next_attempt_at", Timestamp),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_error", sa.String(300)),
    sa.Column("created_at", Timestamp, nullable=False, default=db_now()),
    sa.Column("ended_at", Timestamp),
    sa.UniqueConstraint("job_id", name="one_message_a_job"),
    # NULLs are never duplicates.
    sa.Index("one_message_an_order", "order_id", unique=True),
    sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed', 'dropped')", name="delivery_state_known"),
    # For lists, in their order.
    sa.Index("deliveries_of_client", "client_id", "id"),
    # For the sweep.
    some_rows("waiting_deliveries", "next_attempt_at", where="state = 'waiting'"),
    some_rows("ended_deliveries", "ended_at", where="ended_at IS NOT NULL"),
)

workers = sa.Table(
    "workers",
    metadata,
    # Of one process. A replacement gets a new name.
    sa.Column("name", sa.String(26), primary_key=True),
    # "host:pid", as in `jobs.worker`.
    sa.Column("label", sa.String(255), nullable=False),
    # Its networks, their devices, and jobs at once.
    sa.Column("about", sa.JSON, nullable=False),
    sa.Column("started_at", Timestamp, nullable=False, default=db_now()),
    # Its latest heartbeat.
    sa.Column("seen_at", Timestamp, nullable=False, default=db_now()),
    # When an operator requested a drain, and when the worker began to comply.
    sa.Column("drain_asked_at", Timestamp),
    sa.Column("draining_since", Timestamp),
)

signing_chain = sa.Table(
    "signing_chain",
    metadata,
    # The only row: the installation's own certificates for content credentials (C2PA).
    sa.Column("one", sa.SmallInteger, primary_key=True, autoincrement=False),
    # PEM: the leaf first, then the private authority.
    sa.Column("certificates", sa.Text, nullable=False),
    # PEM of the leaf's and the authority's keys, encrypted (`service.database.encryption`).
    sa.Column("keys", sa.Text, nullable=False),
    sa.Column("made_at", Timestamp, nullable=False, default=db_now()),
)

data_deletions = sa.Table(
    "data_deletions",
    metadata,
    # Receipts of the deletion of all of a client's data. They stay.
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.id"), nullable=False, index=True),
    # Number of deleted things by kind.
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("requested_at", Timestamp, nullable=False, default=db_now()),
    sa.Column("completed_at", Timestamp),
)

installation = sa.Table(
    "installation",
    metadata,
    # The only row.
    sa.Column("one", sa.SmallInteger, primary_key=True, autoincrement=False),
    # The installation's fingerprint (`service.database.quarantine`).
    sa.Column("fingerprint", sa.JSON, nullable=False),
    sa.Column("marked_at", Timestamp, nullable=False, default=db_now()),
    # When an operator put it into quarantine.
    sa.Column("held_at", Timestamp),
    sa.CheckConstraint("one = 1", name="one_installation"),
)
