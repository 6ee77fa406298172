"""Tests of what is computed with tensors: :func:`assert_close` and :func:`make_tensor` as in ``torch.testing``, and
:func:`check_op`, the generic tests of an operator.

Example:
    >>> import tritorch
    >>> x = tritorch.testing.make_tensor(3, 4, dtype=tritorch.float32, device="cpu")
    >>> tritorch.testing.assert_close(x.exp().log(), x)
"""

from .check import Check, check_op, examine
from .comparison import assert_close
from .creation import make_tensor

__all__ = ["Check", "assert_close", "check_op", "examine", "make_tensor"]
