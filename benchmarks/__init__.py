"""Measurements: one module per question, each with `run() -> list[Row]`; `make bench` runs them.

A module whose name begins with an underscore is a helper. Dated results lie in `results/`.
"""
