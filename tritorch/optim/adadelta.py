"""Adadelta: steps in the units of the parameters."""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ._elementwise import ElementwiseOptimizer, advance, check_flags, check_not_negative, direction
from ._kernels import Formula

__all__ = ["Adadelta"]


@Formula
def _adadelta(param, grad, square_avg, acc_delta, *, decay, rho, new, eps, lr, maximize=False, decays=False):
    grad = direction(param, grad, decay, maximize, decays)
    square_avg.mul_(rho).addcmul_(grad, grad, value=new)
    delta = acc_delta.add(eps).sqrt().div(square_avg.add(eps).sqrt()).mul_(grad)
    acc_delta.mul_(rho).addcmul_(delta, delta, value=new)
    param.add_(delta, alpha=lr)


class Adadelta(ElementwiseOptimizer):
    """Adadelta (Zeiler, https://arxiv.org/abs/1212.5701).

    v <- rho * v + (1 - rho) * g^2;  d = sqrt(u + eps) / sqrt(v + eps) * g
    u <- rho * u + (1 - rho) * d^2;  p <- p - lr * d

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: a factor of the step.
        rho: what the averages keep at each step.
        eps: added under both roots.
        weight_decay: multiple of the parameter that is added to its gradient.
        maximize: climb instead of descending.
        differentiable: record the step itself.
        foreach, capturable: accepted; every step is fused.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_flags(lr, foreach, differentiable)
        check_not_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": tt.tensor(0.0), "square_avg": tt.zeros_like(p), "acc_delta": tt.zeros_like(p)}

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        decay, rho = float(group["weight_decay"]), group["rho"]
        update = _adadelta.update(maximize=group["maximize"], decays=decay != 0)
        numbers = (decay, rho, 1.0 - rho, float(group["eps"]), -float(group["lr"]))

        def plan(p: Any, grad: Any, state: dict) -> tuple:
            advance(state)
            return update, (p, grad, state["square_avg"], state["acc_delta"]), numbers

        return plan
