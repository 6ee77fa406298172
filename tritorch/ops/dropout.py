"""Dropout: elements, channels, or their self-normalising forms, zeroed at random."""

import math

from ._op import Op, ops
from ._schema import Number

ALPHA = -1.7580993408473766  # of SELU: minus its scale times its alpha


def _check(p):
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _noise(input, shape, p):
    like = input if shape == input.shape else input.new_empty(shape)
    return ops.dropout_mask(like.detach(), 1.0 - p)


def _apply(input, noise, p):
    scaled = noise.mul_(1.0 / (1.0 - p)) if p < 1 else noise
    return input * scaled


def _channels(input):
    return (*input.shape[:2], *(1,) * (input.ndim - 2))


def _dropout(input, shape, p, training, inplace):
    _check(p)
    if not training or p == 0 or input.numel() == 0:
        return input
    out = _apply(input, _noise(input, shape, p), p)
    return input.copy_(out) if inplace else out


def _alpha(input, shape, p, training, inplace):
    _check(p)
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        return input * 0
    kept = _noise(input, shape, p)
    a = 1.0 / math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
    out = input * (kept * a) + ((1 - kept) * (ALPHA * a) + ALPHA * a * (p - 1))
    return input.copy_(out) if inplace else out


class nn_functional_dropout(Op, home="nn.functional", method=False, has_out=False):
    """Zeroes elements with probability :attr:`p` and scales the others by 1 / (1 - p), in training.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.dropout(tritorch.ones(2), 0.0)
        tensor([1., 1.])
    """

    def eager(input, p: Number = 0.5, training: bool = True, inplace: bool = False):
        return _dropout(input, input.shape, p, training, inplace)


class dropout(Op, method=False, inplace=False, has_out=False):
    """:func:`tritorch.nn.functional.dropout` with ``train`` spelled out."""

    def eager(input, p: Number, train: bool):
        return _dropout(input, input.shape, p, train, False)

    def samples(make):
        yield make(3, 4), 0.5, True
        yield make(3, 4), 0.5, False


class dropout1d(Op, home="nn.functional", method=False, has_out=False):
    """Zeroes whole channels of (N, C, L) or (C, L)."""

    def eager(input, p: Number = 0.5, training: bool = True, inplace: bool = False):
        _check(p)
        if input.ndim not in (2, 3):
            raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d "
                               "exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel "
                               "dimension, and an optional batch dimension (i.e. 2D or 3D inputs).")  # fmt: skip
        if input.ndim == 2:
            return _dropout(input.unsqueeze(0), (1, input.shape[0], 1), p, training, inplace).squeeze(0)
        return _dropout(input, _channels(input), p, training, inplace)


class dropout2d(Op, home="nn.functional", method=False, has_out=False):
    """Zeroes whole channels of (N, C, H, W)."""

    def eager(input, p: Number = 0.5, training: bool = True, inplace: bool = False):
        return _dropout(input, _channels(input), p, training, inplace)


class dropout3d(Op, home="nn.functional", method=False, has_out=False):
    """Zeroes whole channels of (N, C, D, H, W) or (C, D, H, W)."""

    def eager(input, p: Number = 0.5, training: bool = True, inplace: bool = False):
        if input.ndim == 4:
            return _dropout(input.unsqueeze(0), (1, input.shape[0], 1, 1, 1), p, training, inplace).squeeze(0)
        return _dropout(input, _channels(input), p, training, inplace)


class alpha_dropout(Op, home="nn.functional", method=False, has_out=False):
    """Dropout that keeps the mean and variance of SELU's outputs (Klambauer et al., 2017)."""

    def eager(input, p: Number = 0.5, training: bool = False, inplace: bool = False):
        return _alpha(input, input.shape, p, training, inplace)

    def samples(make):
        yield make(3, 4), 0.5, True


class feature_alpha_dropout(Op, home="nn.functional", method=False, has_out=False):
    """:func:`alpha_dropout` of whole channels."""

    def eager(input, p: Number = 0.5, training: bool = False, inplace: bool = False):
        return _alpha(input, _channels(input), p, training, inplace)

    def samples(make):
        yield make(3, 4, 2), 0.5, True
