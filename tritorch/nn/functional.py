"""The functions behind the modules: every operator whose home is ``nn.functional``."""

from typing import Any

from .. import _api

globals().update(_api.namespace("nn.functional"))
__all__ = list(_api.namespace("nn.functional"))


def __getattr__(name: str) -> Any:
    """An operator that was defined after this module was imported."""
    try:
        return _api.namespace("nn.functional")[name]
    except KeyError:
        raise AttributeError(f"module 'tritorch.nn.functional' has no attribute {name!r}") from None
