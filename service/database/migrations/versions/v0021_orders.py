"""Orders of many pictures, options of brands, catalogues of clients, messages about no job, and indexes for lists.

The previous release works with this schema: it makes jobs without an order, and ignores the other additions. It does
not send messages without a job. PostgreSQL blocks writes to a table while it builds an index on it. SQLite copies the
deliveries once.
"""

import sqlalchemy as sa
from alembic import op

from service.database.clock import Timestamp

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_ONE_OF_ORDER = "one_message_an_order"
#: Indexes on fields of the jobs' specs, by database.
_OF_SPECS = {
    "postgresql": (
        "jobs_of_client_by_scene_type ON jobs (client_id, (spec ->> 'scene_type'), id)",
        "jobs_of_client_by_output_preset ON jobs (client_id, (spec ->> 'output_preset'), id)",
        "jobs_by_metadata ON jobs USING gin (CAST(spec -> 'metadata' AS JSONB) jsonb_path_ops)",
    ),
    "sqlite": (
        "jobs_of_client_with_spec ON jobs (client_id, operation, preview, id,"
        " CAST(json_extract(spec, '$.scene_type') AS TEXT), CAST(json_extract(spec, '$.output_preset') AS TEXT),"
        " CAST(json_extract(spec, '$.metadata') AS TEXT)) WHERE operation = 'swap'",
    ),
}


def upgrade() -> None:
    """Add the table, the columns and their indexes, and let a delivery have no job."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    if on_postgresql:
        # First: while they are built, writes of jobs wait. A new column makes reads wait as well, until the end.
        _index_specs()
    op.create_table(
        "orders",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("request_id", sa.String(26), sa.ForeignKey("request_logs.request_id"), nullable=False, unique=True),
        sa.Column("client_id", sa.String(26), sa.ForeignKey("clients.id"), nullable=False),
        sa.Column("reference", sa.String(200)),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("credits_cost", sa.BigInteger, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("completed_at", Timestamp),
        sa.Column("cancelled_at", Timestamp),
    )
    op.create_index("orders_of_client", "orders", ["client_id", "id"])
    _some_rows("orders_of_client_by_reference", "orders", ["client_id", "reference", "id"], "reference IS NOT NULL")
    op.add_column("brands", sa.Column("options", sa.JSON, nullable=True))
    op.add_column("clients", sa.Column("catalogue", sa.String(120), nullable=True))
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("job_id", existing_type=sa.String(26), nullable=True)
        table.add_column(sa.Column("order_id", sa.String(26)))
    op.create_index(_ONE_OF_ORDER, "deliveries", ["order_id"], unique=True)
    op.create_index("deliveries_of_client", "deliveries", ["client_id", "id"])
    op.drop_index("ix_deliveries_client_id", "deliveries")  # the new index serves its queries
    op.add_column("jobs", sa.Column("order_id", sa.String(26), nullable=True))
    _some_rows("jobs_of_order", "jobs", ["order_id", "id"], "order_id IS NOT NULL")
    if not on_postgresql:
        # Last, as SQLAlchemy warns about an index on expressions when it copies the deliveries.
        _index_specs()


def downgrade() -> None:
    """Drop them, and the messages that are about no job."""
    for index in _OF_SPECS[op.get_context().dialect.name]:
        op.drop_index(index.partition(" ")[0], "jobs")
    op.drop_index("jobs_of_order", "jobs")
    op.drop_column("jobs", "order_id")
    op.create_index("ix_deliveries_client_id", "deliveries", ["client_id"])
    op.drop_index("deliveries_of_client", "deliveries")
    op.drop_index(_ONE_OF_ORDER, "deliveries")
    op.execute("DELETE FROM deliveries WHERE job_id IS NULL")
    with op.batch_alter_table("deliveries") as table:
        table.drop_column("order_id")
        table.alter_column("job_id", existing_type=sa.String(26), nullable=False)
    op.drop_column("clients", "catalogue")
    op.drop_column("brands", "options")
    op.drop_table("orders")


def _index_specs() -> None:
    for index in _OF_SPECS[op.get_context().dialect.name]:
        op.execute(f"CREATE INDEX {index}")


def _some_rows(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
