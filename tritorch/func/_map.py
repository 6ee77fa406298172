"""One call for each element of a batch."""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any

from .. import _api as tt
from ..random import get_rng_state, set_rng_state
from ._tree import leaves, mapped, rebuilt, spread

__all__ = ["vmap"]


def vmap(
    func: Callable, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None
) -> Callable:
    """Returns the function that maps :attr:`func` over a dimension of its arguments and stacks what it returns.

    :attr:`func` is called once for each element, with views of the arguments: anything it does works, branches on
    values too, and its cost is that of the calls. Operators that take a batch themselves are faster.

    Args:
        func: takes and returns tensors, or trees of them.
        in_dims: over which dimension of each argument to map; None hands an argument on whole. One for all, or a
            tuple with one for each argument, in which dicts, lists and tuples may go into the argument's own.
        out_dims: where the new dimension goes in the results; as :attr:`in_dims`.
        randomness: "error" refuses random numbers from the default generator, "different" draws new ones for each
            element, "same" draws the same for all.
        chunk_size: accepted; elements are mapped one by one.

    >>> import tritorch
    >>> dot = tritorch.vmap(tritorch.dot, in_dims=(0, None))
    >>> dot(tritorch.tensor([[1.0, 2.0], [3.0, 4.0]]), tritorch.ones(2))
    tensor([3., 7.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        name = _name(func)
        _check_out_dims(out_dims, name)
        dims, size = _in_dims(in_dims, args, name)
        slices = [_repeat(a, size) if d is None else iter(a.unbind(d)) for a, d in zip(leaves(args), dims, strict=True)]
        results = []
        for _ in _draws(size, randomness):
            results.append(func(*rebuilt(args, map(next, slices)), **kwargs))
        return _stacked(results, out_dims, name)

    return wrapper


def _repeat(value: Any, times: int) -> Iterator:
    return iter([value] * times)


def _draws(size: int, randomness: str) -> Iterator[None]:
    """A turn for each element, each with the random state it is to see."""
    before = get_rng_state()
    for _ in range(size):
        if randomness == "same":
            set_rng_state(before)
        yield
        if randomness == "error" and not before.equal(get_rng_state()):
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )


def _in_dims(in_dims: Any, args: tuple, name: str) -> tuple[list, int]:
    """The dimension of each leaf of the arguments, and the size they share."""
    call = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{call}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with no inputs. The latter is unsupported."
        )
    dims = spread(in_dims, args)
    if dims is None:
        raise ValueError(
            f"{call}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{mapped(type, in_dims)} but inputs has structure {mapped(type, args)}."
        )
    sizes = []
    for dim, arg in zip(dims, leaves(args), strict=True):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise ValueError(
                f"{call}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(arg, tt.Tensor):
            raise ValueError(
                f"{call}Got in_dim={dim} for an input but the input is of type {type(arg)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -arg.dim() <= dim < arg.dim():
            raise ValueError(
                f"{call}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {arg.dim()} so "
                f"expected in_dim to satisfy -{arg.dim()} <= in_dim < {arg.dim()}."
            )
        sizes.append(arg.size(dim))
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    if not sizes[0]:
        raise RuntimeError("vmap: cannot map over a dimension of size 0: without a call there is no result to shape")
    return dims, sizes[0]


def _check_out_dims(out_dims: Any, name: str) -> None:
    for dim in leaves(out_dims):
        if not (dim is None or isinstance(dim, int)):
            raise ValueError(
                f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of "
                "ints representing where in the outputs the vmapped dimension should appear."
            )


def _stacked(results: list, out_dims: Any, name: str) -> Any:
    first = results[0]
    single = isinstance(first, tt.Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1
    dims = list(out_dims) if single else spread(out_dims, first)
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {mapped(type, out_dims)} but outputs has structure "
            f"{mapped(type, first)}."
        )
    columns = zip(*map(leaves, results), strict=True)
    return rebuilt(first, [_joined(column, dim, name) for column, dim in zip(columns, dims, strict=True)])


def _joined(column: tuple, dim: int | None, name: str) -> Any:
    if dim is None:
        return column[0]
    for value in column:
        if not isinstance(value, tt.Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(value)}. Did you mean to set "
                "out_dims= to None for output?"
            )
    return tt.stack(column, dim)


def _name(func: Any) -> str:
    if hasattr(func, "__name__"):
        return func.__name__
    return f"functools.partial({_name(func.func)}, ...)" if isinstance(func, partial) else repr(func)
