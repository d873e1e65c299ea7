"""The convolutional network, for images."""
