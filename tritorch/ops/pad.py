"""Padding: constant, reflected, replicated, circular."""

import numpy as np

from . import _pad_kernels
from ._op import Op, ops
from ._schema import Number

MODES = ("reflect", "replicate", "circular")


def widths(ndim, pad):
    """NumPy's pad widths of torch's list, which starts at the last dim."""
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(pairs)) + pairs[::-1]


def _cropped(array, pairs):
    """Negative widths take elements off."""
    return array[tuple(slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(array.shape, pairs, strict=True))]


class constant_pad(Op, function=False, method=False, has_out=False):
    """:attr:`input` with a constant around it; negative widths crop."""

    opmath = False

    def check(input, pad):
        for n, (a, b) in zip(input.shape, widths(input.ndim, pad), strict=True):
            if n + a + b < 0:
                raise RuntimeError(
                    f"The input size {n}, plus negative padding {a} and {b} resulted in a negative output size, which is "
                    "invalid. Check dimension of your input."
                )

    def cpu(input, pad: tuple, value: object):
        pairs = widths(input.ndim, pad)
        inner = _cropped(input, pairs)
        grown = [(max(0, a), max(0, b)) for a, b in pairs]
        out = np.full([n + a + b for n, (a, b) in zip(inner.shape, grown, strict=True)], value, input.dtype)
        out[tuple(slice(a, a + n) for n, (a, _) in zip(inner.shape, grown, strict=True))] = inner
        return out

    def cuda(input, pad, value):
        return _pad_kernels.constant(input, widths(input.ndim, pad), value)

    def d_input(grad, pad):
        return ops.constant_pad(grad, tuple(-p for p in pad), 0)


def border_index(n, pair, mode):
    """The element of a dim of length ``n`` that each position of the padded dim shows."""
    index = np.arange(-pair[0], n + pair[1])
    if mode == "replicate":
        return np.clip(index, 0, max(0, n - 1))
    if mode == "circular":  # negative widths crop before the rest is repeated
        first, last = max(0, -pair[0]), n - max(0, -pair[1])
        return first + (index - first) % max(1, last - first)
    index = np.abs(index)  # mirrored at the first element, then at the last
    return np.where(index >= n, 2 * (n - 1) - index, index)


class mirror_pad(Op, function=False, method=False, has_out=False):
    """:attr:`input` with its own elements around it."""

    opmath = False

    def cpu(input, pad: tuple, mode: str):
        for dim, pair in enumerate(widths(input.ndim, pad)):
            if pair != (0, 0):
                input = np.take(input, border_index(input.shape[dim], pair, mode), axis=dim)
        return input

    def cuda(input, pad, mode):
        return _pad_kernels.mirror(input, widths(input.ndim, pad), mode)

    def d_input(grad, input_shape, pad, mode):
        return ops.mirror_pad_backward(grad, tuple(input_shape), pad, mode)


class mirror_pad_backward(Op, function=False, method=False, has_out=False):
    """The transpose of :class:`mirror_pad`: adds every border element to the one it came from."""

    def cpu(grad, shape: tuple, pad: tuple, mode: str):
        for dim, (n, pair) in enumerate(zip(shape, widths(len(shape), pad), strict=True)):
            if pair != (0, 0):
                moved = np.moveaxis(grad, dim, 0)
                out = np.zeros((n, *moved.shape[1:]), grad.dtype)
                np.add.at(out, border_index(n, pair, mode), moved)
                grad = np.moveaxis(out, 0, dim)
        return grad

    def cuda(grad, shape, pad, mode):
        return _pad_kernels.mirror_gradient(grad, shape, widths(len(shape), pad), mode)

    def d_grad(grad_out, pad, mode):
        return ops.mirror_pad(grad_out, pad, mode)


def _check_mirror(input, pad, mode):
    dims = len(pad) // 2
    if input.ndim not in (dims + 1, dims + 2) or dims > 3:
        raise NotImplementedError("Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now")
    if input.numel() == 0 and 0 in input.shape[1:]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    for n, (a, b) in list(zip(input.shape, widths(input.ndim, pad), strict=True))[-dims:]:
        if mode == "reflect" and (a >= n or b >= n):
            raise RuntimeError(
                f"Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
                f"({a}, {b}) at dimension {input.ndim - 1} of input {list(input.shape)}"
            )
        if mode == "circular" and (a > n or b > n):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if n + a + b < 1:
            raise RuntimeError(f"input (W: {n}) is too small. Calculated output W: {n + a + b}")


class pad(Op, home="nn.functional", method=False, has_out=False):
    """Pads the last ``len(pad) // 2`` dims, the last one first: ``(left, right, top, bottom, ...)``.

    ``mode`` is "constant" (with ``value``), "reflect", "replicate" or "circular". Negative widths crop.

    Example:
        >>> import tritorch
        >>> tritorch.nn.functional.pad(tritorch.ones(1, 2), (1, 0))
        tensor([[0., 1., 1.]])
    """

    def eager(input, pad: object, mode: str = "constant", value: object = None):
        pad = tuple(int(p) for p in pad)
        if len(pad) % 2:
            raise RuntimeError("Padding length must be divisible by 2")
        if len(pad) // 2 > input.ndim:
            raise RuntimeError(
                f"Padding length should be less than or equal to two times the input dimension but got padding length "
                f"{len(pad)} and input of dimension {input.ndim}"
            )
        if mode == "constant":
            return ops.constant_pad(input, pad, 0 if value is None else value)
        if mode not in MODES:
            raise NotImplementedError(f"Unrecognised padding mode {mode}")
        if value is not None and value != 0:
            raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
        _check_mirror(input, pad, mode)
        return ops.mirror_pad(input, pad, mode)

    def samples(make):
        yield make(3, 4), (1, 2, 0, -1), {"value": 2.0}
        yield make(1, 2, 4, 5), (2, 1, 1, 0), {"mode": "reflect"}
        yield make(2, 3, 4), (1, 2), {"mode": "replicate"}
        yield make(2, 3, 4), (1, 2), {"mode": "circular"}


class constant_pad_nd(Op, method=False, has_out=False):
    """:func:`tritorch.nn.functional.pad` with a constant."""

    def eager(input, pad: object, value: Number = 0):
        if len(pad) > 2 * input.ndim:
            raise RuntimeError(
                "Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
                f"{len(pad)} while the input has {input.ndim} dimensions."
            )
        return ops.constant_pad(input, tuple(int(p) for p in pad), value)

    def samples(make):
        yield make(3, 4), (1, 2, 0, -1), 2
