"""Limits of clients, tries of jobs, sandbox clients, the installation's certificates, and receipts of deletions.

The previous release works with this schema: it ignores the additions. Its workers take no job with limits, because such
a job has a higher spec version.
"""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and the columns."""
    op.create_table(
        "signing_chain",
        sa.Column("one", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("certificates", sa.Text, nullable=False),
        sa.Column("keys", sa.Text, nullable=False),
        sa.Column("made_at", Timestamp, nullable=False),
    )
    op.create_table(
        "data_deletions",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("client_id", sa.String(26), sa.ForeignKey("clients.id"), nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("requested_at", Timestamp, nullable=False),
        sa.Column("completed_at", Timestamp),
    )
    op.create_index("ix_data_deletions_client_id", "data_deletions", ["client_id"])
    op.add_column("clients", sa.Column("accept", sa.Text, nullable=True))
    op.add_column("clients", sa.Column("sandbox", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("tries", sa.SmallInteger, nullable=True))
    op.add_column("jobs", sa.Column("missed", sa.JSON, nullable=True))


def downgrade() -> None:
    """Drop them."""
    for column in ("missed", "tries"):
        op.drop_column("jobs", column)
    for column in ("sandbox", "accept"):
        op.drop_column("clients", column)
    op.drop_table("data_deletions")
    op.drop_table("signing_chain")
