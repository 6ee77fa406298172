"""RAdam: Adam that waits for its second average to mean something."""

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

__all__ = ["RAdam"]


@Formula
def _radam(
    param, grad, exp_avg, exp_avg_sq,
    *, decay, new1, beta2, new2, eps, step_size, maximize=False, decays=False, decoupled=False, adaptive=False,
):  # fmt: skip
    if decoupled:
        param.mul_(decay)
    grad = direction(param, grad, decay, maximize, decays)
    exp_avg.lerp_(grad, new1)
    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=new2)
    if adaptive:
        param.addcdiv_(exp_avg, exp_avg_sq.sqrt().add(eps), value=step_size)
    else:
        param.add_(exp_avg, alpha=step_size)


class RAdam(ElementwiseOptimizer):
    """Rectified Adam (Liu et al., https://arxiv.org/abs/1908.03265).

    While the variance of the second average cannot be estimated (fewer than five effective steps), plain momentum;
    then :class:`Adam` with a step corrected for that variance.

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: learning rate.
        betas: what the averages keep at each step.
        eps: added to the denominator.
        weight_decay: multiple of the parameter that is added to its gradient.
        decoupled_weight_decay: shrink the parameter itself instead.
        maximize: climb instead of descending.
        differentiable: record the step itself.
        foreach, capturable: accepted; every step is fused.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_flags(lr, foreach, differentiable)
        check_not_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas(betas)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": tt.tensor(0.0), "exp_avg": tt.zeros_like(p), "exp_avg_sq": tt.zeros_like(p)}

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        (beta1, beta2), lr, eps = group["betas"], float(group["lr"]), float(group["eps"])
        decay, flags = decay_of(group)
        adaptive, plain = _radam.update(adaptive=True, **flags), _radam.update(adaptive=False, **flags)
        longest = 2.0 / (1.0 - beta2) - 1.0  # the length of the simple average that the running one approaches

        def plan(p: Any, grad: Any, state: dict) -> tuple:
            step = advance(state)
            bias2 = 1.0 - beta2**step
            length = longest - 2.0 * step * beta2**step / bias2
            step_size = -lr / (1.0 - beta1**step)
            if length > 5.0:
                step_size *= (
                    (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length) * bias2
                ) ** 0.5
            numbers = (decay, 1.0 - beta1, beta2, 1.0 - beta2, eps, step_size)
            return adaptive if length > 5.0 else plain, (p, grad, state["exp_avg"], state["exp_avg_sq"]), numbers

        return plan
