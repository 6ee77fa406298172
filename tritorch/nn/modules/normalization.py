"""Normalization over features, groups of channels, and neighbouring channels."""

from collections.abc import Sequence
from numbers import Integral

from ...tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from ._declared import declared
from ._new import new_parameter
from .module import Module

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


@declared("{size}, alpha={alpha}, beta={beta}, k={k}")
class LocalResponseNorm(Module):
    """``x / (k + alpha mean(x^2))^beta``, the mean over ``size`` neighbouring channels of ``(N, C, *)``.

    Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks (2012).

    Args:
        size (int): how many channels.
        alpha (float): the factor. Default: 1e-4
        beta (float): the exponent. Default: 0.75
        k (float): the addend. Default: 1
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)


@declared("{size}, alpha={alpha}, beta={beta}, k={k}")
class CrossMapLRN2d(Module):
    """:class:`LocalResponseNorm` of ``(N, C, H, W)``, under an older name."""

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)


class _Affine(Module):
    """Weight and bias that begin at 1 and 0, or are absent."""

    weight: Parameter | None
    bias: Parameter | None

    def reset_parameters(self) -> None:
        """Sets the weight to 1 and the bias to 0."""
        for name, fill in (("weight", init.ones_), ("bias", init.zeros_)):
            parameter = self._parameters.get(name)
            if parameter is not None:
                fill(parameter)


def _as_shape(normalized_shape) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, Integral) else tuple(normalized_shape)


class LayerNorm(_Affine):
    """``(x - mean) / sqrt(var + eps) * weight + bias``, mean and variance over the last dimensions.

    Source: Ba et al., Layer Normalization (2016).

    Args:
        normalized_shape (int, list or :class:`tritorch.Size`): the sizes of those dimensions.
        eps (float): added to the variance, which is without Bessel's correction. Default: 1e-5
        elementwise_affine (bool): whether weight and bias are learned. Default: ``True``
        bias (bool): whether there is a bias, if ``elementwise_affine``. Default: ``True``
        device, dtype: of the parameters.

    Shape:
        - Input and output: ``(*, *normalized_shape)``

    Attributes:
        weight, bias (Parameter or None): of shape ``normalized_shape``, at first 1 and 0.

    Example::

        >>> import tritorch
        >>> tritorch.nn.LayerNorm(10)(tritorch.randn(20, 5, 10)).shape
        tritorch.Size([20, 5, 10])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        factory = {"device": device, "dtype": dtype}
        self.register_parameter("weight", new_parameter(self.normalized_shape, elementwise_affine, **factory))
        self.register_parameter("bias", new_parameter(self.normalized_shape, elementwise_affine and bias, **factory))
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(_Affine):
    """``(x - mean) / sqrt(var + eps) * weight + bias``, mean and variance over groups of channels of each sample.

    Source: Wu and He, Group Normalization (2018).

    Args:
        num_groups (int): into how many groups.
        num_channels (int): how many channels, a multiple of ``num_groups``; otherwise ValueError is raised.
        eps (float): added to the variance, which is without Bessel's correction. Default: 1e-5
        affine (bool): whether weight and bias, of shape ``(num_channels,)``, are learned. Default: ``True``
        device, dtype: of the parameters.
        bias (bool): whether there is a bias, if ``affine``. Default: ``True``

    Shape:
        - Input and output: ``(N, num_channels, *)``

    Example::

        >>> import tritorch
        >>> tritorch.nn.GroupNorm(3, 6)(tritorch.randn(20, 6, 10, 10)).shape
        tritorch.Size([20, 6, 10, 10])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.register_parameter("weight", new_parameter(num_channels, affine, device=device, dtype=dtype))
        self.register_parameter("bias", new_parameter(num_channels, affine and bias, device=device, dtype=dtype))
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """``x / sqrt(mean(x^2) + eps) * weight``, the mean over the last dimensions.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization (2019).

    Args:
        normalized_shape (int, list or :class:`tritorch.Size`): the sizes of those dimensions.
        eps (float, optional): added to the mean. Default: the input's machine epsilon
        elementwise_affine (bool): whether a weight is learned, at first 1. Default: ``True``
        device, dtype: of the weight.

    Example::

        >>> import tritorch
        >>> tritorch.nn.RMSNorm([2, 3])(tritorch.ones(2, 2, 3)).shape
        tritorch.Size([2, 2, 3])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter(
            "weight", new_parameter(self.normalized_shape, elementwise_affine, device=device, dtype=dtype)
        )
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
