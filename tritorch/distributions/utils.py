"""What distributions share: broadcasting of parameters, probabilities and their logits, properties made on demand."""

from collections.abc import Callable
from functools import update_wrapper
from numbers import Number
from typing import Any, cast

from .. import _api as tt
from ..autograd import enable_grad
from ..dtypes import finfo, get_default_dtype
from ..nn import functional as F

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "euler_constant",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286060


def broadcast_all(*values: Any) -> tuple:
    """Makes tensors of one shape from tensors and numbers; numbers take the dtype and device of the first tensor.

    >>> import tritorch
    >>> tritorch.distributions.utils.broadcast_all(tritorch.ones(2), 3)
    (tensor([1., 1.]), tensor([3., 3.]))
    """
    if not all(isinstance(v, (tt.Tensor, Number)) for v in values):
        raise ValueError("Input arguments must all be instances of Number or Tensor.")
    first = next((v for v in values if isinstance(v, tt.Tensor)), None)
    kind: dict[str, Any] = (
        {"dtype": get_default_dtype()} if first is None else {"dtype": first.dtype, "device": first.device}
    )
    return tuple(tt.broadcast_tensors(*[v if isinstance(v, tt.Tensor) else tt.tensor(v, **kind) for v in values]))


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Any:
    return tt.randn(tuple(shape), dtype=dtype, device=device)


def _sum_rightmost(value: Any, dim: int) -> Any:
    """Sums over the last :attr:`dim` dimensions."""
    return value if dim == 0 else value.reshape(value.shape[:-dim] + (-1,)).sum(-1)


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """Probabilities from log-odds if :attr:`is_binary`, else from unnormalised log-probabilities along the last dim."""
    return tt.sigmoid(logits) if is_binary else F.softmax(logits, dim=-1)


def clamp_probs(probs: Any) -> Any:
    """Probabilities kept away from 0 and 1 by the precision of their dtype."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """The inverse of :func:`logits_to_probs`, up to a constant."""
    clamped = clamp_probs(probs)
    return tt.log(clamped) - tt.log1p(-clamped) if is_binary else tt.log(clamped)


class lazy_property:
    """Decorates a method without arguments: an attribute that is computed when it is first read, and kept."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        update_wrapper(cast(Any, self), wrapped)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(mat: Any, diag: int = 0) -> Any:
    """The elements on and below diagonal :attr:`diag` of square matrices, row by row, as vectors."""
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    arange = tt.arange(n, device=mat.device)
    return mat[..., arange < arange.view(-1, 1) + (diag + 1)]


def vec_to_tril_matrix(vec: Any, diag: int = 0) -> Any:
    """The inverse of :func:`tril_matrix_to_vec`, with zeros elsewhere."""
    size = vec.shape[-1]
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * size + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {size} which cannot be expressed as the lower triangular part of a square "
            "D x D matrix."
        )
    n = round(n)
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    arange = tt.arange(n, device=vec.device)
    mat[..., arange < arange.view(-1, 1) + (diag + 1)] = vec
    return mat
