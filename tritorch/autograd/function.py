"""Functions with a derivative of their own: :class:`Function`, and what its methods are handed."""

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from .. import _C
from ..tensor import Tensor
from . import _fill
from .grad_mode import is_grad_enabled, no_grad

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What ``forward`` and ``backward`` of one call share. Any attribute may be set on it.

    Attributes:
        needs_input_grad: one bool an input: whether its gradient is wanted.
        saved_tensors: in ``backward``, what ``save_for_backward`` was given, checked not to have been written since.
    """

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads = True
    dirty_tensors: tuple[Tensor, ...] = ()
    non_differentiable: tuple[Tensor, ...] = ()
    saved_for_forward: tuple[Tensor | None, ...] = ()
    to_save: tuple[Tensor | None, ...] = ()
    _node: Callable[[], Any] = staticmethod(lambda: None)  # weakly, the graph's node: it owns this object

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors (inputs, outputs or others; None is allowed) for ``backward``. Call at most once."""
        for index, tensor in enumerate(tensors):
            if not (tensor is None or isinstance(tensor, Tensor)):
                raise TypeError(
                    "save_for_backward can only save variables, "
                    f"but argument {index} is of type {type(tensor).__name__}"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors for a forward-mode ``jvp``. Accepted, as in torch; nothing here calls ``jvp``."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Names the inputs that ``forward`` wrote in place. Each must be returned as an output."""
        for index, tensor in enumerate(args):
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"mark_dirty can only accept variables, but argument {index} is of type {type(tensor).__name__}"
                )
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Names the outputs that have no derivative; they will not require grad."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` is handed zeros (the default) or None for the outputs that no gradient reached."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        node = self._node()
        return () if node is None else node.saved_tensors


class Function:
    """Base of functions that bring their own derivative.

    A subclass defines the static methods ``forward`` and ``backward`` and is called through ``apply``. Either
    ``forward(ctx, *args)`` saves what ``backward`` needs, or ``forward(*args)`` computes alone and
    ``setup_context(ctx, inputs, output)`` saves. ``backward(ctx, *grads)`` takes one gradient an output and returns
    one an input: None for an input that is no tensor or needs none. Written with tensor operators, it can itself
    be differentiated.

    >>> import tritorch
    >>> class Exp(tritorch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         y = x.exp()
    ...         ctx.save_for_backward(y)
    ...         return y
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (y,) = ctx.saved_tensors
    ...         return grad * y
    >>> x = tritorch.zeros(2, requires_grad=True)
    >>> Exp.apply(x).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future "
            "version.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            "function with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html"
            "#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the outputs. To be overridden; runs with recording off."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple, output: Any) -> None:
        """Saves on :attr:`ctx` what ``backward`` needs, where ``forward`` takes no ``ctx``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: FunctionCtx, *grad_outputs: Any) -> Any:
        """Returns the gradient of each input from those of the outputs. To be overridden (``vjp`` is the same)."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it "
            "with backward mode AD."
        )

    vjp = backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Calls ``forward`` and records the call."""
        ctx = FunctionCtx()
        separate = cls.setup_context is not Function.setup_context
        if separate:
            bound = _signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        ctx.needs_input_grad = tuple([isinstance(x, Tensor) and x.requires_grad for x in args])
        recording = is_grad_enabled() and True in ctx.needs_input_grad
        with no_grad():
            if separate:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
            outputs = _finish_outputs(ctx, args, _as_tuple(result), recording)
        if recording:
            _record(cls, ctx, args, outputs)
        return outputs if isinstance(result, tuple) else outputs[0]


@functools.lru_cache(maxsize=256)
def _signature(function: Callable) -> inspect.Signature:
    return inspect.signature(function)


def _is_in(tensor: Any, tensors: tuple) -> bool:
    return any(tensor is t for t in tensors)


def _finish_outputs(ctx: FunctionCtx, inputs: tuple, outputs: tuple, recording: bool) -> tuple:
    """Settles which outputs are new, which are inputs written in place, and which are inputs handed through."""
    dirty = ctx.dirty_tensors
    for tensor in dirty:
        if not _is_in(tensor, inputs):
            warnings.warn(
                "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated "
                "should be passed to ctx.mark_dirty().",
                stacklevel=4,
            )
        elif not _is_in(tensor, outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs "
                "that are modified inplace must all be outputs of the Function."
            )
    finished = []
    for output in outputs:
        if isinstance(output, Tensor):
            written = _is_in(output, dirty)
            if written:
                _C.bump(output)
            elif _is_in(output, inputs):
                output = output.view_as(output)  # handed through: a new tensor, so that the input keeps its history
            if recording and not written and output._is_view():
                _C.set_custom_view(output)
        finished.append(output)
    return tuple(finished)


