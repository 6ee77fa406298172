"""Averaged stochastic gradient descent."""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ._elementwise import ElementwiseOptimizer, advance, check_flags, check_not_negative, direction
from ._kernels import Formula

__all__ = ["ASGD"]


@Formula
def _asgd(param, grad, ax, *, decay, shrink, step_size, mu, maximize=False, decays=False, averaging=False):
    grad = direction(param, grad, decay, maximize, decays)
    param.mul_(shrink)
    param.add_(grad, alpha=step_size)
    if averaging:
        ax.lerp_(param, mu)
    else:
        ax.copy_(param)


class ASGD(ElementwiseOptimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992); the average is ``state[p]["ax"]``.

    p <- p * (1 - lambd * eta) - eta * g;  a <- a + mu * (p - a)
    eta = lr / (1 + lambd * lr * t)^alpha;  mu = 1 / max(1, t - t0)

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: learning rate.
        lambd: how fast parameters shrink.
        alpha: the power by which eta falls.
        t0: the step at which averaging starts.
        weight_decay: multiple of the parameter that is added to its gradient.
        maximize: climb instead of descending.
        differentiable: record the step itself.
        foreach, capturable: accepted; every step is fused.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_flags(lr, foreach, differentiable)
        check_not_negative(lr=lr, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        eta, mu = tt.tensor(float(group["lr"])), tt.tensor(1.0)
        return {"step": tt.tensor(0.0), "eta": eta, "mu": mu, "ax": tt.zeros_like(p)}

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        lr, lambd, alpha, t0 = float(group["lr"]), group["lambd"], group["alpha"], group["t0"]
        decay = float(group["weight_decay"])
        flags = {"maximize": group["maximize"], "decays": decay != 0}
        averaging, copying = _asgd.update(averaging=True, **flags), _asgd.update(averaging=False, **flags)

        def plan(p: Any, grad: Any, state: dict) -> tuple:
            step = advance(state)
            eta, mu = state["eta"].item(), state["mu"].item()
            state["eta"].fill_(lr / (1.0 + lambd * lr * step) ** alpha)
            state["mu"].fill_(1.0 / max(1.0, step - t0))
            numbers = (decay, 1.0 - lambd * eta, -eta, mu)
            return averaging if mu != 1.0 else copying, (p, grad, state["ax"]), numbers

        return plan
