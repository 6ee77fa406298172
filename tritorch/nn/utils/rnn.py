"""Sequences of several lengths: padding, packing and back."""

from .. import _packed
from .._packed import *  # noqa: F403

__all__ = _packed.__all__
