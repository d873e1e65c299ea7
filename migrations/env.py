"""Runs migrations on the connection, and against the metadata, that `secure_ds.store.migrate` hands in.

The transaction is the caller's: an upgrade happens in full or not at all, on both engines.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    render_as_batch=True,  # SQLite cannot alter a column in place
    transactional_ddl=True,  # SQLite can roll DDL back, though Alembic assumes that it cannot
)
context.run_migrations()
