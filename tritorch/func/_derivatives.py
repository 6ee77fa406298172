"""Derivatives as functions; they nest, because each level differentiates through the graph of the next one.

Forward derivatives (``jvp``, ``jacfwd``, ``linearize``) use the double-backward trick: backward is linear in the
gradient u of the outputs, u -> u J, so its own derivative by u, multiplied by v, is J v.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from .. import _api as tt
from ..autograd import enable_grad, is_grad_enabled
from ..autograd.engine import grad_where_any
from ._tree import leaves, mapped, rebuilt, same_shape

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp"]


def grad(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """Returns the function that computes the gradient of :attr:`func`.

    Args:
        func: returns a tensor of no dimensions.
        argnums: which arguments to differentiate by; they are tensors or trees (dicts, lists, tuples) of them.
        has_aux: :attr:`func` returns a pair, and its second element is handed on.

    Returns:
        A function of the same arguments: the gradient has the structure of the argument, for a tuple of
        :attr:`argnums` it is a tuple of such; with :attr:`has_aux` followed by the second result.

    Gradients of gradients work. As everywhere here, results can be differentiated further if what they depend on
    outside requires it, and else hold no graph.

    >>> import tritorch
    >>> from tritorch.func import grad
    >>> grad(grad(tritorch.sin))(tritorch.tensor(1.0))
    tensor(-0.8415)
    """
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def grad_and_value(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """As :func:`grad`, and the function returned gives the value too: ``(gradient, value)``.

    >>> import tritorch
    >>> tritorch.func.grad_and_value(lambda x: (x * x).sum())(tritorch.ones(2))
    (tensor([2., 2.]), tensor(2.))
    """
    name = "grad_and_value(f)(*args)"

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = _Call(name, func, args, argnums, has_aux, kwargs)
        output = call.output
        if not isinstance(output, tt.Tensor):
            raise RuntimeError(f"{name}: Expected f(*args) to return a Tensor, got {type(output)}")
        if output.dim():
            raise RuntimeError(
                f"{name}: Expected f(*args) to return a scalar Tensor, got tensor with {output.dim()} dims. Maybe you "
                "wanted to use the vjp or jacrev APIs instead?"
            )
        gradient = call.released(call.structured(call.backward(None, call.deeper)))
        value = call.released(output)
        return (gradient, (value, call.released(call.aux))) if has_aux else (gradient, value)

    return wrapper


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """Returns ``func(*primals)`` and a function: of a vector, shaped as that result, its product with the Jacobian.

    Args:
        func: returns a tensor or a tree of tensors.
        primals: tensors or trees of them.
        has_aux: :attr:`func` returns a pair; its second element comes third.

    The function returned takes a tree structured as the result, and returns a tuple: an element for each of
    :attr:`primals`.

    >>> import tritorch
    >>> value, product = tritorch.func.vjp(tritorch.exp, tritorch.zeros(2))
    >>> product(tritorch.tensor([1.0, 2.0]))
    (tensor([1., 2.]),)
    """
    call = _Call("vjp(f, *primals)", func, primals, None, has_aux)
    call.check_outputs()
    for output in call.outputs:
        if not (output.is_floating_point() or output.is_complex()):
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                f"{output.dtype}"
            )

    def product(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        if not same_shape(cotangents, call.output):
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {mapped(type, cotangents)}, primal output: {mapped(type, call.output)}"
            )
        vectors = leaves(cotangents)
        further = is_grad_enabled() and (call.deeper or any(v.requires_grad for v in vectors))
        further = further if create_graph is None else create_graph
        return call.released(call.structured(call.backward(vectors, further)))

    value = call.released(call.output)
    return (value, product, call.released(call.aux)) if has_aux else (value, product)


def jvp(func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False) -> tuple:
    """Returns ``func(*primals)`` and the product of its Jacobian with :attr:`tangents`.

    Args:
        func: returns a tensor or a tree of tensors; all of its operators need derivatives of derivatives.
        primals (tuple): tensors or trees of them.
        tangents (tuple): the same structure.
        strict: raise RuntimeError where an output does not depend on the primals, instead of giving zeros.
        has_aux: :attr:`func` returns a pair; its second element comes third.

    >>> import tritorch
    >>> x = tritorch.zeros(2)
    >>> tritorch.func.jvp(tritorch.exp, (x,), (tritorch.tensor([1.0, 2.0]),))
    (tensor([1., 1.]), tensor([1., 2.]))
    """
    name = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{name}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    if not same_shape(primals, tangents):
        raise RuntimeError(
            f"{name}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {mapped(type, primals)} and "
            f"tangents with structure {mapped(type, tangents)}"
        )
    for what, tree in (("primals", primals), ("tangents", tangents)):
        if not leaves(tree):
            raise RuntimeError(f"{name}: Expected {what} to contain at least one Tensor.")
        for leaf in leaves(tree):
            if not isinstance(leaf, tt.Tensor):
                raise RuntimeError(f"{name}: Expected {what} to only contain Tensors, got {type(leaf)}")
    call = _Call(name, func, primals, None, has_aux)
    call.check_outputs()
    results = call.released(call.output), call.forward(leaves(tangents), strict)
    return (*results, call.released(call.aux)) if has_aux else results


def linearize(func: Callable, *primals: Any) -> tuple:
    """Returns ``func(*primals)`` and the function that multiplies its Jacobian with tangents, as often as wanted.

    >>> import tritorch
    >>> value, product = tritorch.func.linearize(tritorch.sin, tritorch.zeros(2))
    >>> product(tritorch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    call = _Call("linearize(f, *primals)", func, primals, None, False)
    call.check_outputs()

    def product(*tangents: Any) -> Any:
        if not same_shape(tangents, primals):
            raise RuntimeError(
                f"Expected the tangents {mapped(type, tangents)} to have the same argspec as the primals "
                f"{mapped(type, primals)}"
            )
        vectors = leaves(tangents)
        for i, (vector, primal) in enumerate(zip(vectors, call.inputs, strict=True)):
            for what in ("shape", "device", "dtype"):
                if getattr(vector, what) != getattr(primal, what):
                    raise RuntimeError(
                        f"tangent:{i} with {what} {getattr(vector, what)} in flattened pytree doesn't match the "
                        f"{what} {getattr(primal, what)} of the corresponding primal."
                    )
        return call.forward(vectors)

    return call.released(call.output), product


def jacrev(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """Returns the function that computes the Jacobian of :attr:`func`, row by row (one backward for each).

    Args:
        func: returns a tensor or a tree of tensors.
        argnums, has_aux: as for :func:`grad`.
        chunk_size: accepted; rows are computed one by one.

    The Jacobian's shape is the output's followed by the argument's; where outputs, arguments or :attr:`argnums` are
    trees, it is the tree of the outputs whose leaves are trees of the arguments.

    >>> import tritorch
    >>> tritorch.func.jacrev(tritorch.sin)(tritorch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        _refuse_complex("jacrev", args, "inputs")
        call = _Call("jacrev(f)(*args)", func, args, argnums, has_aux, kwargs)
        call.check_outputs()
        _refuse_complex("jacrev", call.output, "outputs")
        blocks = [call.structured(call.rows(output)) for output in call.outputs]
        jacobian = call.released(rebuilt(call.output, blocks))
        return (jacobian, call.released(call.aux)) if has_aux else jacobian

    return wrapper


def jacfwd(
    func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable:
    """Returns the function that computes the Jacobian of :attr:`func`, column by column (see :func:`jvp`).

    Args:
        func, argnums, has_aux: as for :func:`jacrev`, and so is the result.
        randomness: accepted; the function is called once.

    >>> import tritorch
    >>> tritorch.func.jacfwd(tritorch.sin)(tritorch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        _refuse_complex("jacfwd", args, "inputs")
        call = _Call("jvp(f, primals, tangents)", func, args, argnums, has_aux, kwargs)
        call.check_outputs()
        _refuse_complex("jacfwd", call.output, "outputs")
        blocks = [call.structured(row) for row in zip(*map(call.columns, range(len(call.inputs))), strict=True)]
        jacobian = call.released(rebuilt(call.output, blocks))
        return (jacobian, call.released(call.aux)) if has_aux else jacobian

    return wrapper


def hessian(func: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """Returns the function that computes the Hessian of :attr:`func`: the Jacobian of its Jacobian.

    >>> import tritorch
    >>> tritorch.func.hessian(lambda x: (x**3).sum())(tritorch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)


class _Call:
    """A call of the function on fresh nodes of the graph in place of the arguments to differentiate by."""

    def __init__(
        self, name: str, func: Callable, args: tuple, argnums: Any, has_aux: bool, kwargs: dict | None = None
    ) -> None:
        self.name, self.outer = name, is_grad_enabled()
        places = range(len(args)) if argnums is None else _places(argnums, len(args))
        with enable_grad():
            chosen = {i: mapped(self._fresh, args[i]) for i in places}
            self.output: Any = func(*[chosen.get(i, a) for i, a in enumerate(args)], **(kwargs or {}))
        self.structure = chosen[places[0]] if isinstance(argnums, int) else tuple([chosen[i] for i in places])
        self.inputs = leaves(self.structure)
        self.own = {id(x) for x in self.inputs if x.is_leaf}
        self.aux: Any = None
        if has_aux:
            if not (isinstance(self.output, tuple) and len(self.output) == 2):
                raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
            self.output, self.aux = self.output
        self.outputs = leaves(self.output)
        self._pullback: tuple | None = None

    def _fresh(self, x: Any) -> Any:
        if not isinstance(x, tt.Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
        # a new tensor always: the function may also hold the given one, and that is a constant to it
        return x.view_as(x) if self.outer and x.requires_grad else x.detach().requires_grad_()

    def check_outputs(self) -> None:
        if not self.outputs or self.output is None:
            raise RuntimeError(
                f"{self.name}: Expected f to be a function that has non-empty output (got output = {self.output})"
            )
        for output in self.outputs:
            if not isinstance(output, tt.Tensor):
                raise RuntimeError(
                    f"{self.name}: expected f(*primals) to return only tensors, got unsupported type {type(output)}"
                )

    @property
    def deeper(self) -> bool:
        """Whether derivatives may be differentiated again: the graph goes on outside of this call."""
        return self.outer and any(_leads_out(o, self.own) for o in self.outputs)

    def structured(self, values: Any) -> Any:
        return rebuilt(self.structure, values)

    def released(self, tree: Any) -> Any:
        """The tree without the graphs that end in this call."""
        return mapped(self._released, tree)

    def _released(self, value: Any) -> Any:
        if not isinstance(value, tt.Tensor) or not value.requires_grad:
            return value
        return value if self.outer and _leads_out(value, self.own) else value.detach()

    def backward(self, vectors: list | None, create_graph: bool) -> list:
        """The vector, one part for each output, times the Jacobian: one part for each input."""
        return _products(self.outputs, self.inputs, vectors, create_graph)

    def forward(self, vectors: list, strict: bool = False) -> Any:
        """The Jacobian times the vector, as the outputs are structured."""
        with enable_grad():
            if self._pullback is None:
                u = [tt.zeros_like(o, requires_grad=o.is_floating_point() or o.is_complex()) for o in self.outputs]
                self.own |= {id(x) for x in u}
                self._pullback = u, grad_where_any(self.outputs, self.inputs, u, create_graph=True)
            u, pulled = self._pullback
            further = self.outer and (self.deeper or any(v.requires_grad for v in vectors))
            inputs = [x for x in u if x.requires_grad]
            found = iter(grad_where_any(pulled, inputs, vectors, create_graph=further, retain_graph=True))
            products = [next(found) if x.requires_grad else None for x in u]
        if strict and None in products:
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not "
                "allowed with strict=True."
            )
        filled = [tt.zeros_like(o) if p is None else p for p, o in zip(products, self.outputs, strict=True)]
        return self.released(rebuilt(self.output, filled))

    def rows(self, output: Any) -> list:
        """The Jacobian of one output by each input."""
        flat, further = output.reshape(-1), self.deeper
        rows = [_products([flat[i]], self.inputs, None, further) for i in range(output.numel())]
        if not rows:
            return [x.new_zeros(output.shape + x.shape) for x in self.inputs]
        columns = zip(*rows, strict=True)
        return [tt.stack(c).view(output.shape + x.shape) for c, x in zip(columns, self.inputs, strict=True)]

    def columns(self, index: int) -> list:
        """The Jacobian of each output by one input."""
        vectors = [tt.zeros_like(x) for x in self.inputs]
        shape, columns = self.inputs[index].shape, []
        for i in range(vectors[index].numel()):
            vectors[index] = tt.zeros_like(self.inputs[index])
            vectors[index].view(-1)[i] = 1
            columns.append(leaves(self.forward(vectors)))
        if not columns:
            return [o.new_zeros(o.shape + shape) for o in self.outputs]
        rows = zip(*columns, strict=True)
        return [tt.stack(r, -1).view(o.shape + shape) for r, o in zip(rows, self.outputs, strict=True)]


def _products(outputs: list, inputs: list, vectors: list | None, create_graph: bool) -> list:
    with enable_grad():
        found = grad_where_any(outputs, inputs, vectors, create_graph=create_graph, retain_graph=True)
    return [tt.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def _leads_out(tensor: Any, own: set[int]) -> bool:
    """Whether the tensor's graph reaches a leaf other than those of this call."""
    if tensor.grad_fn is None:
        return tensor.requires_grad and id(tensor) not in own
    waiting, seen = [tensor.grad_fn], set()
    while waiting:
        node = waiting.pop()
        variable = getattr(node, "variable", None)
        if variable is not None and id(variable) not in own:
            return True
        new = {following for following, _ in node.next_functions if following is not None} - seen
        seen |= new
        waiting.extend(new)
    return False


def _places(argnums: Any, count: int) -> list[int]:
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    places = []
    for argnum in (argnums,) if isinstance(argnums, int) else argnums:
        if not isinstance(argnum, int):
            raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
        if not -count <= argnum < count:
            raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
        places.append(argnum % count)
    if not places:
        raise RuntimeError("argnums must be non-empty")
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {tuple(places)}")
    return places


def _refuse_complex(name: str, tree: Any, what: str) -> None:
    for index, leaf in enumerate(leaves(tree)):
        if isinstance(leaf, tt.Tensor) and leaf.is_complex():
            raise RuntimeError(
                f"{name}: Expected all {what} to be real but received complex tensor at flattened input idx: {index}"
            )
