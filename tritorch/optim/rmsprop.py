"""RMSprop: steps scaled by a running average of the squared gradient."""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ._elementwise import ElementwiseOptimizer, advance, check_flags, check_not_negative, direction
from ._kernels import Formula

__all__ = ["RMSprop"]


@Formula
def _rmsprop(
    param, grad, square_avg, first=None, second=None,
    *, decay, alpha, new, eps, momentum, lr, maximize=False, decays=False, centered=False, with_momentum=False,
):  # fmt: skip
    buffer, grad_avg = (first, second) if with_momentum else (None, first)
    grad = direction(param, grad, decay, maximize, decays)
    square_avg.mul_(alpha).addcmul_(grad, grad, value=new)
    if centered:
        grad_avg.lerp_(grad, new)
        square_avg = square_avg.addcmul(grad_avg, grad_avg, value=-1.0)
    size = square_avg.sqrt().add(eps)
    if with_momentum:
        buffer.mul_(momentum).addcdiv_(grad, size)
        param.add_(buffer, alpha=lr)
    else:
        param.addcdiv_(grad, size, value=lr)


class RMSprop(ElementwiseOptimizer):
    """RMSprop (Hinton's lecture 6e of "Neural networks for machine learning").

    s <- alpha * s + (1 - alpha) * g^2;  p <- p - lr * g / (sqrt(s) + eps)

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: learning rate.
        alpha: what the averages keep at each step.
        eps: added to the denominator.
        weight_decay: multiple of the parameter that is added to its gradient.
        momentum: share of the last step that is kept.
        centered: divide by the spread, with the average gradient taken out.
        maximize: climb instead of descending.
        differentiable: record the step itself.
        foreach, capturable: accepted; every step is fused.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_flags(lr, foreach, differentiable)
        check_not_negative(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": tt.tensor(0.0), "square_avg": tt.zeros_like(p)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = tt.zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = tt.zeros_like(p)
        return state

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        decay, alpha, momentum = float(group["weight_decay"]), group["alpha"], float(group["momentum"])
        centered = group["centered"]
        update = _rmsprop.update(
            maximize=group["maximize"], decays=decay != 0, centered=centered, with_momentum=momentum > 0
        )
        numbers = (decay, alpha, 1.0 - alpha, float(group["eps"]), momentum, -float(group["lr"]))
        remembered = ["square_avg"] + ["momentum_buffer"] * (momentum > 0) + ["grad_avg"] * centered

        def plan(p: Any, grad: Any, state: dict) -> tuple:
            advance(state)
            return update, (p, grad, *[state[name] for name in remembered]), numbers

        return plan
