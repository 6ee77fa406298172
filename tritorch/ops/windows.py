"""Window functions of signal processing: ``hann_window`` and its like, and those of ``signal.windows``.

Computed in float64 and rounded once. F. Harris, "On the use of windows for harmonic analysis with the discrete Fourier
transform", 1978; A. Nuttall, "Some windows with very good sidelobe behavior", 1981.
"""

import math

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ._kinds import Creation
from ._schema import DType

BLACKMAN = (0.42, 0.5, 0.08)
NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)


def _places(length, symmetric):
    """0 to 1 over a period, of which a periodic window leaves out the last point."""
    return np.arange(length) / max(length if not symmetric else length - 1, 1)


def _cosines(length, symmetric, weights):
    if length == 1:
        return np.ones(1)
    turn = 2 * math.pi * _places(length, symmetric)
    return sum((-1) ** i * a * np.cos(i * turn) for i, a in enumerate(weights)) + np.zeros(length)


def _triangle(length, symmetric):
    return np.ones(1) if length == 1 else 1 - np.abs(2 * _places(length, symmetric) - 1)


def _kaiser(length, symmetric, beta):
    if length == 1:
        return np.ones(1)
    across = 2 * _places(length, symmetric) - 1
    return np.i0(beta * np.sqrt(np.maximum(1 - across * across, 0))) / np.i0(beta)


def _checked(name, length, dtype):
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    kind = dtype_of(dtype)
    if not kind.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {kind}")


class hann_window(Creation):
    """The Hann window: half a cosine's period from 0 up to 1 and down. Periodic unless ``periodic`` is False.

    Raises:
        RuntimeError: for a negative length or a dtype that is not floating.

    Example:
        >>> import tritorch
        >>> tritorch.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """

    def cpu(window_length: int, periodic: bool = True, *, dtype: DType = None):
        _checked("hann_window", window_length, dtype)
        return _cosines(window_length, not periodic, (0.5, 0.5)).astype(dtype)


class hamming_window(Creation):
    """The Hamming window, ``alpha - beta * cos``.

    Raises:
        RuntimeError: for a negative length or a dtype that is not floating.

    Example:
        >>> import tritorch
        >>> tritorch.hamming_window(4)
        tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """

    def cpu(window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: DType = None):
        _checked("hamming_window", window_length, dtype)
        return _cosines(window_length, not periodic, (alpha, beta)).astype(dtype)


class bartlett_window(Creation):
    """The triangular window.

    Raises:
        RuntimeError: for a negative length or a dtype that is not floating.

    Example:
        >>> import tritorch
        >>> tritorch.bartlett_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """

    def cpu(window_length: int, periodic: bool = True, *, dtype: DType = None):
        _checked("bartlett_window", window_length, dtype)
        return _triangle(window_length, not periodic).astype(dtype)


class blackman_window(Creation):
    """The Blackman window, of three cosines.

    Raises:
        RuntimeError: for a negative length or a dtype that is not floating.

    Example:
        >>> import tritorch
        >>> tritorch.blackman_window(4)[1:]
        tensor([0.3400, 1.0000, 0.3400])
    """

    def cpu(window_length: int, periodic: bool = True, *, dtype: DType = None):
        _checked("blackman_window", window_length, dtype)
        return _cosines(window_length, not periodic, BLACKMAN).astype(dtype)


class kaiser_window(Creation):
    """The Kaiser window: ``i0(beta * sqrt(1 - t^2)) / i0(beta)`` for t from -1 to 1.

    Raises:
        RuntimeError: for a negative length or a dtype that is not floating.

    Example:
        >>> import tritorch
        >>> tritorch.kaiser_window(3, periodic=False)[1]
        tensor(1.)
    """

    def cpu(window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: DType = None):
        _checked("kaiser_window", window_length, dtype)
        return _kaiser(window_length, not periodic, beta).astype(dtype)


# -- signal.windows ---------------------------------------------------------------------------------


class Window(Creation, kind=True):
    """One of ``signal.windows``: of ``M`` points, symmetric unless ``sym`` is False."""

    home = "signal.windows"
    has_out = False


def _check(name, M, dtype):
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    kind = dtype_of(dtype)
    if kind.name not in ("float32", "float64"):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")