def _record(cls: type[Function], ctx: FunctionCtx, inputs: tuple, outputs: tuple) -> None:
    """Puts one node into the graph between the inputs and the differentiable outputs."""
    node = _C.OpBackward(cls.__name__ + "Backward", _Backward(cls, ctx, inputs, outputs), lazy=True)
    inputs = tuple([x for x in inputs if isinstance(x, Tensor)])
    saved, ctx.to_save = ctx.to_save, ()
    outs = tuple([None if _is_in(x, ctx.non_differentiable) else x for x in outputs])
    written = [x for x in outs if isinstance(x, Tensor) and _is_in(x, ctx.dirty_tensors)]
    for x in written:
        if x.is_leaf and x.requires_grad:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        _C.check_inplace(x, True)
    if not any(x._is_view() for x in written):
        _C.record(node, outs, inputs, saved)
    elif len(outs) == 1:
        _C.record_inplace(node, outs[0], inputs, saved)
    else:
        raise RuntimeError(
            "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return "
            "more than one Tensor. This is not supported by the current autograd engine. You should either make sure "
            "the input is not a view (using .clone() for example) or make your Function only return one Tensor "
            "(potentially splitting it into two Functions: one doing the inplace that returns a single Tensor and a "
            "second one that does the other operations). You can ask on the forum https://discuss.pytorch.org/ if you "
            "need help to do this change."
        )


class _Like:
    """The shape, dtype and device of an output, for the zeros of a gradient that never came."""

    __slots__ = ("device", "dtype", "shape")

    def __init__(self, tensor: Tensor) -> None:
        self.shape, self.dtype, self.device = tensor.shape, tensor.dtype, tensor.device


class _Backward:
    """What the engine calls for one recorded call: the user's ``backward``, with torch's checks of what it returns."""

    __slots__ = ("ctx", "function", "input_is_tensor", "outputs")

    def __init__(self, function: type[Function], ctx: FunctionCtx, inputs: tuple, outputs: tuple) -> None:
        self.function = function
        self.ctx = ctx
        self.input_is_tensor = [isinstance(x, Tensor) for x in inputs]
        self.outputs = [_Like(x) if isinstance(x, Tensor) else None for x in outputs]

    def __call__(self, needs: int, node: Any, *grads: Tensor | None) -> tuple:
        ctx = self.ctx
        ctx._node = weakref.ref(node)
        if ctx.materialize_grads and None in grads:
            pairs = zip(grads, self.outputs, strict=True)
            grads = tuple([_fill.zeros(x) if g is None and x is not None else g for g, x in pairs])
        grads = self._checked(_as_tuple(self._backward()(ctx, *grads)))
        return tuple([g for g, is_tensor in zip(grads, self.input_is_tensor, strict=True) if is_tensor])

    def _backward(self) -> Callable:
        function = self.function
        if function.vjp is Function.vjp:
            return function.backward
        if function.backward is Function.backward:
            return function.vjp
        raise RuntimeError(
            "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement "
            "one of them."
        )

    def _checked(self, grads: tuple) -> tuple:
        name, wanted = self.function.__name__ + "Backward", len(self.input_is_tensor)
        if len(grads) > wanted and all(g is None for g in grads[wanted:]):
            grads = grads[:wanted]
        if len(grads) != wanted:
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {wanted}, got {len(grads)})"
            )
        for index, (g, is_tensor) in enumerate(zip(grads, self.input_is_tensor, strict=True)):
            if g is None:
                continue
            if not is_tensor:
                raise RuntimeError(
                    f"function {name} returned a gradient different than None at position {index + 1}, "
                    "but the corresponding forward input was not a Variable"
                )
            if not isinstance(g, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
        return grads


def _as_tuple(result: Any) -> tuple:
    return result if isinstance(result, tuple) else (result,)


class _DifferentiatedTwice(Function):
    """The end of the graph behind a backward that may run once: running it raises."""

    @staticmethod
    def forward(ctx: FunctionCtx, *grads: Tensor | None) -> tuple:
        return tuple([g if g is None else g.detach() for g in grads])

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> None:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Callable) -> Callable:
    """Decorates a ``backward`` that cannot itself be differentiated: doing so raises instead of being wrong.

    >>> import tritorch
    >>> class Square(tritorch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     @tritorch.autograd.function.once_differentiable
    ...     def backward(ctx, grad):
    ...         return 2 * grad * ctx.saved_tensors[0]
    """

    @functools.wraps(fn)
    def once(ctx: FunctionCtx, *grads: Any) -> Any:
        with no_grad():
            result = fn(ctx, *grads)
        if not is_grad_enabled() or not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return result
        # fresh leaves in front of the raising node: it is reached whatever `fn` made of the graph
        leaves = [g if g is None else g.detach().requires_grad_() for g in _as_tuple(result)]
        guarded = _DifferentiatedTwice.apply(*leaves)
        return guarded if isinstance(result, tuple) else guarded[0]

    return once
