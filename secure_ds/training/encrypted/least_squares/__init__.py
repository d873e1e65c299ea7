"""Least squares from encrypted statistics: one release, then a closed form in the clear."""
