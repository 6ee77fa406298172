"""``Variable``, from before tensors and variables were one: calling it gives a tensor."""

import warnings
from collections.abc import Callable
from typing import Any

from .. import _C
from ..tensor import Tensor

__all__ = ["Variable"]


class _ExecutionEngine:
    """What code that runs inside a backward pass asks of it."""

    @staticmethod
    def queue_callback(callback: Callable[[], None]) -> None:
        """Has :attr:`callback` run when the pass that runs now has computed all gradients."""
        _C.queue_callback(callback)


class _VariableMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """The old name of a tensor in the graph. ``isinstance(x, Variable)`` holds for every tensor.

    Args:
        data: a Tensor; the result shares its memory and has no history.
        requires_grad: of the result.
        volatile: ignored, with a warning, as in torch.

    >>> import tritorch
    >>> tritorch.autograd.Variable(tritorch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    _execution_engine = _ExecutionEngine

    def __new__(cls, data: Tensor, requires_grad: bool = False, volatile: bool | None = None) -> Any:
        if volatile is not None:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with tritorch.no_grad():` instead.", stacklevel=2
            )
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        variable = _C.detach(data)
        variable.requires_grad = requires_grad
        return variable
