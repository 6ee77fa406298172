"""Random numbers whose parameters are tensors: Bernoulli, normal, Poisson, choices by weight."""

import numpy as np

from .. import _C
from .._C import wrap
from ..dtypes import float64
from ..errors import invalid_combination
from ..runtime.array import DeviceArray, empty
from ..runtime.jit import triton
from ..runtime.pointwise import pointwise
from ..runtime.transfer import packed
from ._device import mixed
from ._index_kernels import cast
from ._op import FLOAT32, Op, ops
from ._random import (
    FLOAT64,
    bernoulli_into,
    draw,
    draw_there,
    exponential_into,
    integers_into,
    normal_into,
    uniform_into,
)
from ._random_kernels import choose, winners
from ._schema import Number


@triton.jit
def below(value, bound):
    return value < bound


@triton.jit
def scaled(value, mean, std):
    return value * std + mean


class bernoulli_of(Op, function=False, method=False):
    """Zeros and ones, one with the probability that each element gives."""

    def cpu(input, *, generator: object = None):
        if not ((input >= 0) & (input <= 1)).all():
            raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
        kind = np.dtype(np.float64 if input.dtype == np.float64 else np.float32)
        return (draw(uniform_into, input.shape, kind, generator, 0.0, 1.0) < input).astype(input.dtype)

    def cuda(input, generator):
        kind, out = FLOAT64 if input.dtype == FLOAT64 else FLOAT32, empty(input.shape, input.dtype)
        u = draw_there(uniform_into, input.shape, kind, generator, 0.0, 1.0)
        pointwise(below, [out], [u, input], [kind, kind])
        return out

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
        return bernoulli_into(generator, input, float(p))

    def cuda_(input, p, generator):
        if not isinstance(p, _C.TensorBase):
            return bernoulli_into(generator, input, float(p))
        if p._array.__class__ is not DeviceArray:
            raise mixed()
        u = draw_there(uniform_into, input.shape, FLOAT64, generator, 0.0, 1.0)
        pointwise(below, [input], [u, p._array], [FLOAT64, FLOAT64])

    def check(p):
        if not isinstance(p, _C.TensorBase) and not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")

    def d_input(grad):
        return ops.zeros_like(grad)


class dropout_mask(Op, function=False, method=False):
    """Ones with probability :attr:`p`, else zeros, in the shape and dtype of :attr:`input`; no gradient."""

    opmath = False

    def check(p):
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")

    def cpu(input, p: Number, *, generator: object = None):
        return bernoulli_into(generator, np.empty(input.shape, input.dtype), p)

    def cuda(input, p, generator):
        return bernoulli_into(generator, empty(input.shape, input.dtype), p)


class normal_of(Op, function=False, method=False, numbers="mean std"):
    """Normal numbers; mean and standard deviation given element by element, at least one of them a tensor."""

    def cpu(mean, std, *, generator: object = None):
        if np.any(np.asarray(std) < 0):
            raise RuntimeError("normal expects all elements of std >= 0.0")
        shape = np.broadcast_shapes(np.shape(mean), np.shape(std))
        kind = (mean if isinstance(mean, np.ndarray) else std).dtype
        return draw(normal_into, shape, kind, generator, 0.0, 1.0) * std + mean

    def cuda(mean, std, generator):
        shapes = [x.shape for x in (mean, std) if isinstance(x, np.ndarray)]
        store = (mean if isinstance(mean, np.ndarray) else std).dtype
        kind = FLOAT64 if store == FLOAT64 else FLOAT32  # half precision is drawn as float32, and rounded once
        noise = draw_there(normal_into, np.broadcast_shapes(*shapes), kind, generator, 0.0, 1.0)
        out = empty(noise.shape, store)
        pointwise(scaled, [out], [noise, mean, std], [kind, kind, kind])
        return out

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
        if input.__class__ is DeviceArray:
            weights = wrap(input)
            good = ((weights >= 0) & weights.isfinite()).all()
            good, positive = ops.stack([good, (weights.sum(-1, dtype=float64) > 0).all()]).tolist()
        else:
            good = np.isfinite(input.astype(np.float64)).all() and not (input < 0).any()
            positive = not good or not (input.sum(-1) <= 0).any()
        if not good:
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        if not positive:
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")

    def cuda(input, num_samples, replacement, generator):
        weights = cast(packed(input), FLOAT64).reshape(input.size // input.shape[-1], input.shape[-1])
        if replacement:
            u = draw_there(uniform_into, (len(weights), num_samples), FLOAT64, generator, 0.0, 1.0)
            picked = choose(weights, u)
        else:
            picked = winners(weights, draw_there(exponential_into, weights.shape, FLOAT64, generator, 1.0), num_samples)
        return picked.reshape(*input.shape[:-1], num_samples)

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
