"""Listings: a client's jobs and renders are found in their order. The new indexes begin as those they replace did."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put the order into the indexes."""
    op.create_index("jobs_of_client", "jobs", ["client_id", "id"], unique=False)
    op.create_index("jobs_of_client_by_status", "jobs", ["client_id", "status", "id"], unique=False)
    op.create_index("renders_of_client", "renders", ["client_id", "public_id"], unique=False)
    op.drop_index("ix_jobs_client_id", "jobs")
    op.drop_index("ix_renders_client_id", "renders")


def downgrade() -> None:
    """Take it out again."""
    op.create_index("ix_renders_client_id", "renders", ["client_id"], unique=False)
    op.create_index("ix_jobs_client_id", "jobs", ["client_id"], unique=False)
    op.drop_index("renders_of_client", "renders")
    op.drop_index("jobs_of_client_by_status", "jobs")
    op.drop_index("jobs_of_client", "jobs")
