"""Alembic's entry point. Runs the migrations on the connection of `service.database.schema.migrate`."""

from alembic import context

from service.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
