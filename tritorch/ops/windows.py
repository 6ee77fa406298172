"""Window functions of signal processing: ``hann_window`` and its like, and those of ``signal.windows``.

Computed in float64 and rounded once. F. Harris, "On the use of windows for harmonic analysis with the discrete Fourier
transform", 1978; A. Nuttall, "Some windows with very good sidelobe behavior", 1981.
"""

import math
from typing import NamedTuple

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ..runtime.array import upload
from . import _create_kernels as kernels
from ._kinds import Creation
from ._schema import DType

BLACKMAN = (0.42, 0.5, 0.08)
NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)


class Recipe(NamedTuple):
    """What a window is made of: a formula of :data:`FORMULAS` of the places 0, 1..., and its numbers."""

    dtype: np.dtype
    length: int
    formula: str
    numbers: tuple

    def on_host(self):
        if self.length == 1 and self.formula in OF_A_PERIOD:
            return np.ones(1, self.dtype)
        return FORMULAS[self.formula](np.arange(self.length), *self.numbers).astype(self.dtype)

    def on_device(self):
        numbers = self.numbers
        if (self.length == 1 and self.formula in OF_A_PERIOD) or len(numbers) > 5:
            return upload(self.on_host())
        if self.formula == "cosines":
            numbers = (*numbers, 0.0, 0.0, 0.0)[:5]
        return kernels.made(getattr(kernels, self.formula), (self.length,), self.dtype, *map(float, numbers))


def _sum_of_cosines(i, period, *weights):
    turn = 2 * math.pi * (i / period)
    return sum((-1) ** k * a * np.cos(k * turn) for k, a in enumerate(weights)) + np.zeros(len(i))


def _kaiser(i, period, beta):
    across = 2 * (i / period) - 1
    return np.i0(beta * np.sqrt(np.maximum(1 - across * across, 0))) / np.i0(beta)


OF_A_PERIOD = ("cosines", "tent", "kaiser")  # of which a single point is 1
FORMULAS = {
    "cosines": _sum_of_cosines,
    "tent": lambda i, period: 1 - np.abs(2 * (i / period) - 1),
    "kaiser": _kaiser,
    "half_sine": lambda i, period: np.sin(math.pi * (i + 0.5) / period),
    "decay": lambda i, center, tau: np.exp(-np.abs(i - center) / tau),
    "bell": lambda i, center, std: np.exp(-(((i - center) / std) ** 2) / 2),
}


class OfARecipe(Creation, kind=True):
    """A window; the slot gives its :class:`Recipe`."""

    @classmethod
    def samples(cls, make):
        yield 9, {"dtype": make.dtype}

    @classmethod
    def loop(cls):
        recipe = cls.cpu
        return lambda *args: recipe(*args).on_host()

    @classmethod
    def device_loop(cls):
        recipe = cls.cpu
        return lambda *args: recipe(*args).on_device()


def _period(length, symmetric):
    """What the places are divided by, of which a periodic window leaves out the last point."""
    return max(length if not symmetric else length - 1, 1)


def _cosines(length, symmetric, weights, dtype):
    return Recipe(dtype, length, "cosines", (_period(length, symmetric), *weights))


def _checked(name, length, dtype):
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    kind = dtype_of(dtype)
    if not kind.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {kind}")


class hann_window(OfARecipe):
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
        return _cosines(window_length, not periodic, (0.5, 0.5), dtype)


class hamming_window(OfARecipe):
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
        return _cosines(window_length, not periodic, (alpha, beta), dtype)


class bartlett_window(OfARecipe):
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
        return Recipe(dtype, window_length, "tent", (_period(window_length, not periodic),))


class blackman_window(OfARecipe):
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
        return _cosines(window_length, not periodic, BLACKMAN, dtype)


class kaiser_window(OfARecipe):
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
        return Recipe(dtype, window_length, "kaiser", (_period(window_length, not periodic), beta))


# -- signal.windows ---------------------------------------------------------------------------------


class Window(OfARecipe, kind=True):
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
        return Recipe(dtype, M, "tent", (_period(M, sym),))


class signal_windows_blackman(Window):
    """The Blackman window, of three cosines."""

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("blackman", M, dtype)
        return _cosines(M, sym, BLACKMAN, dtype)


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
        return Recipe(dtype, M, "half_sine", (max(period, 1),))


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
        return Recipe(dtype, M, "decay", (center, tau))


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
        return Recipe(dtype, M, "bell", (middle, std))


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
        return _cosines(M, sym, a, dtype)

    def samples(make):
        yield 5, {"a": (0.46, 0.23, 0.31), "dtype": make.dtype}


class signal_windows_general_hamming(Window):
    """``alpha - (1 - alpha) * cos``."""

    def cpu(M: int, *, alpha: float = 0.54, sym: bool = True, dtype: DType = None):
        _check("general_cosine", M, dtype)
        return _cosines(M, sym, (alpha, 1 - alpha), dtype)


class signal_windows_hamming(Window):
    """The Hamming window, ``0.54 - 0.46 * cos``."""

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("general_cosine", M, dtype)
        return _cosines(M, sym, (0.54, 0.46), dtype)


class signal_windows_hann(Window):
    """The Hann window, ``0.5 - 0.5 * cos``.

    Example:
        >>> import tritorch
        >>> tritorch.signal.windows.hann(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("general_cosine", M, dtype)
        return _cosines(M, sym, (0.5, 0.5), dtype)


class signal_windows_kaiser(Window):
    """The Kaiser window: ``i0(beta * sqrt(1 - t^2)) / i0(beta)`` for t from -1 to 1.

    Raises:
        ValueError: for a negative ``beta``.
    """

    def cpu(M: int, *, beta: float = 12.0, sym: bool = True, dtype: DType = None):
        _check("kaiser", M, dtype)
        if beta < 0:
            raise ValueError(f"beta must be non-negative, got: {beta} instead.")
        return Recipe(dtype, M, "kaiser", (_period(M, sym), beta))


class signal_windows_nuttall(Window):
    """The Nuttall window, of four cosines."""

    def cpu(M: int, *, sym: bool = True, dtype: DType = None):
        _check("general_cosine", M, dtype)
        return _cosines(M, sym, NUTTALL, dtype)
