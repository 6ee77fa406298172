"""AdamW: Adam whose weight decay does not pass through its averages."""

from typing import Any

from .adam import Adam

__all__ = ["AdamW"]


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, https://arxiv.org/abs/1711.05101).

    p <- p * (1 - lr * weight_decay), then a step of :class:`Adam`.

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr, betas, eps, amsgrad, maximize, foreach, capturable, differentiable, fused: as for :class:`Adam`.
        weight_decay: how fast parameters shrink.

    >>> import tritorch
    >>> x = tritorch.tensor([2.0], requires_grad=True)
    >>> optimizer = tritorch.optim.AdamW([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([1.8980], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