class signal_windows_bartlett(Window):
    """The triangular window.

    Example:
        >>> import tritorch
        >>> tritorch.signal.windows.bartlett(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("bartlett", M, dtype)
        return _triangle(M, sym).astype(dtype)


class signal_windows_blackman(Window):
    """The Blackman window, of three cosines."""

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("blackman", M, dtype)
        return _cosines(M, sym, BLACKMAN).astype(dtype)


class signal_windows_cosine(Window):
    """Half a period of a sine.

    Example:
        >>> import tritorch
        >>> tritorch.signal.windows.cosine(3)
        tensor([0.5000, 1.0000, 0.5000])
    """

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("cosine", M, dtype)
        period = M if sym or M <= 1 else M + 1
        return np.sin(math.pi * (np.arange(M) + 0.5) / max(period, 1)).astype(dtype)


class signal_windows_exponential(Window):
    """``exp(-|n - center| / tau)``; a ``center`` other than the middle only for ``sym=False``.

    Raises:
        ValueError: for a ``tau`` that is not positive, or a centre of a symmetric window.

    Example:
        >>> import tritorch
        >>> tritorch.signal.windows.exponential(3)
        tensor([0.3679, 1.0000, 0.3679])
    """

    def cpu(M: int, *, center: object = None, tau: float = 1.0, sym: bool = True, dtype: DType = None):
        _check("exponential", M, dtype)
        if tau <= 0:
            raise ValueError(f"Tau must be positive, got: {tau} instead.")
        if sym and center is not None:
            raise ValueError("Center must be None for symmetric windows")
        if center is None:
            center = (M if not sym and M > 1 else M - 1) / 2
        return np.exp(-np.abs(np.arange(M) - center) / tau).astype(dtype)


class signal_windows_gaussian(Window):
    """``exp(-(n / std)^2 / 2)`` for n counted from the middle.

    Raises:
        ValueError: for a ``std`` that is not positive.

    Example:
        >>> import tritorch
        >>> tritorch.signal.windows.gaussian(3)
        tensor([0.6065, 1.0000, 0.6065])
    """

    def cpu(M: int, *, std: float = 1.0, sym: bool = True, dtype: DType = None):
        _check("gaussian", M, dtype)
        if std <= 0:
            raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
        middle = (M if not sym and M > 1 else M - 1) / 2
        return np.exp(-(((np.arange(M) - middle) / std) ** 2) / 2).astype(dtype)


class signal_windows_general_cosine(Window):
    """A sum of cosines with the weights ``a`` and alternating signs.

    Raises:
        TypeError, ValueError: for weights that are no list, or none.

    Example:
        >>> import tritorch
        >>> tritorch.signal.windows.general_cosine(3, a=[0.5, 0.5])
        tensor([0., 1., 0.])
    """

    def cpu(M: int, *, a: object, sym: bool = True, dtype: DType = None):
        _check("general_cosine", M, dtype)
        if not isinstance(a, (list, tuple)):
            raise TypeError("Coefficients must be a list/tuple")
        if not a:
            raise ValueError("Coefficients cannot be empty")
        return _cosines(M, sym, a).astype(dtype)

    def samples(make):
        yield 5, {"a": (0.46, 0.23, 0.31), "dtype": make.dtype}


class signal_windows_general_hamming(Window):
    """``alpha - (1 - alpha) * cos``."""

    def cpu(M: int, *, alpha: float = 0.54, sym: bool = True, dtype: DType = None):
        _check("general_cosine", M, dtype)
        return _cosines(M, sym, (alpha, 1 - alpha)).astype(dtype)


class signal_windows_hamming(Window):
    """The Hamming window, ``0.54 - 0.46 * cos``."""

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("general_cosine", M, dtype)
        return _cosines(M, sym, (0.54, 0.46)).astype(dtype)


class signal_windows_hann(Window):
    """The Hann window, ``0.5 - 0.5 * cos``.

    Example:
        >>> import tritorch
        >>> tritorch.signal.windows.hann(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("general_cosine", M, dtype)
        return _cosines(M, sym, (0.5, 0.5)).astype(dtype)


class signal_windows_kaiser(Window):
    """The Kaiser window: ``i0(beta * sqrt(1 - t^2)) / i0(beta)`` for t from -1 to 1.

    Raises:
        ValueError: for a negative ``beta``.
    """

    def cpu(M: int, *, beta: float = 12.0, sym: bool = True, dtype: DType = None):
        _check("kaiser", M, dtype)
        if beta < 0:
            raise ValueError(f"beta must be non-negative, got: {beta} instead.")
        return _kaiser(M, sym, beta).astype(dtype)


class signal_windows_nuttall(Window):
    """The Nuttall window, of four cosines."""

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("general_cosine", M, dtype)
        return _cosines(M, sym, NUTTALL).astype(dtype)
