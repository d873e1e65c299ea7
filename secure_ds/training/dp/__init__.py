"""Training in the clear with differential privacy: DP-SGD on records that only the trainer opens."""
