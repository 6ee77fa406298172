"""The graph from outside: its nodes and edges, hooks over several tensors, and what becomes of saved tensors."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .. import _C
from .._C import Node
from ..tensor import Tensor
from .hooks import RemovableHandle

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class GradientEdge(NamedTuple):
    """Where a gradient flows: the input :attr:`output_nr` of a :attr:`node` (of the leaf's accumulator, for a leaf).

    ``grad`` and ``backward`` take edges wherever they take tensors; an edge keeps its graph alive, not its tensor.
    """

    node: Node
    output_nr: int
    ownership_token: Node | None = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Returns the edge at which the gradient of :attr:`tensor` is computed.

    Raises:
        RuntimeError: the tensor does not require grad.

    >>> import tritorch
    >>> x = tritorch.ones(2, requires_grad=True)
    >>> y = x * 2
    >>> edge = tritorch.autograd.graph.get_gradient_edge(y)
    >>> tritorch.autograd.grad((y * y).sum(), edge)
    (tensor([4., 4.]),)
    """
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*_C.gradient_edge(tensor))


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Tells autograd that the data of :attr:`tensor` (or of each of several) was written behind its back.

    >>> import tritorch
    >>> x = tritorch.zeros(2)
    >>> tritorch.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if not t.is_inference():
            _C.bump(t)


class saved_tensors_hooks:
    """Packs every tensor that is saved for backward inside a ``with`` block, and unpacks it when it is needed.

    Args:
        pack_hook: called with the tensor when it is saved; what it returns is kept in its place. It must not
            write to its argument.
        unpack_hook: called with that when backward needs the tensor; returns a tensor of the same content.

    Only the innermost pair applies.

    >>> import tritorch
    >>> with tritorch.autograd.graph.saved_tensors_hooks(lambda x: x.numpy(force=True), tritorch.from_numpy):
    ...     x = tritorch.ones(2, requires_grad=True)
    ...     y = x.exp()
    >>> y.sum().backward()
    >>> x.grad
    tensor([2.7183, 2.7183])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _C.push_saved_tensors_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exc: object) -> None:
        _C.pop_saved_tensors_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Keeps what the ``with`` block saves for backward in the memory of the CPU, and brings it back for backward.

    Args:
        pin_memory: copy through pinned memory, asynchronously.
        device_type: accepted as in torch; a tensor goes back to the device that it came from.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor: Tensor) -> tuple:
            kept = tensor.cpu()
            return tensor.device, kept.pin_memory() if pin_memory and tensor.device.type != "cpu" else kept

        def unpack(packed: tuple) -> Tensor:
            device, kept = packed
            return kept.to(device, non_blocking=pin_memory)

        super().__init__(pack, unpack)


class disable_saved_tensors_hooks:
    """Refuses :class:`saved_tensors_hooks` inside a ``with`` block.

    Args:
        error_message: of the RuntimeError that refuses.
    """

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        self._prev = _C.disable_saved_tensors_hooks(self.error_message)

    def __exit__(self, *exc: object) -> None:
        _C.disable_saved_tensors_hooks(self._prev)


class _MultiHandle(RemovableHandle):
    """Removes several hooks at once."""

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> tuple:
        return self.handles

    def __setstate__(self, state: tuple) -> None:
        self.handles = state


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable, *, mode: str = "all") -> RemovableHandle:
    """Calls :attr:`fn` once in each backward that reaches :attr:`tensors`.

    Args:
        tensors: the tensors whose gradients are awaited; those that this backward does not reach are ignored.
        fn: in mode "all", called with the list of gradients (None for the ignored) when the last has come;
            in mode "any", called with the first that comes.
        mode: "all" or "any".

    Returns:
        A handle whose ``remove()`` removes the hook.

    >>> import tritorch
    >>> a, b = tritorch.ones(2, requires_grad=True), tritorch.ones(2, requires_grad=True)
    >>> hook = lambda grads: print([g is not None for g in grads])
    >>> handle = tritorch.autograd.graph.register_multi_grad_hook((a, b), hook)
    >>> (a * b).sum().backward()
    [True, True]
    """
    if mode == "all":
        return _MultiHandle(_all_hooks(tensors, fn))
    if mode == "any":
        return _MultiHandle(_any_hooks(tensors, fn))
    raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")


def _all_hooks(tensors: Sequence[Tensor], fn: Callable) -> tuple[RemovableHandle, ...]:
    nodes = [get_gradient_edge(t).node for t in tensors]
    lock = threading.Lock()
    waiting: dict[int, tuple[list[int], list[Tensor | None]]] = {}  # graph task -> ([gradients to come], gradients)

    def hook_of(index: int) -> Callable[[Tensor], None]:
        def hook(grad: Tensor) -> None:
            task = _C.current_graph_task_id()
            with lock:
                if task not in waiting:
                    waiting[task] = ([sum(map(_C.will_engine_execute_node, nodes))], [None] * len(nodes))
                remaining, grads = waiting[task]
                grads[index] = grad
                remaining[0] -= 1
                done = remaining[0] == 0
                if done:
                    del waiting[task]
            if done:
                fn(grads)

        return hook

    return tuple([t.register_hook(hook_of(index)) for index, t in enumerate(tensors)])


def _any_hooks(tensors: Sequence[Tensor], fn: Callable) -> tuple[RemovableHandle, ...]:
    lock = threading.Lock()
    last_task = None

    def hook(grad: Tensor) -> None:
        nonlocal last_task
        task = _C.current_graph_task_id()
        with lock:
            first, last_task = task != last_task, task
        if first:
            fn(grad)

    return tuple([t.register_hook(hook) for t in tensors if t.requires_grad])
