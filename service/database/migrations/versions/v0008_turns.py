"""Turns: the order in which jobs are started, fair over clients. A release before starts them one after the other."""

from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: What a job of a client of weight 1 cost when this was written.
_ROUND = 720_720
_UNFINISHED = sa.text("status IN ('NOT_STARTED', 'IN_PROGRESS')")


def upgrade() -> None:
    """Give every client the same weight, and what is not over its turn: each client's first, each one's second, …"""
    # By hand: alembic adds a column and its check in two steps, and SQLite takes them in one only.
    op.execute(
        "ALTER TABLE clients ADD COLUMN weight INTEGER DEFAULT 1 NOT NULL"
        " CONSTRAINT weight_is_positive CHECK (weight >= 1)"
    )
    op.add_column("clients", sa.Column("turn", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("clients_by_turn", "clients", ["turn"], unique=False)
    op.add_column("jobs", sa.Column("turn", sa.BigInteger, nullable=False, server_default="0"))
    names = ("id", "client_id", "status", "created_at", "turn")
    jobs = sa.table("jobs", *(sa.column(name) for name in names))
    unfinished = sa.select(jobs.c.id, jobs.c.client_id).where(_UNFINISHED).order_by(jobs.c.created_at, jobs.c.id)
    connection, rounds = op.get_bind(), Counter[str]()
    for job in connection.execute(unfinished).all():
        rounds[job.client_id] += 1
        turn = rounds[job.client_id] * _ROUND
        connection.execute(jobs.update().where(jobs.c.id == job.id).values(turn=turn))
    for name, columns, condition in (
        ("unfinished_turns", ["turn", "id"], sa.text("finished_at IS NULL")),
        ("unfinished_turns_of_client", ["client_id", "turn", "id"], _UNFINISHED),
    ):
        op.create_index(name, "jobs", columns, unique=False, postgresql_where=condition, sqlite_where=condition)
    # The new one begins as it does.
    op.drop_index("unfinished_jobs_of_client", "jobs")


def downgrade() -> None:
    """Drop them."""
    op.create_index(
        "unfinished_jobs_of_client",
        "jobs",
        ["client_id"],
        unique=False,
        postgresql_where=_UNFINISHED,
        sqlite_where=_UNFINISHED,
    )
    op.drop_index("unfinished_turns_of_client", "jobs")
    op.drop_index("unfinished_turns", "jobs")
    op.drop_index("clients_by_turn", "clients")
    op.drop_column("jobs", "turn")
    op.drop_column("clients", "turn")
    op.drop_column("clients", "weight")
