"""Encrypted one-hidden-layer network: a square activation, both matrices of weights in spectral balls."""
