"""Ledger lines that outlive their archived jobs: no foreign key from the one to the other.

The release before works on it: it deletes no job. SQLite copies the ledger once.
"""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

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
    """Drop the foreign key, and index what is asked for when a job is deleted."""
    held = sa.text("job_id IS NOT NULL")
    op.create_index("objects_of_attempts", "stored_objects", ["job_id"], postgresql_where=held, sqlite_where=held)
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE ledger DROP CONSTRAINT IF EXISTS ledger_job_id_fkey")
    else:
        with op.batch_alter_table("ledger", copy_from=_LEDGER, recreate="always"):
            pass
        op.create_index("ix_ledger_client_id", "ledger", ["client_id"])


def downgrade() -> None:
    """Drop the index. The foreign key stays away: the release before does without, and jobs may have been archived."""
    op.drop_index("objects_of_attempts", "stored_objects")
