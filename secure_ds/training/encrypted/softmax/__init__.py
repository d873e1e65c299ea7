"""Encrypted softmax regression: several classes, a linear residual, weights in a spectral ball."""
