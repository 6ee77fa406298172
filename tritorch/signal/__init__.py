"""Signal processing: see :mod:`tritorch.signal.windows`."""

from . import windows

__all__ = ["windows"]
