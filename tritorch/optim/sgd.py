"""Stochastic gradient descent."""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ._elementwise import ElementwiseOptimizer, check_flags, check_not_negative, direction
from ._kernels import Formula

__all__ = ["SGD"]


@Formula
def _sgd(
    param, grad, buffer=None, *, lr, decay, momentum, kept, maximize=False, decays=False, first=False, nesterov=False
):
    grad = direction(param, grad, decay, maximize, decays)
    if buffer is not None:
        if first:
            buffer.copy_(grad)
        else:
            buffer.mul_(momentum).add_(grad, alpha=kept)
        grad = grad.add(buffer, alpha=momentum) if nesterov else buffer
    param.add_(grad, alpha=lr)


class SGD(ElementwiseOptimizer):
    """Stochastic gradient descent, with momentum if wanted.

    b <- momentum * b + (1 - dampening) * g;  p <- p - lr * b  (Nesterov: p - lr * (g + momentum * b))

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: learning rate.
        momentum: share of the last step's direction that is kept.
        dampening: share of the gradient that is left out of the momentum.
        weight_decay: multiple of the parameter that is added to its gradient.
        nesterov: Nesterov's momentum; needs a momentum and no dampening.
        maximize: climb instead of descending.
        differentiable: record the step itself.
        foreach, fused: accepted; every step is fused.

    >>> import tritorch
    >>> x = tritorch.tensor([2.0], requires_grad=True)
    >>> optimizer = tritorch.optim.SGD([x], lr=0.1, momentum=0.9)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([1.6000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_flags(lr, foreach, differentiable, fused)
        check_not_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        momentum, decay = group["momentum"], group["weight_decay"]
        flags = {"maximize": group["maximize"], "decays": decay != 0, "nesterov": group["nesterov"]}
        first, later = _sgd.update(first=True, **flags), _sgd.update(first=False, **flags)
        numbers = (-float(group["lr"]), float(decay), float(momentum), 1.0 - group["dampening"])

        def plain(p: Any, grad: Any, state: dict) -> tuple:
            return later, (p, grad), numbers

        def with_momentum(p: Any, grad: Any, state: dict) -> tuple:
            buffer = state.get("momentum_buffer")
            if buffer is not None:
                return later, (p, grad, buffer), numbers
            state["momentum_buffer"] = buffer = tt.zeros_like(p)
            return first, (p, grad, buffer), numbers

        return with_momentum if momentum != 0 else plain
