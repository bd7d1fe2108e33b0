"""Idempotency keys that run out, and limits on unfinished jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the sweep find old keys, and admission count a client's jobs, without reading everything."""
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
    """Drop the indexes."""
    op.drop_index("unfinished_jobs_of_client", table_name="jobs")
    op.drop_index("taken_idempotency_keys", table_name="request_logs")
