"""Gaussian noise for sums of clipped gradients that survives attacks on random generators and on floating point."""
