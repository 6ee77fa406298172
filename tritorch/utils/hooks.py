"""Handles of hooks: see :mod:`tritorch.autograd.hooks`."""

from ..autograd.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
