"""Sealed data sets: records encrypted on their owner's machine to a key that only one admitted job's trainer gets."""
