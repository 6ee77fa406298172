"""Special functions: every operator that is at home in ``special``."""

from . import _api

globals().update(_api.namespace("special"))
__all__ = sorted(_api.namespace("special"))
