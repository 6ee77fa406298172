"""The version of tritorch, its one home."""

__version__ = "0.1.0"
cuda = hip = None
