"""Random numbers, all from the Philox stream of a generator: see Note [Random streams]."""

import numpy as np

from .. import _C
from ..dtypes import int64
from ..errors import invalid_combination
from ..runtime.generator import chosen
from ._kinds import Creation
from ._op import Op, ops
from ._random import bernoulli_into, draw, exponential_into, integers_into, normal_into, uniform_into
from ._schema import DType, Number, Shape


class rand(Creation):
    """Numbers uniform on [0, 1).

    Example:
        >>> import tritorch
        >>> tritorch.rand(2, 3).shape
        tritorch.Size([2, 3])
    """

    def cpu(size: Shape, *, generator: object = None, dtype: DType = None):
        return draw(uniform_into, size, dtype, generator, 0.0, 1.0)


class randn(Creation):
    """Numbers of the standard normal distribution."""

    def cpu(size: Shape, *, generator: object = None, dtype: DType = None):
        return draw(normal_into, size, dtype, generator, 0.0, 1.0)


class randint_between(Creation, function=False):
    """Integers uniform on [low, high)."""

    def dtype_rule(low, high, size, generator):
        return int64

    def cpu(low: int, high: int, size: tuple, *, generator: object = None, dtype: DType = None):
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
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
            int(low), int(high), size, generator=generator, dtype=dtype, device=device, requires_grad=requires_grad
        )

    def samples(make):
        yield 0, 5, (2, 3)


class randperm(Creation):
    """The integers below :attr:`n` in random order."""

    def dtype_rule(n, generator):
        return int64

    def cpu(n: int, *, generator: object = None, dtype: DType = None):
        if n < 0:
            raise RuntimeError(f"n must be non-negative, got {n}")
        out = np.empty(int(n), np.int64)
        chosen(generator).fill(lambda a, s, o, threads: _C.random_permutation(a, s, o), out)
        return out if dtype == out.dtype else out.astype(dtype)

    def samples(make):
        yield 5


class rand_like(Op, method=False, has_out=False):
    """Numbers uniform on [0, 1), in the shape and dtype of :attr:`input`."""

    def eager(
        input, *, generator: object = None, dtype: object = None, layout: object = None, device: object = None,
        requires_grad: bool = False, memory_format: object = None,
    ):  # fmt: skip
        return ops.rand(*input.shape, generator=generator, dtype=dtype or input.dtype, requires_grad=requires_grad)


class randn_like(Op, method=False, has_out=False):
    """Standard normal numbers, in the shape and dtype of :attr:`input`."""

    def eager(
        input, *, generator: object = None, dtype: object = None, layout: object = None, device: object = None,
        requires_grad: bool = False, memory_format: object = None,
    ):  # fmt: skip
        return ops.randn(*input.shape, generator=generator, dtype=dtype or input.dtype, requires_grad=requires_grad)


class randint_like(Op, method=False, has_out=False):
    """Integers uniform on [low, high), in the shape and dtype of :attr:`input`: ``randint_like(x, [low,] high)``."""

    def eager(
        input, low: object, high: object = None, *, generator: object = None, dtype: object = None,
        layout: object = None, device: object = None, requires_grad: bool = False, memory_format: object = None,
    ):  # fmt: skip
        low, high = (0, low) if high is None else (low, high)
        return ops.randint_between(
            int(low), int(high), tuple(input.shape), generator=generator, dtype=dtype or input.dtype,
            requires_grad=requires_grad,
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
        return uniform_into(chosen(generator), input, from_, to)

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
        return normal_into(chosen(generator), input, mean, std)

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
        return exponential_into(chosen(generator), input, lambd)

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
        u = draw(uniform_into, input.shape, np.dtype(np.float64), generator, 0.0, 1.0)
        np.copyto(input, np.maximum(1, np.ceil(np.log1p(-u) / np.log1p(-p))), casting="unsafe")
        return input

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
        u = draw(uniform_into, input.shape, np.dtype(np.float64), generator, 0.0, 1.0)
        np.copyto(input, median + sigma * np.tan(np.pi * (u - 0.5)), casting="unsafe")
        return input

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
        normal_into(chosen(generator), input, mean, std)
        return np.exp(input, out=input)

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
        return integers_into(chosen(generator), input, low, count)

    def d_input(grad):
        return ops.zeros_like(grad)


def _full_range(dtype):
    if dtype.kind == "b":
        return 2
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).max) + 1
    return 1 << {8: 53, 4: 24, 2: 11 if dtype.kind == "f" else 8}.get(dtype.itemsize, 3)


# -- distributions with tensor parameters -------------------------------------------------------------


class bernoulli_of(Op, function=False, method=False):
    """Zeros and ones, one with the probability that each element gives."""

    def cpu(input, *, generator: object = None):
        if not ((input >= 0) & (input <= 1)).all():
            raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
        kind = np.dtype(np.float64 if input.dtype == np.float64 else np.float32)
        return (draw(uniform_into, input.shape, kind, generator, 0.0, 1.0) < input).astype(input.dtype)

    def d_input(grad):
        return ops.zeros_like(grad)


class bernoulli(Op):
    """Zeros and ones: one with the probability :attr:`p`, or that :attr:`input` gives element by element."""

    def eager(input, p: object = None, *, generator: object = None):
        if p is None:
            return ops.bernoulli_of(input, generator=generator)
        return ops.dropout_mask(input, p, generator=generator)

    def samples(make):
        yield make(3, 4, low=0, high=1)
        yield make(3, 4), 0.5


