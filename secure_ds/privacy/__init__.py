"""Differential privacy: exact noise, exact accounting, and the rules of the budget. Knows nothing of training."""
