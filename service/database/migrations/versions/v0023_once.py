"""Ids of grants and keys, so that each is made once; places of an order's shared picture; a client's refused pictures.

The previous release works with this schema: it ignores the columns. Until it is gone, its webhook messages count a
picture of several places once, and its lists show the first place.
"""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_ONCE = {"ledger": "grant_once", "api_keys": "key_once"}


def upgrade() -> None:
    """Add the columns and the unique indexes."""
    for table, index in _ONCE.items():
        op.add_column(table, sa.Column("operation_id", sa.String(255), nullable=True))
        some, columns = sa.text("operation_id IS NOT NULL"), ["client_id", "operation_id"]
        op.create_index(index, table, columns, unique=True, postgresql_where=some, sqlite_where=some)
    op.add_column("jobs", sa.Column("places", sa.SmallInteger, nullable=False, server_default="1"))
    op.add_column("clients", sa.Column("refused_until", Timestamp, nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("clients", "refused_until")
    op.drop_column("jobs", "places")
    for table, index in _ONCE.items():
        op.drop_index(index, table)
        op.drop_column(table, "operation_id")
