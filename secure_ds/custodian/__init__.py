"""The key custodian: the one process that opens the HSM and decrypts, and what it asks before it does.

It trusts nothing that the service says: limits come from the descriptor the data's owner signed, noise from the plan it
recomputes itself, weights from its own stored answers. It answers each (job, step) at most once.
"""
