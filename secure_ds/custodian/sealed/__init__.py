"""Custody of sealed data sets: their data keys, and what the jobs that were given one cost."""
