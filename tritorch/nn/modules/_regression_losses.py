"""Losses between numbers, and between distributions. With ``reduction="none"`` they keep the shape of the inputs."""

from ...tensor import Tensor
from .. import functional as F
from ._declared import declared, legacy
from ._loss_base import _Loss

__all__ = ["GaussianNLLLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "PoissonNLLLoss", "SmoothL1Loss"]


class L1Loss(_Loss):
    """``|input - target|``, for tensors of one shape.

    Args:
        reduction (str): ``"mean"``, ``"sum"`` or ``"none"``. Default: ``"mean"``
        size_average, reduce: deprecated; see ``reduction``.

    Example::

        >>> import tritorch
        >>> tritorch.nn.L1Loss()(tritorch.zeros(2), tritorch.tensor([1.0, 3.0]))
        tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """``(input - target)^2``, for tensors of one shape. Arguments as for :class:`L1Loss`.

    Example::

        >>> import tritorch
        >>> tritorch.nn.MSELoss(reduction="sum")(tritorch.zeros(2), tritorch.tensor([1.0, 3.0]))
        tensor(10.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


@declared()
class SmoothL1Loss(_Loss):
    """With ``d = |input - target|``: ``d^2 / (2 beta)`` where ``d < beta``, else ``d - beta / 2``.

    Args:
        reduction, size_average, reduce: as for :class:`L1Loss`.
        beta (float): where the square ends, at least 0. Default: 1
    """

    size_average: bool | None = legacy()
    reduce: bool | None = legacy()
    reduction: str = "mean"
    beta: float = 1.0

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """With ``d = |input - target|``: ``d^2 / 2`` where ``d < delta``, else ``delta (d - delta / 2)``.

    Args:
        reduction (str): as for :class:`L1Loss`.
        delta (float): where the square ends, above 0. Default: 1
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, float | int):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


@declared()
class PoissonNLLLoss(_Loss):
    """Minus the log-likelihood of counts, ``exp(input) - target input``, without the term of the target alone.

    Args:
        log_input (bool): whether ``input`` is the logarithm of the rate; else ``input - target log(input + eps)``.
            Default: ``True``
        full (bool): add Stirling's approximation of the term of the target. Default: ``False``
        eps (float): keeps the logarithm from 0. Default: 1e-8
        reduction, size_average, reduce: as for :class:`L1Loss`.
    """

    log_input: bool = True
    full: bool = False
    size_average: bool | None = legacy()
    eps: float = 1e-8
    reduce: bool | None = legacy()
    reduction: str = "mean"

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


@declared(kw_only=True)
class GaussianNLLLoss(_Loss):
    """Minus the log-likelihood of numbers, ``(log(var) + (input - target)^2 / var) / 2``.

    Args:
        full (bool): add the constant term. Default: ``False``
        eps (float): the least variance. Default: 1e-6
        reduction (str): as for :class:`L1Loss`.

    ``forward(input, target, var)`` takes the variance as a tensor of the shape of ``input``, of that shape without its
    last dimension or with size 1 there, or as a number.
    """

    full: bool = False
    eps: float = 1e-6
    reduction: str = "mean"

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


@declared()
class KLDivLoss(_Loss):
    """``target (log(target) - input)``, the divergence of ``target`` from the distribution whose logarithm is given.

    Args:
        reduction (str): as for :class:`L1Loss`, or ``"batchmean"``, the sum divided by the first size, which alone is
            the divergence by its definition. Default: ``"mean"``
        log_target (bool): whether ``target`` too is a logarithm. Default: ``False``
        size_average, reduce: deprecated; see ``reduction``.

    Example::

        >>> import tritorch
        >>> p = tritorch.tensor([[0.5, 0.5]])
        >>> tritorch.nn.KLDivLoss(reduction="batchmean")(p.log(), p)
        tensor(0.)
    """

    size_average: bool | None = legacy()
    reduce: bool | None = legacy()
    reduction: str = "mean"
    log_target: bool = False

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
