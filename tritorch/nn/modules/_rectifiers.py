"""Activations in pieces: rectifiers, and what is flat or linear beyond a bound."""

import warnings

from ... import _api as tt
from ...tensor import Tensor
from .. import functional as F
from ..init import constant_
from ..parameter import Parameter
from ._declared import declared
from .module import Module

__all__ = [
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]


class _Inplace(Module):
    """Prints ``inplace=True`` after its other arguments, and nothing of it when it is False."""

    _shows = ""

    def extra_repr(self) -> str:
        shown = [self._shows.format_map(self.__dict__), "inplace=True" if self.inplace else ""]
        return ", ".join(filter(None, shown))


@declared("threshold={threshold}, value={value}")
class Threshold(_Inplace):
    """``x`` where ``x > threshold``, else ``value``, elementwise, on a tensor of any shape.

    Args:
        threshold (float): where to switch.
        value (float): what to put at or below it.
        inplace (bool): overwrite the input. Default: ``False``

    Example::

        >>> import tritorch
        >>> tritorch.nn.Threshold(0.5, 9.0)(tritorch.tensor([0.0, 1.0]))
        tensor([9., 1.])
    """

    threshold: float
    value: float
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)


@declared()
class ReLU(_Inplace):
    """``max(0, x)``, elementwise, on a tensor of any shape.

    Args:
        inplace (bool): overwrite the input. Default: ``False``

    Example::

        >>> import tritorch
        >>> tritorch.nn.ReLU()(tritorch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


@declared("lower={lower}, upper={upper}")
class RReLU(_Inplace):
    """``x`` where ``x >= 0``, else ``a x`` with ``a`` uniform on ``[lower, upper]``, the middle of it in evaluation.

    Source: Xu et al., Empirical Evaluation of Rectified Activations in Convolutional Network (2015).

    Args:
        lower (float): lower bound of the slope. Default: 1/8
        upper (float): upper bound of the slope. Default: 1/3
        inplace (bool): overwrite the input. Default: ``False``
    """

    lower: float = 1.0 / 8
    upper: float = 1.0 / 3
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class Hardtanh(_Inplace):
    """``x`` limited to ``[min_val, max_val]``, elementwise, on a tensor of any shape.

    Args:
        min_val (float): lower end. Default: -1
        max_val (float): upper end. Default: 1
        inplace (bool): overwrite the input. Default: ``False``
        min_value, max_value (float): deprecated names of the ends.

    Example::

        >>> import tritorch
        >>> tritorch.nn.Hardtanh()(tritorch.tensor([-3.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """

    _shows = "min_val={min_val}, max_val={max_val}"

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        self.min_val = self._renamed("min_val", min_val, "min_value", min_value)
        self.max_val = self._renamed("max_val", max_val, "max_value", max_value)
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    @staticmethod
    def _renamed(name: str, value, old_name: str, old_value):
        if old_value is None:
            return value
        warnings.warn(
            f"keyword argument `{old_name}` is deprecated and renamed to `{name}`", FutureWarning, stacklevel=3
        )
        return old_value

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class ReLU6(Hardtanh):
    """``min(max(0, x), 6)``, elementwise, on a tensor of any shape.

    Args:
        inplace (bool): overwrite the input. Default: ``False``
    """

    _shows = ""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)


@declared()
class Hardsigmoid(Module):
    """``min(max(0, x + 3), 6) / 6``, elementwise, on a tensor of any shape.

    Args:
        inplace (bool): overwrite the input. Default: ``False``
    """

    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)


@declared()
class Hardswish(Module):
    """``x min(max(0, x + 3), 6) / 6``, elementwise, on a tensor of any shape.

    Source: Howard et al., Searching for MobileNetV3 (2019).

    Args:
        inplace (bool): overwrite the input. Default: ``False``
    """

    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)


@declared("negative_slope={negative_slope}")
class LeakyReLU(_Inplace):
    """``x`` where ``x >= 0``, else ``negative_slope x``, elementwise, on a tensor of any shape.

    Args:
        negative_slope (float): the slope below zero. Default: 0.01
        inplace (bool): overwrite the input. Default: ``False``

    Example::

        >>> import tritorch
        >>> tritorch.nn.LeakyReLU(0.5)(tritorch.tensor([-2.0, 2.0]))
        tensor([-1.,  2.])
    """

    negative_slope: float = 1e-2
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class PReLU(Module):
    """``x`` where ``x >= 0``, else ``a x`` with a learned ``a``, on ``(N, *)``; one ``a``, or one for each channel.

    Source: He et al., Delving Deep into Rectifiers (2015).

    Args:
        num_parameters (int): 1, or the number of channels, the size of dimension 1. Default: 1
        init (float): the first value of ``a``. Default: 0.25
        device, dtype: of the weight.

    Attributes:
        weight (Parameter): ``a``, of shape ``(num_parameters,)``.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device=None, dtype=None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(tt.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the weight to ``init`` again."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


@declared("{lambd}")
class Hardshrink(Module):
    """``x`` where ``|x| > lambd``, else 0, elementwise, on a tensor of any shape.

    Args:
        lambd (float): half the width of the gap. Default: 0.5
    """

    lambd: float = 0.5

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


@declared("{lambd}")
class Softshrink(Module):
    """``x`` moved towards zero by ``lambd``, and no further than zero, elementwise, on a tensor of any shape.

    Args:
        lambd (float): how far, at least 0. Default: 0.5
    """

    lambd: float = 0.5

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)
