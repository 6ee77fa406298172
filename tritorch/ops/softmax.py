"""Softmax and its like: rows normalised along one dim, in one pass of blocks over memory."""

import numpy as np

from .. import _C
from ..runtime.blocks import get_num_threads
from . import _softmax_kernels
from ._kinds import RowWise
from ._op import Op, ops
from ._schema import Dim, DType, Number


def _back(logarithm, scale, output, dim):
    """The gradient of softmax or of its logarithm; all dims but one are rows."""
    if not output.size:
        return np.empty_like(output)
    if dim == output.ndim - 1:
        return _C.softmax_back(scale, output, logarithm, get_num_threads())
    if not output.ndim:
        return _C.softmax_back(scale.reshape(1), output.reshape(1), logarithm, 1).reshape(())
    scale, output = np.moveaxis(scale, dim, -1), np.moveaxis(output, dim, -1)
    return np.moveaxis(_C.softmax_back(scale, output, logarithm, get_num_threads()), -1, dim)


class softmax_of(RowWise, function=False, method=False):
    """Exponentials of the elements along :attr:`dim` over their sum."""

    def cpu(input, dim: Dim, dtype: DType = None):
        return _C.softmax(input, False, get_num_threads())

    def cuda(input, dim, dtype=None):
        return _softmax_kernels.forward(input, dim, dtype, False)

    def d_input(grad, out, dim):
        return ops.softmax_backward(grad, out, dim)


class softmax_backward(Op, function=False, method=False, has_out=False):
    """The gradient of softmax: ``output * (scale - sum(scale * output))`` for its gradient ``scale``."""

    def cpu(scale, output, dim: Dim):
        return _back(False, scale, output, dim)

    def cuda(scale, output, dim):
        return _softmax_kernels.backward(scale, output, dim, False)

    def d_scale(grad, output, dim):
        return ops.softmax_backward(grad, output, dim)

    def d_output(grad, scale, output, dim):
        inner = (scale * output).sum(dim, True)
        return grad * (scale - inner) - (grad * output).sum(dim, True) * scale


class log_softmax_of(RowWise, function=False, method=False):
    """The logarithm of softmax along :attr:`dim`, computed without it."""

    def cpu(input, dim: Dim, dtype: DType = None):
        return _C.softmax(input, True, get_num_threads())

    def cuda(input, dim, dtype=None):
        return _softmax_kernels.forward(input, dim, dtype, True)

    def d_input(grad, out, dim):
        return ops.log_softmax_backward(grad, out, dim)


class log_softmax_backward(Op, function=False, method=False, has_out=False):
    """The gradient of log_softmax: ``scale - softmax * sum(scale)`` for its gradient ``scale``."""

    def cpu(scale, output, dim: Dim):
        return _back(True, scale, output, dim)

    def cuda(scale, output, dim):
        return _softmax_kernels.backward(scale, output, dim, True)

    def d_scale(grad, output, dim):
        return grad - (grad * output.exp()).sum(dim, True)

    def d_output(grad, scale, output, dim):
        return -(grad * output.exp() * scale.sum(dim, True))


def _default_dim(name, ndim):
    return 0 if ndim in (0, 1, 3) else 1


def _row_wise(make, name, input, dim, dtype):
    if dim is None:
        dim = _default_dim(name, input.ndim)
    if dtype is None and not input.is_floating_point():
        raise NotImplementedError(f"\"{name}_lastdim_kernel_impl\" not implemented for '{input.dtype.type_name}'")
    return make(input, dim, dtype)


class softmax(Op, also="special.softmax"):
    """Exponentials of the elements along :attr:`dim` over their sum: a distribution along it.

    Example:
        >>> import tritorch
        >>> tritorch.softmax(tritorch.zeros(4), 0)
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    def eager(input, dim: Dim, dtype: DType = None):
        return _row_wise(ops.softmax_of, "softmax", input, dim, dtype)


class log_softmax(Op, also="special.log_softmax"):
    """The logarithm of :func:`softmax` along :attr:`dim`."""

    def eager(input, dim: Dim, dtype: DType = None):
        return _row_wise(ops.log_softmax_of, "log_softmax", input, dim, dtype)


class nn_functional_softmax(Op, home="nn.functional", method=False, has_out=False):
    """:func:`tritorch.softmax`; without ``dim`` it takes dim 1, or 0 for 0, 1 and 3 dims."""

    def eager(input, dim: object = None, _stacklevel: int = 3, dtype: DType = None):
        return _row_wise(ops.softmax_of, "softmax", input, dim, dtype)


class nn_functional_log_softmax(Op, home="nn.functional", method=False, has_out=False):
    """:func:`tritorch.log_softmax`; without ``dim`` it takes dim 1, or 0 for 0, 1 and 3 dims."""

    def eager(input, dim: object = None, _stacklevel: int = 3, dtype: DType = None):
        return _row_wise(ops.log_softmax_of, "log_softmax", input, dim, dtype)


class softmin(Op, home="nn.functional", method=False, has_out=False):
    """:func:`softmax` of the negated input."""

    def eager(input, dim: object = None, _stacklevel: int = 3, dtype: DType = None):
        return _row_wise(ops.softmax_of, "softmax", -input, dim, dtype)


class gumbel_softmax(Op, home="nn.functional", method=False, has_out=False):
    """A sample of the Gumbel-softmax distribution of unnormalised log-probabilities; ``hard`` makes it one-hot, with
    the soft sample's gradient (Jang, Gu and Poole, 2017)."""

    def eager(logits, tau: Number = 1, hard: bool = False, eps: Number = 1e-10, dim: int = -1):
        gumbels = -ops.empty_like(logits).exponential_().log()
        soft = ops.softmax_of((logits + gumbels) / tau, dim)
        if not hard:
            return soft
        index = soft.max(dim, keepdim=True)[1]
        picked = ops.zeros_like(logits).scatter(dim, index, 1.0)
        return picked - soft.detach() + soft

    def samples(make):
        yield make(3, 4)
        yield make(3, 4), 0.5, True
