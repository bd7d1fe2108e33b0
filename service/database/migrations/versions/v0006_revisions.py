"""Revisions: every write of a job's row is counted, so that what was seen of it can be told from what came after."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count from zero."""
    op.add_column("jobs", sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Count no more."""
    op.drop_column("jobs", "revision")
