"""NAdam: Adam with Nesterov's momentum."""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ._elementwise import (
    ElementwiseOptimizer,
    advance,
    check_betas,
    check_flags,
    check_not_negative,
    decay_of,
    direction,
)
from ._kernels import Formula

__all__ = ["NAdam"]


@Formula
def _nadam(
    param, grad, exp_avg, exp_avg_sq,
    *, decay, new1, beta2, new2, scale, eps, of_grad, of_average, maximize=False, decays=False, decoupled=False,
):  # fmt: skip
    if decoupled:
        param.mul_(decay)
    grad = direction(param, grad, decay, maximize, decays)
    exp_avg.lerp_(grad, new1)
    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=new2)
    size = exp_avg_sq.sqrt().mul(scale).add_(eps)
    param.addcdiv_(grad, size, value=of_grad)
    param.addcdiv_(exp_avg, size, value=of_average)


class NAdam(ElementwiseOptimizer):
    """Adam with Nesterov's momentum (Dozat, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ).

    With mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2), the step of :class:`Adam` looks ahead along mu_{t+1}.

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: learning rate.
        betas: what the averages keep at each step.
        eps: added to the denominator.
        weight_decay: multiple of the parameter that is added to its gradient.
        momentum_decay: how fast the momentum settles.
        decoupled_weight_decay: shrink the parameter itself instead.
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
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_flags(lr, foreach, differentiable)
        check_not_negative(lr=lr, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        check_betas(betas)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "step": tt.tensor(0.0),
            "mu_product": tt.tensor(1.0),
            "exp_avg": tt.zeros_like(p),
            "exp_avg_sq": tt.zeros_like(p),
        }

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        (beta1, beta2), lr, eps = group["betas"], float(group["lr"]), float(group["eps"])
        decay, flags = decay_of(group)
        update = _nadam.update(**flags)
        momentum_decay = group["momentum_decay"]

        def momentum(step: float) -> float:
            return beta1 * (1.0 - 0.5 * 0.96 ** (step * momentum_decay))

        def plan(p: Any, grad: Any, state: dict) -> tuple:
            step = advance(state)
            now, ahead = momentum(step), momentum(step + 1)
            product = state["mu_product"]
            product *= now
            so_far = product.item()
            of_grad, of_average = -lr * (1.0 - now) / (1.0 - so_far), -lr * ahead / (1.0 - so_far * ahead)
            scale = (1.0 - beta2**step) ** -0.5
            numbers = (decay, 1.0 - beta1, beta2, 1.0 - beta2, scale, eps, of_grad, of_average)
            return update, (p, grad, state["exp_avg"], state["exp_avg_sq"]), numbers

        return plan
