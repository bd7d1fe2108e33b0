"""Ids of grants and of new keys, so that a repeat of either changes nothing.

The previous release works with this schema: it ignores the columns.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None

_INDEXES = {"ledger": "grant_once", "api_keys": "key_once"}


def upgrade() -> None:
    """Add the columns, each with its unique index."""
    some = sa.text("operation_id IS NOT NULL")
    for table, index in _INDEXES.items():
        op.add_column(table, sa.Column("operation_id", sa.String(255), nullable=True))
        columns = ["client_id", "operation_id"]
        op.create_index(index, table, columns, unique=True, postgresql_where=some, sqlite_where=some)


def downgrade() -> None:
    """Drop them."""
    for table, index in _INDEXES.items():
        op.drop_index(index, table)
        op.drop_column(table, "operation_id")
