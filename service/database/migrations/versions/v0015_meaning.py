"""Idempotency keys that stand for a request's meaning; clients whose requests have to be signed.

Nothing is rewritten, and the release before works on it: what it logs has no query, and it signs as before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns: NULL and false in what is there."""
    op.add_column("request_logs", sa.Column("query", sa.JSON, nullable=True))
    op.add_column("clients", sa.Column("signature_required", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop them; unsigned requests of every client are taken again."""
    op.drop_column("clients", "signature_required")
    op.drop_column("request_logs", "query")
