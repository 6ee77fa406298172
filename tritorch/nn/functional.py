"""The functions behind the modules: every operator whose home is ``nn.functional``."""

from .. import _api

globals().update(_api.namespace("nn.functional"))
__all__ = sorted(_api.namespace("nn.functional"))


def __getattr__(name):
    """An operator that was defined after this module was imported."""
    try:
        return _api.namespace("nn.functional")[name]
    except KeyError:
        raise AttributeError(f"module 'tritorch.nn.functional' has no attribute {name!r}") from None
