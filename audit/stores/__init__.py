"""Where the log is kept: the interface, the SQL store with its tables, and a memory store for tests."""
