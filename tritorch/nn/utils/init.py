"""Modules made without drawing their parameters."""

import inspect

from ..init import _without_drawing
from ..modules.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Module], *args, **kwargs) -> Module:
    """Makes a module whose parameters and buffers are not set, without the time that drawing them takes.

    Args:
        module_cls (type): the class; RuntimeError unless it is a Module and takes ``device``.
        *args, **kwargs: for its constructor.

    Example::

        >>> import tritorch
        >>> tritorch.nn.utils.skip_init(tritorch.nn.Linear, 5, 1)
        Linear(in_features=5, out_features=1, bias=True)
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    with _without_drawing():
        return module_cls(*args, **kwargs)
