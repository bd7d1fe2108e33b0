"""The mark of an installation, by which a restored copy knows that it is one.

A table more: the release before ignores it.
"""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, empty: the sweep marks the installation when it starts."""
    op.create_table(
        "installation",
        sa.Column("one", sa.SmallInteger(), nullable=False),
        sa.Column("fingerprint", sa.JSON(), nullable=False),
        sa.Column("marked_at", Timestamp, nullable=False),
        sa.Column("held_at", Timestamp, nullable=True),
        sa.CheckConstraint("one = 1", name="one_installation"),
        sa.PrimaryKeyConstraint("one"),
    )


def downgrade() -> None:
    """Drop it: nothing holds a copy any more."""
    op.drop_table("installation")
