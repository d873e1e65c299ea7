"""The main jobs on real data, acted out as an owner and an officer would: through the public client alone."""
