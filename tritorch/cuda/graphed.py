"""Callables whose forward and backward are graphs: one call of the driver each."""

import itertools

from .. import _C
from .._api import zeros_like
from ..amp.autocast_mode import is_autocast_cache_enabled, is_autocast_enabled
from ..autograd import Function, grad
from ..autograd.function import once_differentiable
from .devices import synchronize
from .graphs import CUDAGraph, graph, graph_pool_handle
from .streams import Stream, stream

__all__ = ["make_graphed_callables"]


def _leaves(tree):
    """The tensors, and whatever else, of nested tuples, lists and dicts, in order."""
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in _leaves(part)]
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in _leaves(part)]
    return [tree]


def _rebuilt(tree, leaves):
    """A tree like ``tree`` with what the iterator ``leaves`` gives."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_rebuilt(part, leaves) for part in tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)(_rebuilt(part, leaves) for part in tree)
    if isinstance(tree, dict):
        return {key: _rebuilt(part, leaves) for key, part in tree.items()}
    return next(leaves)


def _is_module(f):
    return hasattr(f, "parameters") and hasattr(f, "_forward_hooks")


class _Part:
    """One callable: its static inputs, outputs and gradients, and its two graphs."""

    def __init__(self, function, args):
        self.function, self.args = function, args
        self.inputs = _leaves(args)
        self.parameters = tuple(function.parameters()) if _is_module(function) else ()
        self.surface = (*self.inputs, *self.parameters)
        self.forward, self.backward = CUDAGraph(), CUDAGraph()
        if not all(isinstance(x, _C.TensorBase) for x in self.inputs):
            raise AssertionError(
                "In the beta API, sample_args for each callable must contain only Tensors. Other types are not allowed."
            )
        if not _is_module(function):
            return
        if function._backward_hooks or function._forward_hooks or function._forward_pre_hooks:
            raise AssertionError(
                "Modules must not have hooks registered at the time they are passed. However, registering hooks on "
                "modules after passing them through make_graphed_callables is allowed."
            )
        if any(buffer.requires_grad for buffer in function.buffers()):
            raise AssertionError(
                "In any :class:`~torch.nn.Module` passed to :func:`~make_graphed_callables`, only parameters may be "
                "trainable. All buffers must have ``requires_grad=False``."
            )

    def gradients(self, outputs, grad_outputs, allow_unused):
        """The gradients of ``outputs`` for the surface, None where none is wanted."""
        wanted = [x for x in self.surface if x.requires_grad]
        asked = [o for o in outputs if o.requires_grad]
        given = [g for g in grad_outputs if g is not None]
        found = iter(grad(asked, wanted, given, allow_unused=allow_unused) if asked and wanted else ())
        return [next(found, None) if x.requires_grad else None for x in self.surface]

    def warm_up(self, allow_unused):
        outputs = _leaves(self.function(*self.args))
        self.gradients(outputs, [zeros_like(o) if o.requires_grad else None for o in outputs], allow_unused)

    def capture_forward(self, pool):
        with graph(self.forward, pool):
            self.result = self.function(*self.args)
        self.outputs = _leaves(self.result)

    def capture_backward(self, pool, allow_unused):
        self.grad_outputs = [zeros_like(o) if o.requires_grad else None for o in self.outputs]
        self.grad_inputs = [None] * len(self.surface)
        if any(o.requires_grad for o in self.outputs):
            with graph(self.backward, pool):
                self.grad_inputs = self.gradients(self.outputs, self.grad_outputs, allow_unused)

    def graphed(self):
        """What is called in place of the callable."""
        part = self

        class Graphed(Function):
            @staticmethod
            def forward(ctx, *inputs):
                for static, given in zip(part.inputs, inputs, strict=False):
                    if static.data_ptr() != given.data_ptr():
                        static.detach().copy_(given)
                part.forward.replay()
                return tuple(o.detach() for o in part.outputs)

            @staticmethod
            @once_differentiable
            def backward(ctx, *grads):
                for static, given in zip(part.grad_outputs, grads, strict=True):
                    if static is not None and static.data_ptr() != given.data_ptr():
                        static.copy_(given)
                part.backward.replay()
                return tuple(g if g is None else g.detach() for g in part.grad_inputs)

        def call(*args):
            given = _leaves(args)
            if len(given) != len(part.inputs):
                raise TypeError(f"graphed callable: expected {len(part.inputs)} tensors, got {len(given)}")
            return _rebuilt(part.result, iter(Graphed.apply(*given, *part.parameters)))

        return call


def make_graphed_callables(callables, sample_args, num_warmup_iters=3, allow_unused_input=False, pool=None):
    """Captures callables, modules among them, as graphs: what comes back does forward and backward by replay.

    Args:
        callables: one, or a tuple of those that will run in this order.
        sample_args: the arguments of the one, a tuple of tensors of the shapes to come; or a tuple of such. They become
            the memory that inputs are copied into.
        num_warmup_iters: runs before the capture.
        allow_unused_input: whether an input may have no gradient.
        pool: memory to share, see :meth:`CUDAGraph.capture_begin`.

    Returns:
        The callable, or a tuple. A module is returned itself, with a new ``forward`` for its present training state.

    Raises:
        AssertionError: for arguments that are no tensors, modules with hooks, and buffers that require gradients.
        RuntimeError: under autocast with its cache.
    """
    if is_autocast_enabled("cuda") and is_autocast_cache_enabled():
        raise RuntimeError(
            "make_graphed_callables does not support the autocast caching. Please set `cache_enabled=False`."
        )
    several = isinstance(callables, tuple)
    parts = [
        _Part(f, args)
        for f, args in zip(*((callables, sample_args) if several else ((callables,), (sample_args,))), strict=True)
    ]
    pool = graph_pool_handle() if pool is None else pool
    synchronize()
    with stream(Stream()):
        for part, _ in itertools.product(parts, range(num_warmup_iters)):
            part.warm_up(allow_unused_input)
    synchronize()
    # In the order in which they will run, since they share their memory.
    for part in parts:
        part.capture_forward(pool)
    for part in reversed(parts):
        part.capture_backward(pool, allow_unused_input)
    results = tuple(_installed(part) for part in parts)
    return results if several else results[0]


def _installed(part):
    graphed, module = part.graphed(), part.function
    if not _is_module(module):
        return graphed
    captured, eager = module.training, module.forward
    module.forward = lambda *args, **kwargs: (graphed if module.training == captured else eager)(*args, **kwargs)
    return module
