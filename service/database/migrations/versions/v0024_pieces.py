"""The doubtful pieces of cut-outs.

The previous release works with this schema: it ignores the columns. Its workers' cut-outs have no pieces.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_KEYS = ("pieces_key", "sheet_key")


def upgrade() -> None:
    """Add the columns and their indexes."""
    for key in _KEYS:
        op.add_column("cutouts", sa.Column(key, sa.String(512), nullable=True))
        some = sa.text(f"{key} IS NOT NULL")
        op.create_index(f"cutouts_by_{key}", "cutouts", [key], postgresql_where=some, sqlite_where=some)


def downgrade() -> None:
    """Drop them."""
    for key in _KEYS:
        op.drop_index(f"cutouts_by_{key}", "cutouts")
        op.drop_column("cutouts", key)
