"""The multilayer perceptron, for rows of numbers."""
