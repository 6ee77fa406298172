"""Discrete Fourier transforms of any rank, by NumPy's pocketfft, in the precision of the input.

Note [Transforms]: every function here is one of three linear primitives over dims whose lengths are settled: complex
to complex, real to half a spectrum, half a spectrum to real. Each one's derivative is made of the other two.
"""

import math

import numpy as np

from ..shape import wrap_dim
from ._op import Op, ops
from ._schema import Number

NORMS = (None, "forward", "backward", "ortho")


def _scale(norm, forward, count):
    """The factor of a transform over ``count`` points."""
    if norm not in NORMS:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return 1.0 / math.sqrt(count)
    return 1.0 / count if (norm == "forward") == forward else 1.0


def _signals(make):
    yield make.complex(3, 4)
    yield make(3, 4)


class c2c(Op, function=False, method=False, has_out=False):
    """Complex to complex over dims; the scale multiplies the sum with exponent -1 (forward) or +1."""

    opmath = False

    def cpu(input, dim: tuple, forward: bool, scale: Number):
        out = (np.fft.fftn if forward else np.fft.ifftn)(input, axes=dim, norm="backward" if forward else "forward")
        out = out.astype(input.dtype, copy=False)
        return out if scale == 1 else out * input.dtype.type(scale)

    def d_input(grad, dim, forward, scale):
        return ops.c2c(grad, dim, not forward, scale)


class r2c(Op, function=False, method=False, has_out=False):
    """Real to the first half of the complex spectrum along the last of dims."""

    opmath = False

    def cpu(input, dim: tuple, scale: Number):
        out = np.fft.rfftn(input, axes=dim)
        kind = np.complex64 if input.dtype == np.float32 else np.complex128
        return (out if scale == 1 else out * scale).astype(kind, copy=False)

    def d_input(grad, dim, scale, input_shape):
        n = input_shape[dim[-1]]
        missing = n - grad.shape[dim[-1]]
        pad = [0] * (2 * (grad.ndim - dim[-1]))
        pad[-1] = missing
        return ops.c2c(ops.constant_pad(grad, tuple(pad), 0), dim, False, scale).real


class c2r(Op, function=False, method=False, has_out=False):
    """Half a Hermitian spectrum along the last of dims to ``n`` real points."""

    opmath = False

    def cpu(input, dim: tuple, n: int, scale: Number):
        sizes = [input.shape[d] for d in dim[:-1]] + [n]
        out = np.fft.irfftn(input, s=sizes, axes=dim, norm="forward")
        kind = np.float32 if input.dtype == np.complex64 else np.float64
        return (out if scale == 1 else out * scale).astype(kind, copy=False)

    def d_input(grad, dim, n, scale):
        half = ops.r2c(grad, dim, scale)
        last = dim[-1]
        twice = (n - 1) // 2  # the frequencies whose mirror images were folded in
        if twice == 0:
            return half
        parts = [half.narrow(last, 0, 1), half.narrow(last, 1, twice) * 2]
        rest = half.shape[last] - 1 - twice
        if rest:
            parts.append(half.narrow(last, 1 + twice, rest))
        return ops.cat(parts, last)


# -- arguments as torch takes them ---------------------------------------------------------------------


def _complex(x):
    if x.dtype.is_complex:
        return x
    return _floating(x).to(_floating(x).dtype.to_complex())


def _floating(x):
    if x.dtype.is_complex:
        raise RuntimeError(f"Expected a real input tensor to FFT, but got {x.dtype.type_name}")
    return x if x.is_floating_point() else x + 0.0


def _one(x, n, dim):
    dim = wrap_dim(dim, x.ndim)
    if not x.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    n = x.shape[dim] if n is None else int(n)
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n, dim


def _resized(x, sizes, dims):
    """``x`` cut or padded with zeros to the sizes."""
    for n, d in zip(sizes, dims, strict=True):
        if n < x.shape[d]:
            x = x.narrow(d, 0, n)
        elif n > x.shape[d]:
            pad = [0] * (2 * (x.ndim - d))
            pad[-1] = n - x.shape[d]
            x = ops.constant_pad(x, tuple(pad), 0)
    return x


