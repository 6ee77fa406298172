"""The methods of Tensor that concern the graph. They stand here, one floor above Tensor, because they run it."""

from collections.abc import Callable
from typing import Any

from .. import _C
from ..tensor import Tensor
from .engine import backward as run_backward
from .hooks import RemovableHandle

__all__ = []


def _method(function: Callable) -> Callable:
    setattr(Tensor, function.__name__, function)
    return function


@_method
def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Adds the gradients of this tensor to the ``.grad`` of the leaves it was computed from.

    Args:
        gradient: of the shape of this tensor; may be left out for a real scalar.
        retain_graph: keep what the graph saved, to run it again; by default :attr:`create_graph`.
        create_graph: record the backward itself, for higher derivatives.
        inputs: the tensors to accumulate into, instead of all leaves.

    >>> import tritorch
    >>> x = tritorch.ones(2, requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    run_backward(self, gradient, retain_graph, create_graph, inputs=inputs)


@_method
def retain_grad(self: Tensor) -> None:
    """Keeps the gradient of this tensor in ``.grad`` although it is no leaf.

    Raises:
        RuntimeError: it does not require grad.
    """
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    _C.retain_grad(self)


@_method
def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Calls :attr:`hook` with the gradient of this tensor whenever that is computed; it may return another.

    Returns:
        A handle whose ``remove()`` removes the hook.

    >>> import tritorch
    >>> x = tritorch.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 2)
    >>> x.sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    return _C.register_tensor_hook(self, hook)


@_method
def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Calls :attr:`hook` with this leaf each time after its ``.grad`` was accumulated into.

    Returns:
        A handle whose ``remove()`` removes the hook.
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self.grad_fn is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return _C.register_post_accumulate_grad_hook(self, hook)
