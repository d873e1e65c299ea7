"""Training on ciphertexts: the plans both sides compute, their clear halves, and the circuits over uploaded files."""
