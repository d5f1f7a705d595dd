"""What Alembic runs; the connection, already in a transaction, comes from migrate.py."""

from alembic import context

from monitor.store.schema import metadata

connection = context.config.attributes["connection"]
# SQLite's DDL is transactional once BEGIN is ours; Alembic must be told.
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
