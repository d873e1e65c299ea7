"""Logistic regression on ciphertexts: the plan both sides compute, the rule for its settings, and its clear half."""
