"""References: a job keeps its caller's own id, and is found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_NAMED = sa.text("reference IS NOT NULL")


def upgrade() -> None:
    """Add the column, empty in what is there, and what finds jobs by it in their order."""
    op.add_column("jobs", sa.Column("reference", sa.String(200), nullable=True))
    op.create_index(
        "jobs_of_client_by_reference",
        "jobs",
        ["client_id", "reference", "id"],
        unique=False,
        postgresql_where=_NAMED,
        sqlite_where=_NAMED,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("jobs_of_client_by_reference", "jobs")
    op.drop_column("jobs", "reference")