class bernoulli_fill(Op, name="bernoulli", inplace=True, function=False, method=False):
    """Fills with zeros and ones of probability :attr:`p`, a number or a tensor."""

    def cpu(input, p: object = 0.5, *, generator: object = None):
        return bernoulli_fill.cpu_(input.copy(), p, generator)

    def cpu_(input, p, generator):
        if isinstance(p, _C.TensorBase):
            odds = np.broadcast_to(p._array, input.shape)
            u = draw(uniform_into, input.shape, np.dtype(np.float64), generator, 0.0, 1.0)
            np.copyto(input, u < odds, casting="unsafe")
            return input
        return bernoulli_into(chosen(generator), input, float(p))

    def check(p):
        if not isinstance(p, _C.TensorBase) and not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")

    def d_input(grad):
        return ops.zeros_like(grad)


class dropout_mask(Op, function=False, method=False):
    """Ones with probability :attr:`p`, else zeros, in the shape and dtype of :attr:`input`; no gradient."""

    opmath = False

    def cpu(input, p: Number, *, generator: object = None):
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        return bernoulli_into(chosen(generator), np.empty(input.shape, input.dtype), p)


class normal_of(Op, function=False, method=False, numbers="mean std"):
    """Normal numbers; mean and standard deviation given element by element, at least one of them a tensor."""

    def cpu(mean, std, *, generator: object = None):
        if np.any(np.asarray(std) < 0):
            raise RuntimeError("normal expects all elements of std >= 0.0")
        shape = np.broadcast_shapes(np.shape(mean), np.shape(std))
        kind = (mean if isinstance(mean, np.ndarray) else std).dtype
        return draw(normal_into, shape, kind, generator, 0.0, 1.0) * std + mean

    def d_mean(grad):
        return ops.zeros_like(grad)

    def d_std(grad):
        return ops.zeros_like(grad)


class normal(Op, method=False, numbers="mean std"):
    """Normal numbers of the means and standard deviations given: tensors, or numbers with a ``size``."""

    def eager(
        mean: object = 0.0, std: object = 1.0, size: object = None, *, generator: object = None, dtype: object = None,
        layout: object = None, device: object = None, requires_grad: bool = False, pin_memory: bool = False,
    ):  # fmt: skip
        if size is None:
            if not isinstance(mean, _C.TensorBase) and not isinstance(std, _C.TensorBase):
                raise invalid_combination(
                    "normal",
                    (mean, std),
                    {},
                    ["(Tensor mean, Tensor std)", "(float mean, float std, tuple of ints size)"],
                )
            return ops.normal_of(mean, std, generator=generator)
        if std < 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        made = ops.empty(*size, dtype=dtype, device=device).normal_(mean, std, generator=generator)
        return made.requires_grad_() if requires_grad else made

    def samples(make):
        yield make(3, 4), make(3, 4, low=0.1)
        yield 0.0, 1.0, (2, 3)


class poisson(Op, method=False):
    """Poisson numbers with the rates that :attr:`input` gives."""

    def cpu(input, generator: object = None):
        if (input < 0).any():
            raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
        seed = int(draw(integers_into, (1,), np.dtype(np.int64), generator, 0, 1 << 53)[0])
        return np.asarray(np.random.Generator(np.random.Philox(seed)).poisson(input)).astype(input.dtype)

    def d_input(grad):
        return ops.zeros_like(grad)

    def samples(make):
        yield make(3, 4, low=0)


class multinomial(Op, strict_out=True):
    """Indices drawn from rows of non-negative weights: (n,) or (rows, n) gives (..., num_samples) int64."""

    opmath = True

    def check(input, num_samples, replacement):
        if input.ndim not in (1, 2):
            raise RuntimeError("prob_dist must be 1 or 2 dim")
        if input.dtype.kind in "biu":
            raise RuntimeError(
                "multinomial only supports floating-point dtypes for input, got: " + input.dtype.name.capitalize()
            )
        if num_samples <= 0:
            raise RuntimeError("cannot sample n_sample <= 0 samples")
        if not replacement and num_samples > input.shape[-1]:
            raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
        if not np.isfinite(input.astype(np.float64)).all() or (input < 0).any():
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        if (input.sum(-1) <= 0).any():
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")

    def cpu(input, num_samples: int, replacement: bool = False, *, generator: object = None):
        weights = input.astype(np.float64).reshape(-1, input.shape[-1])
        if replacement:
            total = np.cumsum(weights, -1)
            u = draw(uniform_into, (len(weights), num_samples), weights.dtype, generator, 0.0, 1.0) * total[:, -1:]
            rows = [np.searchsorted(t, row, "right") for t, row in zip(total, u, strict=True)]
            last = [np.flatnonzero(w)[-1] for w in weights]
            picked = np.minimum(rows, np.reshape(last, (-1, 1)))
        else:  # the largest of weight / exponential: sampling without replacement by one sort
            race = draw(exponential_into, weights.shape, weights.dtype, generator, 1.0)
            score = np.where(weights > 0, np.divide(weights, race), -1.0)
            picked = np.argsort(-score, -1, kind="stable")[:, :num_samples]
        return np.asarray(picked, np.int64).reshape(*input.shape[:-1], num_samples)

    def samples(make):
        yield make(3, 4, low=0.1), 2
