"""Window functions: every operator whose home is ``signal.windows``."""

from .. import _api

globals().update(_api.namespace("signal.windows"))
__all__ = sorted(_api.namespace("signal.windows"))
