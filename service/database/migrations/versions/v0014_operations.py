"""Room for encrypted secrets; which worker ran a job and how long its stages took; retries; workers that live.

Nothing is rewritten, and the release before works on it: its columns keep their meaning, and the new ones may be NULL.
"""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

#: Columns of secrets, with their length before, and whether they may be NULL. SQLite keeps to no length.
_SECRETS = (
    ("clients", "shopify_secret", 255, True),
    ("clients", "shopify_secret_previous", 255, True),
    ("webhooks", "secret", 128, False),
    ("webhooks", "secret_previous", 128, True),
)
_A_RETRY = sa.text("retry_of IS NOT NULL")


def upgrade() -> None:
    """Widen the secrets' columns, which costs PostgreSQL no rewrite, and add the others, empty in what is there."""
    if op.get_context().dialect.name == "postgresql":
        for table, name, length, empty in _SECRETS:
            op.alter_column(
                table, name, type_=sa.String(1024), existing_type=sa.String(length), existing_nullable=empty
            )
    op.add_column("jobs", sa.Column("worker", sa.String(255), nullable=True))
    op.add_column("jobs", sa.Column("stages", sa.JSON, nullable=True))
    op.add_column("jobs", sa.Column("retry_of", sa.String(26), nullable=True))
    op.create_index(
        "one_retry_a_job", "jobs", ["retry_of"], unique=True, postgresql_where=_A_RETRY, sqlite_where=_A_RETRY
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(26), nullable=False),
        sa.Column("label", sa.String(255), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("started_at", Timestamp, nullable=False),
        sa.Column("seen_at", Timestamp, nullable=False),
        sa.Column("drain_asked_at", Timestamp, nullable=True),
        sa.Column("draining_since", Timestamp, nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    """Drop them. Secrets must be in the clear by then (`backdrop secrets reencrypt --to-plain`), or they don't fit."""
    op.drop_table("workers")
    op.drop_index("one_retry_a_job", "jobs")
    for name in ("retry_of", "stages", "worker"):
        op.drop_column("jobs", name)
    if op.get_context().dialect.name == "postgresql":
        for table, name, length, empty in _SECRETS:
            op.alter_column(
                table, name, type_=sa.String(length), existing_type=sa.String(1024), existing_nullable=empty
            )
