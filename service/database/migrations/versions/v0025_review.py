"""What a render's owner says about it.

The previous release works with this schema: it ignores the column.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("renders", sa.Column("looks_right", sa.Boolean, nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("renders", "looks_right")
