"""The history of the database schema, run by Alembic through `secure_ds.store.migrate`; no alembic.ini is needed."""
