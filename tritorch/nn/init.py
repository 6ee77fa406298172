"""First values for parameters. Every function fills its tensor in place, outside the graph, and returns it.

Drawing functions take a ``generator`` (:class:`tritorch.Generator`), by default the global one.
"""

import functools
import math
import threading
import warnings
from contextlib import contextmanager

from .. import _api as tt
from ..tensor import Tensor
from ._init_structured import dirac_ as dirac_
from ._init_structured import eye_ as eye_
from ._init_structured import orthogonal_ as orthogonal_
from ._init_structured import sparse_ as sparse_

_FILLS = [
    "uniform_",
    "normal_",
    "constant_",
    "eye_",
    "dirac_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
]
_OTHERS = ["calculate_gain", "ones_", "trunc_normal_", "zeros_"]
__all__ = [name for names in (_FILLS, _OTHERS, [fill[:-1] for fill in _FILLS]) for name in names]

_GAINS = {
    **dict.fromkeys(["linear", "conv1d", "conv2d", "conv3d"], 1),
    **dict.fromkeys(["conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"], 1),
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


class _Drawing(threading.local):
    """Whether this thread draws the first values of parameters, or leaves them unset."""

    on = True


_drawing = _Drawing()


@contextmanager
def _without_drawing():
    """In this block :func:`uniform_` and :func:`normal_`, and what is built on them, do nothing."""
    before, _drawing.on = _drawing.on, False
    try:
        yield
    finally:
        _drawing.on = before


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which the standard deviation of weights is raised to keep the variance through a nonlinearity.

    Args:
        nonlinearity (str): its name in :mod:`tritorch.nn.functional`, such as ``"relu"`` or ``"conv2d"``.
        param (float, optional): the negative slope of ``"leaky_relu"``. Default: 0.01

    Example::

        >>> import tritorch
        >>> tritorch.nn.init.calculate_gain("tanh")
        1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator=None) -> Tensor:
    """Draws uniformly from ``[a, b)``.

    Example::

        >>> import tritorch
        >>> weight = tritorch.nn.init.uniform_(tritorch.empty(3, 5), -1, 1)
        >>> bool((weight.abs() <= 1).all())
        True
    """
    with tt.no_grad():
        return tensor.uniform_(a, b, generator=generator) if _drawing.on else tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator=None) -> Tensor:
    """Draws from the normal distribution."""
    with tt.no_grad():
        return tensor.normal_(mean, std, generator=generator) if _drawing.on else tensor


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator=None
) -> Tensor:
    """Draws from the normal distribution limited to ``[a, b]``: what falls outside is drawn again.

    Where less than 0.3 of the distribution lies inside, uniform draws are accepted in proportion to its density.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )

    def below(x: float) -> float:
        return (1.0 + math.erf((x - mean) / (std * math.sqrt(2.0)))) / 2.0

    mode = max(a, min(mean, b))
    log_peak = -0.5 * ((mode - mean) / std) ** 2

    def draw() -> tuple[Tensor, Tensor]:
        """Fresh values, and which of them are to be drawn again."""
        values = tt.empty_like(tensor)
        if below(b) - below(a) > 0.3:
            values.normal_(mean, std, generator=generator)
            return values, (values < a) | (values > b)
        values.uniform_(a, b, generator=generator)
        log_density = -0.5 * ((values - mean) / std) ** 2 - log_peak
        return values, tt.empty_like(tensor).uniform_(generator=generator).log_() > log_density

    with tt.no_grad():
        values, pending = draw()
        while pending.any():
            again, rejected = draw()
            values = tt.where(pending, again, values)
            pending = pending & rejected
        return tensor.copy_(values)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fills with a value."""
    with tt.no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fills with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fills with 0."""
    with tt.no_grad():
        return tensor.zero_()


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output of a weight has, and how many outputs an input."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    out_maps, in_maps, *kernel = tensor.shape
    field = math.prod(kernel)
    return in_maps * field, out_maps * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    mode = mode.lower()
    if mode not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode)]


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    """Draws uniformly from ``(-a, a)``, with ``a = gain sqrt(6 / (fan_in + fan_out))``.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    """Draws from the normal distribution of deviation ``gain sqrt(2 / (fan_in + fan_out))``; source as above."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    """The deviation; None, with a warning, where there is nothing to fill."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None
) -> Tensor:
    """Draws uniformly from ``(-b, b)``, with ``b = gain sqrt(3 / fan)``.

    Source: He et al., Delving Deep into Rectifiers (2015).

    Args:
        tensor (Tensor): a weight.
        a (float): the negative slope of ``"leaky_relu"``. Default: 0
        mode (str): ``"fan_in"`` keeps the variance forward, ``"fan_out"`` backward. Default: ``"fan_in"``
        nonlinearity (str): whose gain to take; see :func:`calculate_gain`. Default: ``"leaky_relu"``
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    bound = None if std is None else math.sqrt(3.0) * std
    return tensor if bound is None else uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None
) -> Tensor:
    """Draws from the normal distribution of deviation ``gain / sqrt(fan)``; see :func:`kaiming_uniform_`."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0, std, generator)


def _deprecated(fill):
    """The old name of a function: without the underscore, and with a warning."""
    new, old = fill.__name__, fill.__name__[:-1]

    @functools.wraps(fill)
    def renamed(*args, **kwargs):
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2)
        return fill(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    renamed.__doc__ = f"Deprecated name of :func:`{new}`."
    return renamed


globals().update({name[:-1]: _deprecated(globals()[name]) for name in _FILLS})
