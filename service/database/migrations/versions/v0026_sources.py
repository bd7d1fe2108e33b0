"""The further sources of jobs in a table of their own, and the sizes of photos.

The previous release works with this schema: it ignores both. Its jobs have no rows in the table, so for them only the
photo itself is protected from the expiry, which needs days to begin.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_SIZES = "photo_bytes_of_client"
_UPLOAD = re.compile(r"uploads/[0-9A-Z]{26}/[0-9A-Za-z.]+")


def upgrade() -> None:
    """Add the table with the sources of unfinished jobs, the column, and its index."""
    op.create_table(
        "extra_sources",
        sa.Column("job_id", sa.String(26), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String(512), primary_key=True),
    )
    op.create_index("jobs_of_extra_source", "extra_sources", ["key"])
    unfinished = "SELECT id, source_key, CAST(spec AS TEXT) FROM jobs WHERE status IN ('NOT_STARTED', 'IN_PROGRESS')"
    rows = [
        {"job_id": job_id, "key": key}
        for job_id, photo, spec in op.get_bind().execute(sa.text(unfinished))
        for key in sorted(set(_UPLOAD.findall(spec)) - {photo})
    ]
    op.bulk_insert(sa.table("extra_sources", sa.column("job_id"), sa.column("key")), rows)
    op.add_column("stored_objects", sa.Column("bytes", sa.BigInteger, nullable=True))
    fits = sa.text("bucket = 'sources' AND doomed_at IS NULL")
    op.create_index(_SIZES, "stored_objects", ["client_id", "bytes"], postgresql_where=fits, sqlite_where=fits)


def downgrade() -> None:
    """Drop them."""
    op.drop_index(_SIZES, "stored_objects")
    op.drop_column("stored_objects", "bytes")
    op.drop_table("extra_sources")
