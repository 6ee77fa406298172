"""Convolution by ``csrc/conv``: its three forms on arrays, each bilinear; and columns of images for fold and unfold.

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


def _call(function, x, w, out, bias, stride, padding, dilation, groups):
    sizes = (_triple(x.shape[2:], 1), _triple(w.shape[2:], 1), _triple(stride, 1), _triple(padding, 0))
    function(x, w, out, bias, *sizes, _triple(dilation, 1), _triple(out.shape[2:], 1), groups, get_num_threads())


@_through_floats
def _forward(x, w, stride, padding, dilation, groups):
    """(N, C, *size) by (M, C / groups, *kernel) gives (N, M, *out)."""
    size = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    out = np.empty((x.shape[0], w.shape[0], *size), x.dtype)
    _call(_C.convolve, x, w, out, None, stride, padding, dilation, groups)
    return out


@_through_floats
def input_gradient(g, w, size, stride, padding, dilation, groups):
    """(N, M, *out) by (M, C / groups, *kernel) gives (N, C, *size)."""
    x = np.empty((g.shape[0], w.shape[1] * groups, *size), g.dtype)
    _call(_C.convolve_input, x, w, g, None, stride, padding, dilation, groups)
    return x


@_through_floats
def weight_gradient(g, x, kernel, stride, padding, dilation, groups):
    """(N, M, *out) by (N, C, *size) gives (M, C / groups, *kernel)."""
    w = np.empty((g.shape[1], x.shape[1] // groups, *kernel), g.dtype)
    _call(_C.convolve_weight, x, w, g, None, stride, padding, dilation, groups)
    return w
