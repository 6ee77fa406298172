"""Smooth activations, and those that normalise along a dimension."""

from ... import _api as tt
from ...tensor import Tensor
from .. import functional as F
from ._declared import declared
from ._rectifiers import _Inplace
from .module import Module

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``, elementwise, on a tensor of any shape."""

    def forward(self, input: Tensor) -> Tensor:
        return tt.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent, elementwise, on a tensor of any shape."""

    def forward(self, input: Tensor) -> Tensor:
        return tt.tanh(input)


@declared("alpha={alpha}")
class ELU(_Inplace):
    """``x`` where ``x > 0``, else ``alpha (exp(x) - 1)``, elementwise, on a tensor of any shape.

    Source: Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units (2015).

    Args:
        alpha (float): the limit, negated, far below zero. Default: 1
        inplace (bool): overwrite the input. Default: ``False``
    """

    alpha: float = 1.0
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)


@declared("alpha={alpha}")
class CELU(_Inplace):
    """``max(0, x) + min(0, alpha (exp(x / alpha) - 1))``, elementwise, on a tensor of any shape.

    Source: Barron, Continuously Differentiable Exponential Linear Units (2017).

    Args:
        alpha (float): the limit, negated, far below zero. Default: 1
        inplace (bool): overwrite the input. Default: ``False``
    """

    alpha: float = 1.0
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


@declared()
class SELU(_Inplace):
    """``scale (max(0, x) + min(0, alpha (exp(x) - 1)))``, elementwise, on a tensor of any shape.

    ``alpha`` is 1.6732632423543772 and ``scale`` 1.0507009873554805, which keep mean 0 and variance 1.
    Source: Klambauer et al., Self-Normalizing Neural Networks (2017).

    Args:
        inplace (bool): overwrite the input. Default: ``False``
    """

    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


@declared()
class SiLU(_Inplace):
    """``x sigmoid(x)``, elementwise, on a tensor of any shape; also called swish.

    Source: Hendrycks and Gimpel, Gaussian Error Linear Units (2016).

    Args:
        inplace (bool): overwrite the input. Default: ``False``
    """

    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, inplace=self.inplace)


@declared()
class Mish(_Inplace):
    """``x tanh(softplus(x))``, elementwise, on a tensor of any shape.

    Source: Misra, Mish: A Self Regularized Non-Monotonic Neural Activation Function (2019).

    Args:
        inplace (bool): overwrite the input. Default: ``False``
    """

    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, inplace=self.inplace)


@declared("approximate={approximate!r}")
class GELU(Module):
    """``x`` times the cumulative distribution of the normal at ``x``, elementwise, on a tensor of any shape.

    Source: Hendrycks and Gimpel, Gaussian Error Linear Units (2016).

    Args:
        approximate (str): ``"none"``, or ``"tanh"`` for the formula with the hyperbolic tangent. Default: ``"none"``
    """

    approximate: str = "none"

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)


@declared("dim={dim}")
class GLU(Module):
    """``a sigmoid(b)``, with ``a`` and ``b`` the halves of the input along a dimension.

    Source: Dauphin et al., Language Modeling with Gated Convolutional Networks (2016).

    Args:
        dim (int): the dimension to halve, of even size. Default: -1
    """

    dim: int = -1

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)


class LogSigmoid(Module):
    """``log(1 / (1 + exp(-x)))``, elementwise, on a tensor of any shape."""

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


@declared("beta={beta}, threshold={threshold}")
class Softplus(Module):
    """``log(1 + exp(beta x)) / beta``, elementwise, on a tensor of any shape.

    Args:
        beta (float): how sharp the bend is. Default: 1
        threshold (float): where ``beta x`` is above it, ``x`` itself. Default: 20
    """

    beta: float = 1.0
    threshold: float = 20.0

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)


class Softsign(Module):
    """``x / (1 + |x|)``, elementwise, on a tensor of any shape."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """``x - tanh(x)``, elementwise, on a tensor of any shape."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


@declared("dim={dim}")
class Softmin(Module):
    """``softmax(-x)`` along a dimension.

    Args:
        dim (int): the dimension that sums to 1.
    """

    dim: int | None = None

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim, _stacklevel=5)


@declared("dim={dim}")
class Softmax(Module):
    """``exp(x) / sum(exp(x))`` along a dimension; the shape stays.

    Args:
        dim (int): the dimension that sums to 1.

    Example::

        >>> import tritorch
        >>> tritorch.nn.Softmax(dim=0)(tritorch.zeros(2))
        tensor([0.5000, 0.5000])
    """

    dim: int | None = None

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim, _stacklevel=5)


class Softmax2d(Module):
    """Softmax over the channels of ``(N, C, H, W)`` or ``(C, H, W)``, at every place. Other shapes raise ValueError."""

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3, _stacklevel=5)


@declared("dim={dim}")
class LogSoftmax(Module):
    """The logarithm of :class:`Softmax`, computed at once.

    Args:
        dim (int): the dimension along which the exponentials sum to 1.
    """

    dim: int | None = None

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim, _stacklevel=5)
