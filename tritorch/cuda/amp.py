"""Mixed precision under its old name: see :mod:`tritorch.amp`."""

from ..amp import GradScaler, autocast

__all__ = ["GradScaler", "autocast"]
