"""Idempotency keys that run out, limits on unfinished jobs, keys that are rotated."""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the sweep find old keys, and admission count a client's jobs, without reading everything; let keys end."""
    op.add_column("api_keys", sa.Column("expires_at", Timestamp, nullable=True))
    op.create_index(
        "taken_idempotency_keys",
        "request_logs",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index(
        "unfinished_jobs_of_client",
        "jobs",
        ["client_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('NOT_STARTED', 'IN_PROGRESS')"),
        sqlite_where=sa.text("status IN ('NOT_STARTED', 'IN_PROGRESS')"),
    )


def downgrade() -> None:
    """Drop the indexes and the column; keys that had ended would be good again, so they go first."""
    keys = sa.table("api_keys", sa.column("expires_at", Timestamp))
    op.execute(keys.delete().where(keys.c.expires_at.is_not(None)))
    op.drop_column("api_keys", "expires_at")
    op.drop_index("unfinished_jobs_of_client", table_name="jobs")
    op.drop_index("taken_idempotency_keys", table_name="request_logs")
