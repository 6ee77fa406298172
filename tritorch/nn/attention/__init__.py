"""Which implementation of scaled dot product attention is used. There is one; asking for any is accepted."""

from collections.abc import Iterable
from contextlib import contextmanager
from enum import Enum

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(Enum):
    """The implementations that torch has, by name."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False):
    """In this block one of the given implementations would be chosen; all compute the same.

    Args:
        backends (SDPBackend or iterable of them): which; TypeError for anything else.
        set_priority (bool): accepted.

    Example::

        >>> import tritorch
        >>> from tritorch.nn.attention import SDPBackend, sdpa_kernel
        >>> x = tritorch.ones(1, 1, 2, 4)
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     tritorch.nn.functional.scaled_dot_product_attention(x, x, x).shape
        tritorch.Size([1, 1, 2, 4])
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not chosen or not all(isinstance(backend, SDPBackend) for backend in chosen):
        raise TypeError(f"sdpa_kernel: expected one or more SDPBackend, got {backends!r}")
    yield
