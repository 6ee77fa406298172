"""Adam: steps scaled by running averages of the gradient and of its square."""

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

__all__ = ["Adam"]


@Formula
def _adam(
    param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq=None,
    *, decay, new1, beta2, new2, scale, eps, step_size, maximize=False, decays=False, decoupled=False,
):  # fmt: skip
    if decoupled:
        param.mul_(decay)
    grad = direction(param, grad, decay, maximize, decays)
    exp_avg.lerp_(grad, new1)
    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=new2)
    if max_exp_avg_sq is not None:
        exp_avg_sq = max_exp_avg_sq.copy_(max_exp_avg_sq.clone().maximum(exp_avg_sq))
    param.addcdiv_(exp_avg, exp_avg_sq.sqrt().mul(scale).add_(eps), value=step_size)


class Adam(ElementwiseOptimizer):
    """Adam (Kingma and Ba, https://arxiv.org/abs/1412.6980).

    m <- beta1 * m + (1 - beta1) * g;  v <- beta2 * v + (1 - beta2) * g^2
    p <- p - lr * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: learning rate.
        betas: what the running averages keep at each step.
        eps: added to the denominator.
        weight_decay: multiple of the parameter that is added to its gradient.
        amsgrad: divide by the largest average so far (https://openreview.net/forum?id=ryQu7f-RZ).
        maximize: climb instead of descending.
        differentiable: record the step itself.
        decoupled_weight_decay: shrink the parameter itself instead: AdamW.
        foreach, capturable, fused: accepted; every step is fused.

    >>> import tritorch
    >>> x = tritorch.tensor([2.0], requires_grad=True)
    >>> optimizer = tritorch.optim.Adam([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_flags(lr, foreach, differentiable, fused)
        check_not_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas(betas)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": tt.tensor(0.0), "exp_avg": tt.zeros_like(p), "exp_avg_sq": tt.zeros_like(p)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = tt.zeros_like(p)
        return state

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        (beta1, beta2), lr, eps = group["betas"], float(group["lr"]), float(group["eps"])
        decay, flags = decay_of(group)
        update = _adam.update(**flags)
        amsgrad = group["amsgrad"]

        def plan(p: Any, grad: Any, state: dict) -> tuple:
            step = advance(state)
            scale = (1.0 - beta2**step) ** -0.5
            numbers = (decay, 1.0 - beta1, beta2, 1.0 - beta2, scale, eps, -lr / (1.0 - beta1**step))
            tensors = (p, grad, state["exp_avg"], state["exp_avg_sq"])
            return update, (*tensors, state["max_exp_avg_sq"]) if amsgrad else tensors, numbers

        return plan
