"""The two ways to run a graph backward: into the leaves' ``.grad``, or as a function's value."""

import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from .. import _C
from ..tensor import Tensor
from . import _fill
from .graph import GradientEdge

__all__ = ["backward", "grad"]


def _is_one(x: Any) -> bool:
    return isinstance(x, (Tensor, GradientEdge))


def _inputs(inputs: Any, function: str) -> tuple:
    if _is_one(inputs):
        return (inputs,)
    if isinstance(inputs, Mapping):
        if type(inputs) is not dict:
            raise TypeError(
                f"`inputs` argument to `{function}()` must be a dict, not {type(inputs).__name__}. "
                "Other Mapping types are not supported."
            )
        inputs = inputs.values()
    inputs = tuple(inputs)
    if not inputs:
        raise RuntimeError(f"`inputs` argument to `{function}()` cannot be empty.")
    return inputs


def _implicit_grad(root: Any) -> Tensor | None:
    """The gradient of a root for which none was given: one, for a real scalar."""
    if isinstance(root, GradientEdge):
        like = root.node._input_metadata[root.output_nr]
    elif not root.requires_grad:
        return None
    else:
        like = root
    if any(size != 1 for size in like.shape):
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if not like.dtype.is_floating_point:
        raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {like.dtype}")
    return _fill.ones(like)


def _check_grad(index: int, root: Any, grad: Any) -> None:
    if not isinstance(grad, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
    like = root.node._input_metadata[root.output_nr] if isinstance(root, GradientEdge) else root
    if grad.shape != like.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{index}] has a shape of {grad.shape} "
            f"and output[{index}] has a shape of {like.shape}."
        )
    if grad.dtype.is_complex != like.dtype.is_complex:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in "
            f"dtype: grad_output[{index}] has a dtype of {grad.dtype} and output[{index}] has a dtype of {like.dtype}."
        )


def _root_grads(roots: tuple, grads: Any) -> tuple:
    if grads is None:
        return tuple([_implicit_grad(root) for root in roots])
    grads = (grads,) if isinstance(grads, Tensor) else tuple(grads)
    if len(grads) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(grads)} gradients")
    made = []
    for index, (root, grad) in enumerate(zip(roots, grads, strict=True)):
        if grad is None:
            grad = _implicit_grad(root)
        else:
            _check_grad(index, root, grad)
        made.append(grad)
    return tuple(made)


@functools.cache
def _warn_of_cycle() -> None:
    """Once in a process, as in torch."""
    warnings.warn(
        "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which "
        "can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use "
        "this function, make sure to reset the .grad fields of your parameters to None after use to break the cycle and "
        "avoid the leak.",
        UserWarning,
        stacklevel=3,
    )


def backward(
    tensors: Tensor | Sequence,
    grad_tensors: Tensor | Sequence | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensor | Sequence | None = None,
    inputs: Any = None,
) -> None:
    """Adds the gradients of :attr:`tensors` to the ``.grad`` of the graph's leaves.

    Args:
        tensors: one or more roots: Tensors or :class:`~tritorch.autograd.graph.GradientEdge`.
        grad_tensors: one gradient a root, each of its root's shape; None stands for 1 where the root is a real scalar.
        retain_graph: keep what the graph saved, to run it again; by default :attr:`create_graph`.
        create_graph: record the backward itself, for higher derivatives.
        grad_variables: the old name of :attr:`grad_tensors`.
        inputs: tensors (or a dict of them) to accumulate into, instead of all leaves.

    Raises:
        RuntimeError: a root that does not require grad, a gradient of another shape, a graph already freed.

    >>> import tritorch
    >>> x = tritorch.ones(2, requires_grad=True)
    >>> tritorch.autograd.backward((x * 3).sum())
    >>> x.grad
    tensor([3., 3.])
    """
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. "
                "Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    if create_graph:
        _warn_of_cycle()
    targets = None if inputs is None else _inputs(inputs, "backward")
    roots = (tensors,) if _is_one(tensors) else tuple(tensors)
    _C.run_backward(
        roots,
        _root_grads(roots, grad_tensors),
        create_graph if retain_graph is None else retain_graph,
        create_graph,
        targets,
        True,
        True,
    )


def grad(
    outputs: Tensor | Sequence,
    inputs: Any,
    grad_outputs: Tensor | Sequence | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """Returns the gradients of :attr:`outputs` by :attr:`inputs`, and leaves every ``.grad`` alone.

    Args:
        outputs: one or more roots: Tensors or :class:`~tritorch.autograd.graph.GradientEdge`.
        inputs: what to differentiate by: one, a sequence, or a dict of Tensors or edges.
        grad_outputs: one gradient a root; None stands for 1 where the root is a real scalar.
        retain_graph: keep what the graph saved, to run it again; by default :attr:`create_graph`.
        create_graph: record the backward itself, for higher derivatives.
        only_inputs: ignored, as in torch.
        allow_unused: give None for an input that was not used, instead of an error; by default
            :attr:`materialize_grads`.
        is_grads_batched: not supported: call once per row of the gradients.
        materialize_grads: give zeros for an input that was not used.

    Returns:
        A tuple with one gradient an input, each of its input's shape and dtype; for a dict, a dict.

    >>> import tritorch
    >>> x = tritorch.tensor(3.0, requires_grad=True)
    >>> tritorch.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    if is_grads_batched:
        raise RuntimeError("grad: is_grads_batched=True is not supported; call grad once per row of grad_outputs")
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use tritorch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    targets = _inputs(inputs, "grad")
    roots = (outputs,) if _is_one(outputs) else tuple(outputs)
    result = _C.run_backward(
        roots,
        _root_grads(roots, grad_outputs),
        create_graph if retain_graph is None else retain_graph,
        create_graph,
        targets,
        materialize_grads if allow_unused is None else allow_unused,
        False,
    )
    if materialize_grads:
        result = tuple([_zeros_for(x, create_graph) if g is None else g for g, x in zip(result, targets, strict=True)])
    return dict(zip(inputs, result, strict=True)) if isinstance(inputs, dict) else result


def grad_where_any(
    outputs: Sequence[Any],
    inputs: Sequence[Tensor],
    vectors: Sequence[Tensor | None] | None,
    create_graph: bool,
    retain_graph: bool | None = None,
) -> tuple:
    """As :func:`grad`, for outputs that may depend on nothing or be None: such give None."""
    given = (None,) * len(outputs) if vectors is None else vectors
    roots = [(o, v) for o, v in zip(outputs, given, strict=True) if o is not None and o.requires_grad]
    if not roots:
        return (None,) * len(inputs)
    options = {"create_graph": create_graph, "retain_graph": retain_graph, "allow_unused": True}
    return grad([o for o, _ in roots], inputs, [v for _, v in roots], **options)


def _zeros_for(x: Any, requires_grad: bool) -> Tensor:
    if isinstance(x, GradientEdge):
        raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
    zeros = _fill.zeros(x)
    zeros.requires_grad = requires_grad
    return zeros
