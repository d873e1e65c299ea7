"""The causal transformer, for rows of tokens."""
