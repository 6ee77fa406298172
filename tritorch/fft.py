"""Fourier transforms: every operator whose home is ``fft``."""

from . import _api

globals().update(_api.namespace("fft"))
__all__ = sorted(_api.namespace("fft"))
