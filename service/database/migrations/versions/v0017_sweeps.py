"""Indexes that keep a look of the sweep short, and webhook secrets that sign until their grace is over.

Nothing is rewritten, and the release before works on it: it signs with the two latest secrets. PostgreSQL lets nobody
write into a table while it is indexed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEXES: tuple[tuple[str, str, tuple[str, ...], str | None], ...] = (
    ("jobs_of_photo", "jobs", ("source_key",), None),
    ("masks_by_key", "stored_objects", ("key", "used_at"), "bucket = 'masks' AND doomed_at IS NULL"),
    *((f"cutouts_by_{name}", "cutouts", (name,), None) for name in ("mask_key", "preview_key", "photo_key")),
    *((f"mended_by_{name}", "mended_masks", (name,), None) for name in ("mask_key", "base_key", "preview_key")),
    ("ended_deliveries", "deliveries", ("ended_at",), "ended_at IS NOT NULL"),
)


def upgrade() -> None:
    """Create the indexes, and add the columns, empty in what is there."""
    op.add_column("webhooks", sa.Column("secrets_retired", sa.Text, nullable=True))
    op.add_column("webhooks", sa.Column("rotation_key", sa.String(255), nullable=True))
    for name, table, columns, where in _INDEXES:
        some = None if where is None else sa.text(where)
        op.create_index(name, table, list(columns), postgresql_where=some, sqlite_where=some)


def downgrade() -> None:
    """Drop them."""
    for name, table, *_ in _INDEXES:
        op.drop_index(name, table)
    for name in ("rotation_key", "secrets_retired"):
        op.drop_column("webhooks", name)
