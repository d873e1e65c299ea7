"""Engines: from a batch of rows to the sum of its units' clipped gradients."""

from secure_ds.training.dp.engine.factory import make_engine
from secure_ds.training.dp.engine.interface import Clipping, DeviceMissing, GradientEngine, UnsupportedModel

__all__ = ["Clipping", "DeviceMissing", "GradientEngine", "UnsupportedModel", "make_engine"]
