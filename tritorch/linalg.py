"""Linear algebra: every operator whose home is ``linalg``."""

from . import _api

globals().update(_api.namespace("linalg"))
__all__ = sorted(_api.namespace("linalg"))
