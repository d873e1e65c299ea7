"""Use cases of sealed training, beside those of encrypted training that they share doors, ledger and log with."""
