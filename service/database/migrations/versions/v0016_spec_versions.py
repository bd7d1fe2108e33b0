"""Versions of jobs' specs: a claim passes over the jobs that only a newer release can do.

The release before works on it: what it stores has version 1, which every worker can do, and it claims whatever waits.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the version: 1 in all that is there."""
    op.add_column("jobs", sa.Column("spec_version", sa.Integer, nullable=False, server_default="1"))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("jobs", "spec_version")
