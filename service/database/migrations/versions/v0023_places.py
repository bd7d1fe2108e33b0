"""The number of places of an order that a job's picture is delivered for.

The previous release works with this schema: it ignores the addition. Until it is gone, its webhook messages count such
a picture once, and its lists show the first place.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("jobs", sa.Column("places", sa.SmallInteger, nullable=False, server_default="1"))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("jobs", "places")
