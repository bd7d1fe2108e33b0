"""Spec versions, indexes for the sweep and for kinds of work, retired webhook secrets, the installation's fingerprint.

The previous release works with this schema. Its jobs have spec version 1, it signs with the two latest secrets, deletes
no job, and ignores the other additions. PostgreSQL blocks writes to a table while it builds an index on it. SQLite
copies the ledger once.
"""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0020"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEXES: tuple[tuple[str, str, tuple[str, ...], str | None], ...] = (
    ("jobs_of_photo", "jobs", ("source_key",), None),
    ("masks_by_key", "stored_objects", ("key", "used_at"), "bucket = 'masks' AND doomed_at IS NULL"),
    *((f"cutouts_by_{name}", "cutouts", (name,), None) for name in ("mask_key", "preview_key", "photo_key")),
    *((f"mended_by_{name}", "mended_masks", (name,), None) for name in ("mask_key", "base_key", "preview_key")),
    ("ended_deliveries", "deliveries", ("ended_at",), "ended_at IS NOT NULL"),
    ("objects_of_attempts", "stored_objects", ("job_id",), "job_id IS NOT NULL"),
    (
        *("unfinished_turns_by_kind", "jobs", ("preview", "operation", "turn", "id")),
        "status IN ('NOT_STARTED', 'IN_PROGRESS')",
    ),
)
_LEDGER = sa.Table(
    "ledger",
    sa.MetaData(),
    sa.Column("id", sa.String(26), primary_key=True),
    sa.Column("client_id", sa.String(26), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("job_id", sa.String(26)),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.UniqueConstraint("job_id", "kind", name="ledger_once"),
    sa.CheckConstraint(
        "(kind = 'grant' AND job_id IS NULL AND amount > 0)"
        " OR (kind = 'debit' AND job_id IS NOT NULL AND amount <= 0)"
        " OR (kind = 'refund' AND job_id IS NOT NULL AND amount >= 0)",
        name="ledger_kind_fits",
    ),
    sa.ForeignKeyConstraint(["client_id"], ["clients.id"]),
)


def upgrade() -> None:
    """Add all columns, tables and indexes. Drop the ledger's foreign key, because its rows outlive archived jobs."""
    op.add_column("jobs", sa.Column("spec_version", sa.Integer, nullable=False, server_default="1"))
    op.add_column("webhooks", sa.Column("secrets_retired", sa.Text, nullable=True))
    op.add_column("webhooks", sa.Column("rotation_key", sa.String(255), nullable=True))
    for name, table, columns, where in _INDEXES:
        some = None if where is None else sa.text(where)
        op.create_index(name, table, list(columns), postgresql_where=some, sqlite_where=some)
    op.create_table(
        "installation",
        sa.Column("one", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("fingerprint", sa.JSON(), nullable=False),
        sa.Column("marked_at", Timestamp, nullable=False),
        sa.Column("held_at", Timestamp, nullable=True),
        sa.CheckConstraint("one = 1", name="one_installation"),
        sa.PrimaryKeyConstraint("one"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE ledger DROP CONSTRAINT IF EXISTS ledger_job_id_fkey")
    else:
        with op.batch_alter_table("ledger", copy_from=_LEDGER, recreate="always"):
            pass
        op.create_index("ix_ledger_client_id", "ledger", ["client_id"])


def downgrade() -> None:
    """Drop them. The foreign key is not restored: the previous release works without it, and jobs may be archived."""
    op.drop_table("installation")
    for name, table, *_ in _INDEXES:
        op.drop_index(name, table)
    for table, name in (("webhooks", "rotation_key"), ("webhooks", "secrets_retired"), ("jobs", "spec_version")):
        op.drop_column(table, name)
