"""Linear algebra: every operator whose home is ``linalg``."""

from . import _api
from .errors import LinAlgError as LinAlgError

globals().update(_api.namespace("linalg"))
__all__ = sorted(_api.namespace("linalg")) + ["LinAlgError"]
