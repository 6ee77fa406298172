"""Linear and bilinear maps."""

import math

from ... import _api as tt
from ...tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter, UninitializedParameter
from ._new import draw_bias, new_parameter
from .lazy import LazyModuleMixin
from .module import Module

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]


class Identity(Module):
    """Hands its input through. Any arguments are accepted and not used.

    Example::

        >>> import tritorch
        >>> tritorch.nn.Identity(54, unused=True)(tritorch.ones(1))
        tensor([1.])
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """``y = x A^T + b``.

    Args:
        in_features (int): size of the last dimension of the input.
        out_features (int): size of the last dimension of the output.
        bias (bool): whether to add ``b``. Default: ``True``
        device, dtype: of the parameters.

    Shape:
        - Input: ``(*, in_features)``
        - Output: ``(*, out_features)``

    Attributes:
        weight (Parameter): ``A``, of shape ``(out_features, in_features)``.
        bias (Parameter or None): ``b``, of shape ``(out_features,)``. Both begin uniform on ``(-1, 1)`` divided by
            the square root of ``in_features``.

    Example::

        >>> import tritorch
        >>> tritorch.nn.Linear(20, 30)(tritorch.randn(128, 20)).shape
        tritorch.Size([128, 30])
    """

    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device=None, dtype=None) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = new_parameter((out_features, in_features), device=device, dtype=dtype)
        self.register_parameter("bias", new_parameter(out_features, bias, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the parameters anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        draw_bias(self.bias, self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """The output projection of attention. It has a class of its own so that rules on ``Linear`` can pass it by."""


class Bilinear(Module):
    """``y = x1^T A x2 + b``.

    Args:
        in1_features, in2_features (int): sizes of the last dimensions of the inputs.
        out_features (int): size of the last dimension of the output.
        bias (bool): whether to add ``b``. Default: ``True``
        device, dtype: of the parameters.

    Shape:
        - Input1: ``(*, in1_features)``, Input2: ``(*, in2_features)``
        - Output: ``(*, out_features)``

    Attributes:
        weight (Parameter): ``A``, of shape ``(out_features, in1_features, in2_features)``.
        bias (Parameter or None): ``b``, of shape ``(out_features,)``. Both begin uniform on ``(-1, 1)`` divided by
            the square root of ``in1_features``.

    Example::

        >>> import tritorch
        >>> tritorch.nn.Bilinear(2, 3, 4)(tritorch.randn(5, 2), tritorch.randn(5, 3)).shape
        tritorch.Size([5, 4])
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, device=None, dtype=None
    ) -> None:
        super().__init__()
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = new_parameter((out_features, in1_features, in2_features), device=device, dtype=dtype)
        self.register_parameter("bias", new_parameter(out_features, bias, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the parameters anew."""
        if self.in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={self.in1_features})")
        bound = 1 / math.sqrt(self.weight.size(1))
        for parameter in self._parameters.values():
            if parameter is not None:
                init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class LazyLinear(LazyModuleMixin, Linear):
    """A :class:`Linear` that takes ``in_features`` from its first input, and is a Linear from then on.

    Args:
        out_features (int): size of the last dimension of the output.
        bias (bool): whether to add a bias. Default: ``True``
        device, dtype: of the parameters.
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device=None, dtype=None) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws the parameters anew, once there are any."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Takes ``in_features`` from the last dimension of ``input``, or from values that were loaded."""
        if self.has_uninitialized_params():
            with tt.no_grad():
                self.in_features = input.shape[-1]
                self.weight.materialize((self.out_features, self.in_features))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()
        if self.in_features == 0:
            if input.shape[-1] != self.weight.shape[-1]:
                raise AssertionError(
                    f"The in_features inferred from input: {input.shape[-1]} is not equal to in_features from "
                    f"self.weight: {self.weight.shape[-1]}"
                )
            self.in_features = input.shape[-1]
