"""The life of an encrypted prediction: uploading, then queued, then done or failed. Files of a finished one are gone,
but for the answers."""

from enum import StrEnum
from typing import Final

KEY: Final = "key"
INPUT: Final = "input"
OUTPUT: Final = "output"
"""Kinds of its files."""


class PredictionState(StrEnum):
    """States of a prediction; the last two are final."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"
