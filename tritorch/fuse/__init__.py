"""``tritorch.fuse``: eager functions whose operators run as one. The module is itself the decorator."""

import sys
import types

from .fused import Fused

__all__ = ["Fused", "fuse"]


def fuse(function):
    """Makes one kernel of an eager function: one pass over memory forward, and one backward.

    The function is run once on symbols for each signature of its arguments; its operators run in blocks that stay in
    the cache. Pointwise operators, broadcasting, casts, random masks, and reductions over the last dims are fused,
    with their derivatives. What cannot be fused runs eagerly as it was written; ``f.explain()`` says what, and where.

    Args:
        function: of tensors (in tuples, lists and dicts too) and plain values, giving tensors.

    Example:
        >>> import tritorch
        >>> @tritorch.fuse
        ... def f(x, y):
        ...     return (x * y + 1).tanh()
        >>> f(tritorch.ones(2), tritorch.zeros(2))
        tensor([0.7616, 0.7616])
    """
    return Fused(function)


class _Door(types.ModuleType):
    def __call__(self, function):
        return fuse(function)


sys.modules[__name__].__class__ = _Door
