"""Privacy-preserving training service: encrypted and sealed training under policy, custody and audit."""

__version__ = "0.1.0"
