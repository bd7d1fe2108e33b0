"""Brands: a client's palettes, style words and seeds, by name."""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "brands",
        sa.Column("client_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("palette", sa.JSON(), nullable=False),
        sa.Column("style_words", sa.JSON(), nullable=False),
        sa.Column("seed_policy", sa.String(length=8), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("default_preset", sa.String(length=64), nullable=True),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp, nullable=False),
        sa.CheckConstraint(
            "(seed_policy = 'pinned' AND seed IS NOT NULL) OR (seed_policy = 'free' AND seed IS NULL)",
            name="only_a_pinned_brand_has_a_seed",
        ),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"]),
        sa.PrimaryKeyConstraint("client_id", "name"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("brands")