def _many(x, s, dim, last=None):
    """(sizes, dims) of an n-dim transform; ``last`` gives the length of the last dim from its half spectrum."""
    if dim is not None:
        dims = [wrap_dim(d, x.ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
    if s is not None:
        s = [s] if isinstance(s, int) else list(s)
        if dim is None:
            if len(s) > x.ndim:
                raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {x.ndim} dimensions.")
            dims = list(range(x.ndim - len(s), x.ndim))
        elif len(s) != len(dims):
            raise RuntimeError(
                f"When given, dim and shape arguments must have the same length, but got {len(s)} and {len(dims)}"
            )
    elif dim is None:
        dims = list(range(x.ndim))
    sizes = [x.shape[d] for d in dims]
    if last and dims:
        sizes[-1] = last(sizes[-1])
    if s is not None:
        sizes = [n if m == -1 else int(m) for n, m in zip(sizes, s, strict=True)]
    for n in sizes:
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return sizes, dims


def _fft(x, sizes, dims, norm, forward):
    x = _complex(x)
    if not dims:
        return x.clone()
    return ops.c2c(_resized(x, sizes, dims), tuple(dims), forward, _scale(norm, forward, math.prod(sizes)))


def _rfft(x, sizes, dims, norm, forward=True):
    if not dims:
        raise RuntimeError("rfftn must transform at least one axis")
    x = _resized(_floating(x), sizes, dims)
    out = ops.r2c(x, tuple(dims), _scale(norm, forward, math.prod(sizes)))
    return out if forward else out.conj().resolve_conj()


def _irfft(x, sizes, dims, norm, forward=False):
    if not dims:
        raise RuntimeError("irfftn must transform at least one axis")
    x = _complex(x)
    half = [*sizes[:-1], sizes[-1] // 2 + 1]
    x = _resized(x, half, dims)
    x = x.conj() if forward else x
    return ops.c2r(x, tuple(dims), sizes[-1], _scale(norm, forward, math.prod(sizes)))


def _double(n):
    return 2 * (n - 1)


class fft_fft(Op, home="fft", method=False):
    """The discrete Fourier transform along one dim, of ``n`` points (cut or padded)."""

    def eager(input, n: object = None, dim: int = -1, norm: object = None):
        n, dim = _one(input, n, dim)
        return _fft(input, [n], [dim], norm, True)

    samples = _signals


class fft_ifft(Op, home="fft", method=False):
    """The inverse of :func:`fft`."""

    def eager(input, n: object = None, dim: int = -1, norm: object = None):
        n, dim = _one(input, n, dim)
        return _fft(input, [n], [dim], norm, False)

    samples = _signals


class fft_rfft(Op, home="fft", method=False):
    """The first half of the spectrum of a real signal."""

    def eager(input, n: object = None, dim: int = -1, norm: object = None):
        n, dim = _one(input, n, dim)
        return _rfft(input, [n], [dim], norm)


class fft_irfft(Op, home="fft", method=False):
    """The real signal of ``n`` points of half a spectrum."""

    def eager(input, n: object = None, dim: int = -1, norm: object = None):
        n, dim = _one(input, _double(input.shape[dim]) if n is None and input.ndim else n, dim)
        return _irfft(input, [n], [dim], norm)

    samples = _signals


class fft_hfft(Op, home="fft", method=False):
    """The real spectrum of ``n`` points of half a Hermitian signal."""

    def eager(input, n: object = None, dim: int = -1, norm: object = None):
        n, dim = _one(input, _double(input.shape[dim]) if n is None and input.ndim else n, dim)
        return _irfft(input, [n], [dim], norm, True)

    samples = _signals


class fft_ihfft(Op, home="fft", method=False):
    """The inverse of :func:`hfft`: half a Hermitian signal of a real spectrum."""

    def eager(input, n: object = None, dim: int = -1, norm: object = None):
        n, dim = _one(input, n, dim)
        return _rfft(input, [n], [dim], norm, False)


class fft_fftn(Op, home="fft", method=False):
    """The discrete Fourier transform over several dims (all unless ``dim`` or ``s`` says which)."""

    def eager(input, s: object = None, dim: object = None, norm: object = None):
        return _fft(input, *_many(input, s, dim), norm, True)

    samples = _signals


class fft_ifftn(Op, home="fft", method=False):
    """The inverse of :func:`fftn`."""

    def eager(input, s: object = None, dim: object = None, norm: object = None):
        return _fft(input, *_many(input, s, dim), norm, False)

    samples = _signals


class fft_rfftn(Op, home="fft", method=False):
    """The spectrum of a real signal over several dims, half along the last."""

    def eager(input, s: object = None, dim: object = None, norm: object = None):
        return _rfft(input, *_many(input, s, dim), norm)


class fft_irfftn(Op, home="fft", method=False):
    """The inverse of :func:`rfftn`."""

    def eager(input, s: object = None, dim: object = None, norm: object = None):
        return _irfft(input, *_many(input, s, dim, _double), norm)

    samples = _signals


def _hermitian(x, s, dim, norm):
    sizes, dims = _many(x, s, dim, _double)
    if not dims:
        raise RuntimeError("hfftn must transform at least one axis")
    lead = _resized(_complex(x), sizes[:-1], dims[:-1])
    if dims[:-1]:
        lead = _fft(lead, sizes[:-1], dims[:-1], norm, True)
    return _irfft(lead, sizes[-1:], dims[-1:], norm, True)


def _inverse_hermitian(x, s, dim, norm):
    sizes, dims = _many(x, s, dim)
    if not dims:
        raise RuntimeError("ihfftn must transform at least one axis")
    half = _rfft(_resized(_floating(x), sizes, dims), sizes[-1:], dims[-1:], norm, False)
    return _fft(half, sizes[:-1], dims[:-1], norm, False) if dims[:-1] else half


class fft_hfftn(Op, home="fft", method=False):
    """:func:`hfft` over several dims: the half is along the last."""

    def eager(input, s: object = None, dim: object = None, norm: object = None):
        return _hermitian(input, s, dim, norm)

    samples = _signals


class fft_ihfftn(Op, home="fft", method=False):
    """:func:`ihfft` over several dims: the half is along the last."""

    def eager(input, s: object = None, dim: object = None, norm: object = None):
        return _inverse_hermitian(input, s, dim, norm)


class fft_fft2(Op, home="fft", method=False):
    """:func:`fftn` over two dims."""

    def eager(input, s: object = None, dim: object = (-2, -1), norm: object = None):
        return _fft(input, *_many(input, s, dim), norm, True)

    samples = _signals


class fft_ifft2(Op, home="fft", method=False):
    """:func:`ifftn` over two dims."""

    def eager(input, s: object = None, dim: object = (-2, -1), norm: object = None):
        return _fft(input, *_many(input, s, dim), norm, False)

    samples = _signals


class fft_rfft2(Op, home="fft", method=False):
    """:func:`rfftn` over two dims."""

    def eager(input, s: object = None, dim: object = (-2, -1), norm: object = None):
        return _rfft(input, *_many(input, s, dim), norm)


class fft_irfft2(Op, home="fft", method=False):
    """:func:`irfftn` over two dims."""

    def eager(input, s: object = None, dim: object = (-2, -1), norm: object = None):
        return _irfft(input, *_many(input, s, dim, _double), norm)

    samples = _signals


class fft_hfft2(Op, home="fft", method=False):
    """:func:`hfftn` over two dims."""

    def eager(input, s: object = None, dim: object = (-2, -1), norm: object = None):
        return _hermitian(input, s, dim, norm)

    samples = _signals


class fft_ihfft2(Op, home="fft", method=False):
    """:func:`ihfftn` over two dims."""

    def eager(input, s: object = None, dim: object = (-2, -1), norm: object = None):
        return _inverse_hermitian(input, s, dim, norm)


class fft_fftfreq(Op, home="fft", method=False, has_out=False):
    """The frequencies of the points of :func:`fft` of ``n`` samples, ``d`` apart."""

    def eager(n: int, d: Number = 1.0, *, dtype: object = None, device: object = None, requires_grad: bool = False):
        half = (n - 1) // 2 + 1
        index = ops.cat(
            [
                ops.arange(0, half, dtype=dtype or ops.empty(0).dtype),
                ops.arange(-(n // 2), 0, dtype=dtype or ops.empty(0).dtype),
            ]
        )
        return (index / (n * d)).requires_grad_(requires_grad)


class fft_rfftfreq(Op, home="fft", method=False, has_out=False):
    """The frequencies of the points of :func:`rfft` of ``n`` samples, ``d`` apart."""

    def eager(n: int, d: Number = 1.0, *, dtype: object = None, device: object = None, requires_grad: bool = False):
        return (ops.arange(0, n // 2 + 1, dtype=dtype or ops.empty(0).dtype) / (n * d)).requires_grad_(requires_grad)


class fft_fftshift(Op, home="fft", method=False, has_out=False):
    """Rolls the zero frequency to the middle of dims (all of them unless given)."""

    def eager(input, dim: object = None):
        dims = list(range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
        return input.roll([input.shape[d] // 2 for d in dims], dims) if dims else input.clone()


class fft_ifftshift(Op, home="fft", method=False, has_out=False):
    """The inverse of :func:`fftshift`."""

    def eager(input, dim: object = None):
        dims = list(range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
        return input.roll([(input.shape[d] + 1) // 2 for d in dims], dims) if dims else input.clone()
