"""Deleted renders keep their row, and keys have a name that their client gave them."""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty in what is there."""
    op.add_column("renders", sa.Column("deleted_at", Timestamp, nullable=True))
    op.add_column("api_keys", sa.Column("name", sa.String(120), nullable=True))


def downgrade() -> None:
    """Drop them; a render that its client deleted goes altogether, since its picture is gone."""
    op.execute("DELETE FROM renders WHERE deleted_at IS NOT NULL")
    op.drop_column("api_keys", "name")
    op.drop_column("renders", "deleted_at")
