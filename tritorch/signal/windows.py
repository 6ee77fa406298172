"""Window functions, each of ``M`` points: :func:`hann`, :func:`kaiser` and their like."""

from .._api import namespace

globals().update(namespace("signal.windows"))

__all__ = sorted(namespace("signal.windows"))
