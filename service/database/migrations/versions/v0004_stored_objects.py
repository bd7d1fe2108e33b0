"""What lies in the store: photos and renders that are there already count as used today, so none goes by surprise."""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp, db_now

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and write down what jobs and renders know of."""
    stored = op.create_table(
        "stored_objects",
        sa.Column("bucket", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("client_id", sa.String(length=26), nullable=False),
        sa.Column("job_id", sa.String(length=26), nullable=True),
        sa.Column("used_at", Timestamp, nullable=False),
        sa.Column("doomed_at", Timestamp, nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"]),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
        sa.PrimaryKeyConstraint("bucket", "key"),
    )
    op.create_index("stored_by_age", "stored_objects", ["bucket", "used_at"], unique=False)
    op.create_index("renders_by_age", "renders", ["created_at"], unique=False)
    op.create_index(
        "attempts_pictures",
        "stored_objects",
        ["used_at"],
        unique=False,
        postgresql_where=sa.text("job_id IS NOT NULL"),
        sqlite_where=sa.text("job_id IS NOT NULL"),
    )
    op.create_index(
        "doomed_objects",
        "stored_objects",
        ["doomed_at"],
        unique=False,
        postgresql_where=sa.text("doomed_at IS NOT NULL"),
        sqlite_where=sa.text("doomed_at IS NOT NULL"),
    )
    jobs = sa.table("jobs", *(sa.column(name) for name in ("id", "client_id", "source_key")))
    renders = sa.table("renders", *(sa.column(name) for name in ("key", "client_id")))
    photos = sa.select(sa.literal("sources"), jobs.c.source_key, sa.func.min(jobs.c.client_id), db_now())
    pictures = sa.select(sa.literal("renders"), renders.c.key, renders.c.client_id, db_now())
    for known in (photos.group_by(jobs.c.source_key), pictures):
        op.execute(stored.insert().from_select(["bucket", "key", "client_id", "used_at"], known))


def downgrade() -> None:
    """Drop the table."""
    op.drop_index("renders_by_age", "renders")
    op.drop_table("stored_objects")
