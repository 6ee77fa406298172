"""Reductions over the elements that a mask names: every operator whose home is ``masked``."""

from . import _api

globals().update(_api.namespace("masked"))
__all__ = sorted(_api.namespace("masked"))
