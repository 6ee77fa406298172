"""Random numbers, all from the Philox stream of a generator: see Note [Random streams]."""

import numpy as np

from .. import _C
from ..dtypes import int64
from ..runtime.array import empty
from ..runtime.jit import libdevice, triton
from ..runtime.pointwise import copy, pointwise
from ._kinds import Creation
from ._op import FLOAT32, Op, ops
from ._random import (
    cauchy_into,
    draw,
    draw_there,
    exponential_into,
    geometric_into,
    integers_into,
    normal_into,
    stream_for,
    uniform_into,
)
from ._schema import DType, Number, Shape
from ._sort_kernels import order_of_rows


@triton.jit
def exp_of(value):
    return libdevice.exp(value)


class rand(Creation):
    """Numbers uniform on [0, 1).

    Example:
        >>> import tritorch
        >>> tritorch.rand(2, 3).shape
        tritorch.Size([2, 3])
    """

    def cpu(size: Shape, *, generator: object = None, dtype: DType = None):
        return draw(uniform_into, size, dtype, generator, 0.0, 1.0)

    def cuda(size, generator=None, dtype=None):
        return draw_there(uniform_into, size, dtype, generator, 0.0, 1.0)


class randn(Creation):
    """Numbers of the standard normal distribution."""

    def cpu(size: Shape, *, generator: object = None, dtype: DType = None):
        return draw(normal_into, size, dtype, generator, 0.0, 1.0)

    def cuda(size, generator=None, dtype=None):
        return draw_there(normal_into, size, dtype, generator, 0.0, 1.0)


class randint_between(Creation, function=False):
    """Integers uniform on [low, high)."""

    def dtype_rule(low, high, size, generator):
        return int64

    def check(low, high):
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")

    def cuda(low, high, size, generator=None, dtype=None):
        return draw_there(integers_into, size, dtype, generator, int(low), int(high) - int(low))

    def cpu(low: int, high: int, size: tuple, *, generator: object = None, dtype: DType = None):
        return draw(integers_into, tuple(size), dtype, generator, int(low), int(high) - int(low))


class randint(Op, method=False):
    """Integers uniform on [low, high): ``randint(high, size)`` or ``randint(low, high, size)``."""

    def eager(
        low: object = 0, high: object = None, size: object = None, *, generator: object = None, dtype: object = None,
        layout: object = None, device: object = None, requires_grad: bool = False, pin_memory: bool = False,
    ):  # fmt: skip
        if size is None and isinstance(high, (tuple, list)):
            low, high, size = 0, low, high
        elif high is None:
            low, high = 0, low
        return ops.randint_between(
            int(low), int(high), size, generator=generator, dtype=dtype, device=device, requires_grad=requires_grad,
            pin_memory=pin_memory,
        )  # fmt: skip

    def samples(make):
        yield 0, 5, (2, 3)


class randperm(Creation):
    """The integers below :attr:`n` in random order."""

    def dtype_rule(n, generator):
        return int64

    def check(n):
        if n < 0:
            raise RuntimeError(f"n must be non-negative, got {n}")

    def cuda(n, generator=None, dtype=None):
        keys = draw_there(integers_into, (1, int(n)), np.dtype(np.int64), generator, -(1 << 63), 1 << 64)
        order = order_of_rows(keys).reshape(int(n))
        if dtype == order.dtype:
            return order
        out = empty(order.shape, dtype)
        copy(out, order)
        return out

    def cpu(n: int, *, generator: object = None, dtype: DType = None):
        out = np.empty(int(n), np.int64)
        stream_for(out, generator).fill(lambda a, s, o, threads: _C.random_permutation(a, s, o), out)
        return out if dtype == out.dtype else out.astype(dtype)

    def samples(make):
        yield 5


class rand_like(Op, method=False, has_out=False):
    """Numbers uniform on [0, 1), in the shape and dtype of :attr:`input`."""

    def eager(
        input, *, generator: object = None, dtype: object = None, layout: object = None, device: object = None,
        requires_grad: bool = False, memory_format: object = None,
    ):  # fmt: skip
        return ops.rand(
            *input.shape, generator=generator, dtype=dtype or input.dtype, device=device or input.device,
            requires_grad=requires_grad,
        )  # fmt: skip


class randn_like(Op, method=False, has_out=False):
    """Standard normal numbers, in the shape and dtype of :attr:`input`."""

    def eager(
        input, *, generator: object = None, dtype: object = None, layout: object = None, device: object = None,
        requires_grad: bool = False, memory_format: object = None,
    ):  # fmt: skip
        return ops.randn(
            *input.shape, generator=generator, dtype=dtype or input.dtype, device=device or input.device,
            requires_grad=requires_grad,
        )  # fmt: skip


