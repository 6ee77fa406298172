"""Derivatives of functions: Jacobians and Hessians, whole or multiplied by a vector.

Products from the right (``jvp``, ``hvp``) use the double-backward trick: backward is linear in the gradient u of
the outputs, u -> u J, so its own derivative by u, multiplied by v, is J v.
"""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from .engine import grad_where_any
from .grad_mode import enable_grad, is_grad_enabled, set_grad_enabled

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """Returns ``func(*inputs)`` and the product of :attr:`v` with the Jacobian, v J.

    Args:
        func: takes the inputs, returns a Tensor or a tuple of Tensors.
        inputs: a Tensor or a tuple of them.
        v: as the outputs; may be left out for one output of one element.
        create_graph: make both results differentiable.
        strict: raise where an output does not depend on an input, instead of giving zeros.

    Returns:
        The outputs, and the product, with the structure and shapes of the inputs.

    >>> import tritorch
    >>> tritorch.autograd.functional.vjp(lambda x: x.exp(), tritorch.zeros(2), tritorch.tensor([1.0, 2.0]))
    (tensor([1., 1.]), tensor([1., 2.]))
    """
    with enable_grad():
        call = _Call("vjp", func, inputs, create_graph, strict)
        vector = call.vector(v, call.outputs, call.many_outputs, "returns a single Tensor")
    with set_grad_enabled(create_graph or is_grad_enabled()):
        product = grad_where_any(call.outputs, call.inputs, vector, create_graph=create_graph)
        product = call.filled(product, call.inputs, _INDEPENDENT_OUTPUT)
    return call.result(product, call.many_inputs)


def jvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """Returns ``func(*inputs)`` and the product of the Jacobian with :attr:`v`, J v.

    Args:
        func, inputs, create_graph, strict: as for :func:`vjp`.
        v: as the inputs; may be left out for one input of one element.

    Returns:
        The outputs, and the product, with their structure and shapes.

    >>> import tritorch
    >>> tritorch.autograd.functional.jvp(lambda x: x.exp(), tritorch.zeros(2), tritorch.tensor([1.0, 2.0]))
    (tensor([1., 1.]), tensor([1., 2.]))
    """
    with enable_grad():
        call = _Call("jvp", func, inputs, create_graph, strict)
        vector = call.vector(v, call.inputs, call.many_inputs, "takes a single Tensor")
        u = tuple([tt.zeros_like(o, requires_grad=True) for o in call.outputs])
        backward = grad_where_any(call.outputs, call.inputs, u, create_graph=True)
        call.check_depends(backward, "The gradient with respect to input {} is independent of the inputs")
        product = grad_where_any(backward, u, vector, create_graph=create_graph)
        product = call.filled(product, call.outputs, _INDEPENDENT_OUTPUT)
    return call.result(product, call.many_outputs)


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Returns the Jacobian of :attr:`func`: its shape is the output's followed by the input's.

    Args:
        func, inputs, create_graph, strict: as for :func:`vjp`.
        vectorize: accepted; rows are computed one by one.
        strategy: "reverse-mode". Forward mode is not supported.

    Returns:
        A Tensor; with several inputs or outputs, tuples of them: ``jacobian[i][j]`` is output i by input j.

    >>> import tritorch
    >>> tritorch.autograd.functional.jacobian(lambda x: x * x, tritorch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy != "reverse-mode":
        raise RuntimeError(f'jacobian: expected strategy "reverse-mode", got "{strategy}"')
    with enable_grad():
        call = _Call("jacobian", func, inputs, create_graph, strict)
        rows = tuple([_jacobian_of(call, i, output) for i, output in enumerate(call.outputs)])
    if not create_graph:
        rows = tuple([tuple([j.detach() for j in row]) for row in rows])
    rows = tuple([_structured(row, call.many_inputs) for row in rows])
    return _structured(rows, call.many_outputs)


def _jacobian_of(call: "_Call", index: int, output: Any) -> tuple:
    text = f"Output {index} of the user-provided function is independent of input {{}}"
    rows: list[tuple] = []
    flat = output.reshape(-1)
    for element in range(output.numel()):
        row = grad_where_any((flat[element],), call.inputs, None, create_graph=call.create_graph, retain_graph=True)
        rows.append(call.filled(row, call.inputs, text))
    if not rows:
        return tuple([x.new_zeros(output.shape + x.shape) for x in call.inputs])
    columns = zip(*rows, strict=True)
    return tuple([tt.stack(c).view(output.shape + x.shape) for c, x in zip(columns, call.inputs, strict=True)])


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Returns the Hessian of a function of one value.

    Args:
        func: takes the inputs, returns a Tensor of one element.
        inputs, create_graph, strict, vectorize: as for :func:`jacobian`.
        outer_jacobian_strategy: "reverse-mode".

    Returns:
        A Tensor of the input's shape twice; for a tuple of inputs, ``hessian[i][j]`` is by input i and input j.

    >>> import tritorch
    >>> tritorch.autograd.functional.hessian(lambda x: (x**3).sum(), tritorch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    many = isinstance(inputs, tuple)

    def value(*xs: Any) -> Any:
        return _one_value(func(*xs), "hessian").squeeze()

    def gradient(*xs: Any) -> tuple:
        rows = jacobian(value, xs, create_graph=True)
        if strict:
            for i, row in enumerate(rows):
                if not row.requires_grad:
                    raise RuntimeError(_INDEPENDENT_JACOBIAN.format(i) + _STRICT)
        return rows

    rows = jacobian(
        gradient,
        inputs if many else (inputs,),
        create_graph=create_graph,
        strict=strict,
        vectorize=vectorize,
        strategy=outer_jacobian_strategy,
    )
    return rows if many else rows[0][0]


def vhp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """Returns ``func(*inputs)`` and the product of :attr:`v` with the Hessian, v H.

    Args:
        func: takes the inputs, returns a Tensor of one element.
        inputs, create_graph, strict: as for :func:`vjp`.
        v: as the inputs; may be left out for one input of one element.

    Returns:
        The value, and the product, with the structure and shapes of the inputs.

    >>> import tritorch
    >>> x = tritorch.tensor([1.0, 2.0])
    >>> tritorch.autograd.functional.vhp(lambda x: (x**3).sum(), x, tritorch.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        call, vector, gradient = _gradient_of_value("vhp", func, inputs, v, create_graph, strict)
    with set_grad_enabled(create_graph or is_grad_enabled()):
        product = grad_where_any(gradient, call.inputs, vector, create_graph=create_graph)
        product = call.filled(product, call.inputs, _INDEPENDENT_JACOBIAN)
    return call.result(product, call.many_inputs)


def hvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """Returns ``func(*inputs)`` and the product of the Hessian with :attr:`v`, H v.

    By the double-backward trick; :func:`vhp` is faster, and the same where the Hessian is symmetric.

    Args and returns: as for :func:`vhp`.

    >>> import tritorch
    >>> x = tritorch.tensor([1.0, 2.0])
    >>> tritorch.autograd.functional.hvp(lambda x: (x**3).sum(), x, tritorch.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        call, vector, gradient = _gradient_of_value("hvp", func, inputs, v, create_graph, strict)
        u = tuple([tt.zeros_like(x, requires_grad=True) for x in call.inputs])
        backward = grad_where_any(gradient, call.inputs, u, create_graph=True)
        product = grad_where_any(backward, u, vector, create_graph=create_graph)
        product = call.filled(product, call.inputs, _INDEPENDENT_JACOBIAN)
    return call.result(product, call.many_inputs)


def _gradient_of_value(name: str, func: Callable, inputs: Any, v: Any, create_graph: bool, strict: bool) -> tuple:
    call = _Call(name, func, inputs, create_graph, strict)
    _one_value(call.outputs if call.many_outputs else call.outputs[0], name)
    vector = call.vector(v, call.inputs, call.many_inputs, "takes a single Tensor")
    gradient = grad_where_any(call.outputs, call.inputs, None, create_graph=True)
    call.check_depends(gradient, _INDEPENDENT_JACOBIAN)
    return call, vector, gradient


# ---- what they share

_STRICT = ". This is not allowed in strict mode."
_INDEPENDENT_OUTPUT = "The output of the user-provided function is independent of input {}"
_INDEPENDENT_JACOBIAN = "The jacobian of the user-provided function with respect to input {} is independent of it"


class _Call:
    """The function's inputs, as fresh nodes of the graph, and its outputs, computed from them."""

    def __init__(self, name: str, func: Callable, inputs: Any, create_graph: bool, strict: bool) -> None:
        self.name, self.create_graph, self.strict = name, create_graph, strict
        self.many_inputs, given = _tensors(inputs, "inputs", name)
        self.inputs = tuple([self._fresh(x, True) for x in given])
        self.many_outputs, self.outputs = _tensors(func(*self.inputs), "outputs of the user-provided function", name)
        for i, output in enumerate(self.outputs):
            if strict and not output.requires_grad:
                raise RuntimeError(
                    f"Output {i} of the user-provided function does not require gradients. The outputs must be "
                    "computed in a differentiable manner from the input when running in strict mode."
                )

    def _fresh(self, x: Any, need_graph: bool) -> Any:
        # a new tensor always: the function may also hold the given one, and that is a constant to it
        if self.create_graph and x.requires_grad:
            return x.view_as(x)
        return x.detach().requires_grad_(need_graph)

    def vector(self, v: Any, like: tuple, many: bool, expectation: str) -> tuple | None:
        """The vector to multiply with, checked against what it has to look like."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise RuntimeError(
                    f"The vector v can only be None if the user-provided function {expectation} with a single element."
                )
            return tuple([tt.ones_like(x) for x in like])
        _, vector = _tensors(v, "v", self.name)
        if len(vector) != len(like):
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(vector)}."
                if many
                else "The given v should contain a single Tensor."
            )
        for i, (given, expected) in enumerate(zip(vector, like, strict=True)):
            if given.shape != expected.shape:
                where = f"Entry {i} in " if many else ""
                raise RuntimeError(f"{where}v has invalid size: should be {expected.shape} but got {given.shape}.")
        return tuple([self._fresh(x, False) for x in vector])

    def check_depends(self, grads: tuple, text: str) -> None:
        if self.strict:
            for i, g in enumerate(grads):
                if g is None or not g.requires_grad:
                    raise RuntimeError(text.format(i) + _STRICT)

    def filled(self, grads: tuple, like: tuple, text: str) -> tuple:
        """Zeros for the gradients that are not there; in strict mode, an error."""
        if self.strict:
            for i, g in enumerate(grads):
                if g is None or (self.create_graph and not g.requires_grad):
                    raise RuntimeError(text.format(i) + _STRICT)
        return tuple([tt.zeros_like(x) if g is None else g for g, x in zip(grads, like, strict=True)])

    def result(self, product: tuple, many: bool) -> tuple:
        outputs = self.outputs
        if not self.create_graph:
            outputs = tuple([o.detach() for o in outputs])
            product = tuple([p.detach() for p in product])
        return _structured(outputs, self.many_outputs), _structured(product, many)


def _tensors(x: Any, what: str, name: str) -> tuple[bool, tuple]:
    many = isinstance(x, tuple)
    tensors = x if many else (x,)
    for i, element in enumerate(tensors):
        if not isinstance(element, tt.Tensor):
            which = f"value at index {i}" if many else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the {which} has type "
                f"{type(element)}."
            )
    return many, tensors


def _structured(elements: tuple, many: bool) -> Any:
    return elements if many else elements[0]


def _one_value(output: Any, name: str) -> Any:
    if not isinstance(output, tt.Tensor):
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if output.numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return output
