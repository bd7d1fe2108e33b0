"""Idempotency keys that run out."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the sweep find old keys without reading every log."""
    op.create_index(
        "taken_idempotency_keys",
        "request_logs",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    )


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("taken_idempotency_keys", table_name="request_logs")
