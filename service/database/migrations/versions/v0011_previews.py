"""Previews: jobs that cost nothing, and renders that are kept for an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what tells them, false of what is there, and what finds old ones."""
    for table in ("jobs", "renders"):
        op.add_column(table, sa.Column("preview", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index(
        "previews_by_age",
        "renders",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("preview"),
        sqlite_where=sa.text("preview = 1"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("previews_by_age", "renders")
    for table in ("renders", "jobs"):
        op.drop_column(table, "preview")
