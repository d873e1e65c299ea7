"""The tamper-evident log: entries, Merkle tree, signed checkpoints, stores, export, and a verifier that stands apart.

Rules of this room:
1. It imports no other room of the project; a clock, a signer and a database connection are handed in.
2. Nothing here changes or removes an entry, and the database is told to refuse it too.
3. `audit.verify` shares the *format* with the rest of this package and not one line of its code.
"""
