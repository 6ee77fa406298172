"""Convolution as matrix products over the columns of ``csrc/conv``: its three forms on arrays, each bilinear.

Note [Three convolutions]: forward (input, weight) -> output, the gradient of the input (output, weight) -> input, and
the gradient of the weight (output, input) -> weight. Each one's derivatives are the other two, so they are closed
under differentiation of any order, and a transposed convolution is the second one.
"""

import numpy as np

from .. import _C
from ..runtime.blocks import LARGE, get_num_threads

FLOATS = (np.float32, np.float64)


def _triple(values, fill):
    return (fill,) * (3 - len(values)) + tuple(int(v) for v in values)


class Columns:
    """The geometry of one convolution, and its two passes over an image of ``channels``."""

    def __init__(self, size, kernel, stride, padding, dilation, out):
        self.parts = (
            _triple(size, 1), _triple(kernel, 1), _triple(stride, 1), _triple(padding, 0), _triple(dilation, 1),
            _triple(out, 1),
        )  # fmt: skip
        self.window = int(np.prod(kernel, dtype=np.int64))
        self.positions = int(np.prod(out, dtype=np.int64))
        # one pixel a window, in order: the columns are the image itself
        self.plain = self.window == 1 and set(stride) == {1} and not any(padding)

    def _threads(self, array):
        return get_num_threads() if array.nbytes > LARGE else 1

    def of(self, image, buffer):
        """The (channels * window, positions) matrix of an image."""
        if self.plain:
            return image.reshape(image.shape[0], -1)
        _C.image_to_columns(image, buffer, image.shape[0], *self.parts, self._threads(buffer))
        return buffer

    def to(self, columns, image):
        """Sums a matrix of columns into an image."""
        if self.plain:
            np.copyto(image, columns.reshape(image.shape))
        else:
            _C.columns_to_image(image, columns, image.shape[0], *self.parts, self._threads(columns))

    def buffer(self, channels, dtype):
        """A matrix for :meth:`of`."""
        return np.empty((0 if self.plain else channels * self.window, self.positions), dtype)


def output_size(size, kernel, stride, padding, dilation):
    """Output positions along each dim."""
    return tuple(
        [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
        ]
    )


def _work_dtype(*arrays):
    kind = np.result_type(*arrays)
    return kind if kind in FLOATS else np.dtype(np.float64)


def _through_floats(function):
    """Integers convolve as float64 (exact to 2**53) and complex numbers part by part."""

    def run(a, b, *geometry):
        if a.dtype.kind == "c" or b.dtype.kind == "c":
            real = run(a.real, b.real, *geometry) - run(a.imag, b.imag, *geometry)
            imag = run(a.real, b.imag, *geometry) + run(a.imag, b.real, *geometry)
            return (real + 1j * imag).astype(np.result_type(a, b))
        work, kind = _work_dtype(a, b), np.result_type(a, b)
        a, b = np.ascontiguousarray(a, work), np.ascontiguousarray(b, work)
        return function(a, b, *geometry).astype(kind, copy=False)

    return run


def forward(x, w, stride, padding, dilation, groups):
    """(N, C, *size) by (M, C / groups, *kernel) gives (N, M, *out). Depthwise, as in torch, a weight that is not finite
    does not meet the zeros of padding."""
    geometry = (stride, padding, dilation, groups)
    out = _forward(x, w, *geometry)
    if groups > 1 and groups == x.shape[1] and any(padding) and w.dtype.kind in "fc" and not np.isfinite(w).all():
        odd = ~np.isfinite(w)
        met = _forward(np.ones_like(x), odd.astype(w.dtype), *geometry) != 0
        out = np.where(met, out, _forward(x, np.where(odd, w.dtype.type(0), w), *geometry))
    return out


@_through_floats
def _forward(x, w, stride, padding, dilation, groups):
    """(N, C, *size) by (M, C / groups, *kernel) gives (N, M, *out)."""
    kernel = w.shape[2:]
    out = output_size(x.shape[2:], kernel, stride, padding, dilation)
    columns = Columns(x.shape[2:], kernel, stride, padding, dilation, out)
    result = np.empty((x.shape[0], groups, w.shape[0] // groups, columns.positions), x.dtype)
    matrix = w.reshape(groups, w.shape[0] // groups, -1)
    buffer = columns.buffer(x.shape[1], x.dtype)
    for image, target in zip(x, result, strict=True):
        np.matmul(matrix, columns.of(image, buffer).reshape(groups, -1, columns.positions), out=target)
    return result.reshape(x.shape[0], w.shape[0], *out)


@_through_floats
def input_gradient(g, w, size, stride, padding, dilation, groups):
    """(N, M, *out) by (M, C / groups, *kernel) gives (N, C, *size)."""
    channels = w.shape[1] * groups
    columns = Columns(size, w.shape[2:], stride, padding, dilation, g.shape[2:])
    matrix = np.ascontiguousarray(w.reshape(groups, w.shape[0] // groups, -1).swapaxes(1, 2))
    result = np.empty((g.shape[0], channels, *size), g.dtype)
    buffer = np.empty((groups, matrix.shape[1], columns.positions), g.dtype)
    for grad, target in zip(g, result, strict=True):
        np.matmul(matrix, grad.reshape(groups, -1, columns.positions), out=buffer)
        columns.to(buffer.reshape(-1, columns.positions), target)
    return result


@_through_floats
def weight_gradient(g, x, kernel, stride, padding, dilation, groups):
    """(N, M, *out) by (N, C, *size) gives (M, C / groups, *kernel)."""
    columns = Columns(x.shape[2:], kernel, stride, padding, dilation, g.shape[2:])
    total = np.zeros((groups, g.shape[1] // groups, x.shape[1] // groups * columns.window), g.dtype)
    buffer, product = columns.buffer(x.shape[1], x.dtype), np.empty_like(total)
    for grad, image in zip(g, x, strict=True):
        matrix = columns.of(image, buffer).reshape(groups, -1, columns.positions)
        total += np.matmul(grad.reshape(groups, -1, columns.positions), matrix.swapaxes(1, 2), out=product)
    return total.reshape(g.shape[1], x.shape[1] // groups, *kernel)
