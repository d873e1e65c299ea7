"""The worker: claims checks and jobs, evaluates circuits on ciphertexts, and sees to the audit log's checkpoints.

It holds ciphertexts and evaluation keys, never a secret key. It may die at any moment: whoever claims its work next
goes on from the stored answers.
"""
