"""Cut-outs of their own: jobs of another operation than a swap, what they found, and the masks that callers mended."""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_CUTOUT, _READ = sa.text("operation = 'cutout'"), sa.text("photo_sha256 IS NOT NULL")


def upgrade() -> None:
    """Call every job that is there a swap, and create the tables; which bytes a photo has is learnt when it is read."""
    op.add_column("jobs", sa.Column("operation", sa.String(16), nullable=False, server_default="swap"))
    op.create_index(
        "cutouts_of_client",
        "jobs",
        ["client_id", "id"],
        unique=False,
        postgresql_where=_CUTOUT,
        sqlite_where=_CUTOUT,
    )
    op.add_column("stored_objects", sa.Column("photo_sha256", sa.String(64), nullable=True))
    op.create_index(
        "photos_by_bytes",
        "stored_objects",
        ["client_id", "photo_sha256"],
        unique=False,
        postgresql_where=_READ,
        sqlite_where=_READ,
    )
    op.create_table(
        "cutouts",
        sa.Column("job_id", sa.String(26), nullable=False),
        sa.Column("client_id", sa.String(26), nullable=False),
        sa.Column("photo_sha256", sa.String(64), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("mask_key", sa.String(512), nullable=False),
        sa.Column("preview_key", sa.String(512), nullable=False),
        sa.Column("photo_key", sa.String(512), nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"]),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_table(
        "mended_masks",
        sa.Column("client_id", sa.String(26), nullable=False),
        sa.Column("photo_sha256", sa.String(64), nullable=False),
        sa.Column("cut_by", sa.String(8), nullable=False),
        sa.Column("mask_key", sa.String(512), nullable=False),
        sa.Column("base_key", sa.String(512), nullable=False),
        sa.Column("base_by", sa.String(8), nullable=False),
        sa.Column("preview_key", sa.String(512), nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("mended_at", Timestamp, nullable=False),
        sa.CheckConstraint("cut_by IN ('mended', 'subjects')", name="cut_by_known"),
        sa.CheckConstraint("base_by IN ('network', 'mended')", name="base_by_known"),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"]),
        sa.PrimaryKeyConstraint("client_id", "photo_sha256"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("mended_masks")
    op.drop_table("cutouts")
    op.drop_index("photos_by_bytes", "stored_objects")
    op.drop_column("stored_objects", "photo_sha256")
    op.drop_index("cutouts_of_client", "jobs")
    op.drop_column("jobs", "operation")
