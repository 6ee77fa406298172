"""What loading a file may raise."""

from __future__ import annotations

import pickle


class LoadError(ValueError, pickle.UnpicklingError):
    """A file is truncated, corrupted, hostile, or not one that can be loaded.

    It is a ``ValueError``, and a ``pickle.UnpicklingError`` for programs that catch what torch raises.
    """
