"""Jobs keep the trace and the request that they came with."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty in what is there."""
    op.add_column("jobs", sa.Column("traceparent", sa.String(55), nullable=True))
    op.add_column("jobs", sa.Column("caller_request_id", sa.String(128), nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("jobs", "caller_request_id")
    op.drop_column("jobs", "traceparent")
