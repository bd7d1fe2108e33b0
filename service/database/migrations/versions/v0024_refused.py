"""When a client's refused pictures no longer count. The previous release ignores the column."""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("clients", sa.Column("refused_until", Timestamp, nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("clients", "refused_until")
