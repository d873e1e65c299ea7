"""Where everything durable is kept: one relational database (SQLite or PostgreSQL) and a folder of blobs."""
