"""Unfinished jobs in their order by kind of work: previews, cut-outs and swaps, which workers may take apart.

The release before works on it: it has no use for the index.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    unfinished = sa.text("status IN ('NOT_STARTED', 'IN_PROGRESS')")
    op.create_index(
        "unfinished_turns_by_kind",
        "jobs",
        ["preview", "operation", "turn", "id"],
        postgresql_where=unfinished,
        sqlite_where=unfinished,
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("unfinished_turns_by_kind", "jobs")
