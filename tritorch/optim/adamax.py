"""Adamax: Adam in the infinity norm."""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ._elementwise import ElementwiseOptimizer, advance, check_betas, check_flags, check_not_negative, direction
from ._kernels import Formula

__all__ = ["Adamax"]


@Formula
def _adamax(param, grad, exp_avg, exp_inf, *, decay, new1, beta2, eps, step_size, maximize=False, decays=False):
    grad = direction(param, grad, decay, maximize, decays)
    exp_avg.lerp_(grad, new1)
    exp_inf.copy_(exp_inf.mul(beta2).maximum(grad.abs().add_(eps)))
    param.addcdiv_(exp_avg, exp_inf, value=step_size)


class Adamax(ElementwiseOptimizer):
    """Adam with a running maximum in place of the second average (https://arxiv.org/abs/1412.6980).

    m <- beta1 * m + (1 - beta1) * g;  u <- max(beta2 * u, |g| + eps);  p <- p - lr / (1 - beta1^t) * m / u

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: learning rate.
        betas: what the averages keep at each step.
        eps: added to the gradient's size.
        weight_decay: multiple of the parameter that is added to its gradient.
        maximize: climb instead of descending.
        differentiable: record the step itself.
        foreach, capturable: accepted; every step is fused.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_flags(lr, foreach, differentiable)
        check_not_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas(betas)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": tt.tensor(0.0), "exp_avg": tt.zeros_like(p), "exp_inf": tt.zeros_like(p)}

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        (beta1, beta2), lr, eps = group["betas"], float(group["lr"]), float(group["eps"])
        decay = float(group["weight_decay"])
        update = _adamax.update(maximize=group["maximize"], decays=decay != 0)

        def plan(p: Any, grad: Any, state: dict) -> tuple:
            step_size = -lr / (1.0 - beta1 ** advance(state))
            numbers = (decay, 1.0 - beta1, beta2, eps, step_size)
            return update, (p, grad, state["exp_avg"], state["exp_inf"]), numbers

        return plan