class randint_like(Op, method=False, has_out=False):
    """Integers uniform on [low, high), in the shape and dtype of :attr:`input`: ``randint_like(x, [low,] high)``."""

    def eager(
        input, low: object, high: object = None, *, generator: object = None, dtype: object = None,
        layout: object = None, device: object = None, requires_grad: bool = False, memory_format: object = None,
    ):  # fmt: skip
        low, high = (0, low) if high is None else (low, high)
        return ops.randint_between(
            int(low), int(high), tuple(input.shape), generator=generator, dtype=dtype or input.dtype,
            device=device or input.device, requires_grad=requires_grad,
        )  # fmt: skip

    def samples(make):
        yield make(3, 4), 5


# -- fills of a tensor that exists -------------------------------------------------------------------
# Their in-place form is all of them; the gradient of what they overwrite is zero.


class uniform(Op, inplace=True, function=False, method=False):
    """Fills with numbers uniform on [from, to)."""

    def cpu(input, from_: Number = 0.0, to: Number = 1.0, *, generator: object = None):
        return uniform.cpu_(input.copy(), from_, to, generator)

    def check(from_, to):
        if from_ > to:
            raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}")

    def cpu_(input, from_, to, generator):
        return uniform_into(generator, input, from_, to)

    cuda_ = cpu_

    def d_input(grad):
        return ops.zeros_like(grad)


class normal_fill(Op, name="normal", inplace=True, function=False, method=False):
    """Fills with normal numbers of a mean and a standard deviation."""

    def cpu(input, mean: Number = 0.0, std: Number = 1.0, *, generator: object = None):
        return normal_fill.cpu_(input.copy(), mean, std, generator)

    def check(std):
        if std < 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")

    def cpu_(input, mean, std, generator):
        return normal_into(generator, input, mean, std)

    cuda_ = cpu_

    def d_input(grad):
        return ops.zeros_like(grad)


class exponential(Op, inplace=True, function=False, method=False):
    """Fills with exponential numbers of rate :attr:`lambd`."""

    def cpu(input, lambd: Number = 1.0, *, generator: object = None):
        return exponential.cpu_(input.copy(), lambd, generator)

    def check(lambd):
        if lambd <= 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")

    def cpu_(input, lambd, generator):
        return exponential_into(generator, input, lambd)

    cuda_ = cpu_

    def d_input(grad):
        return ops.zeros_like(grad)


class geometric(Op, inplace=True, function=False, method=False):
    """Fills with the number of trials up to the first success of probability :attr:`p`."""

    def cpu(input, p: Number, *, generator: object = None):
        return geometric.cpu_(input.copy(), p, generator)

    def check(p):
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")

    def cpu_(input, p, generator):
        return geometric_into(generator, input, p)

    cuda_ = cpu_

    def d_input(grad):
        return ops.zeros_like(grad)

    def samples(make):
        yield make(3, 4), 0.5


class cauchy(Op, inplace=True, function=False, method=False):
    """Fills with Cauchy numbers of a median and a scale."""

    def cpu(input, median: Number = 0.0, sigma: Number = 1.0, *, generator: object = None):
        return cauchy.cpu_(input.copy(), median, sigma, generator)

    def check(sigma):
        if sigma <= 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")

    def cpu_(input, median, sigma, generator):
        return cauchy_into(generator, input, median, sigma)

    cuda_ = cpu_

    def d_input(grad):
        return ops.zeros_like(grad)


class log_normal(Op, inplace=True, function=False, method=False):
    """Fills with numbers whose logarithm is normal."""

    def cpu(input, mean: Number = 1.0, std: Number = 2.0, *, generator: object = None):
        return log_normal.cpu_(input.copy(), mean, std, generator)

    def check(std):
        if std <= 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")

    def cpu_(input, mean, std, generator):
        normal_into(generator, input, mean, std)
        return np.exp(input, out=input)

    def cuda_(input, mean, std, generator):
        normal_into(generator, input, mean, std)
        pointwise(exp_of, [input], [input], [input.dtype if input.dtype.itemsize == 8 else FLOAT32])

    def d_input(grad):
        return ops.zeros_like(grad)


class random_fill(Op, name="random", inplace=True, function=False, method=False):
    """Fills with integers: ``random_()``, ``random_(to)``, ``random_(from, to)``."""

    def cpu(input, from_: object = None, to: object = None, *, generator: object = None):
        return random_fill.cpu_(input.copy(), from_, to, generator)

    def cpu_(input, from_, to, generator):
        if from_ is None:
            low, count = 0, _full_range(input.dtype)
        elif to is None:
            low, count = 0, int(from_)
        else:
            low, count = int(from_), int(to) - int(from_)
        if count <= 0:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={low + count}")
        return integers_into(generator, input, low, count)

    cuda_ = cpu_

    def d_input(grad):
        return ops.zeros_like(grad)


def _full_range(dtype):
    if dtype.kind == "b":
        return 2
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).max) + 1
    return 1 << {8: 53, 4: 24, 2: 11 if dtype.kind == "f" else 8}.get(dtype.itemsize, 3)
