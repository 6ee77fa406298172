"""Rprop: steps that depend on the gradient's sign alone."""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ._elementwise import ElementwiseOptimizer, advance, check_flags, check_not_negative
from ._kernels import Formula

__all__ = ["Rprop"]


@Formula
def _rprop(param, grad, prev, step_size, *, shrink, grow, smallest, largest, maximize=False):
    if maximize:
        grad = grad.neg()
    agreement = grad.mul(prev.clone())
    turned = agreement.lt(0.0)
    factor = agreement.sign().masked_fill(agreement.eq(0.0), 1.0)
    factor = factor.masked_fill(agreement.gt(0.0), grow).masked_fill(turned, shrink)
    step_size.mul_(factor).clamp_(smallest, largest)
    grad = grad.masked_fill(turned, 0.0)
    param.addcmul_(grad.sign(), step_size, value=-1.0)
    prev.copy_(grad)


class Rprop(ElementwiseOptimizer):
    """Resilient backpropagation (Riedmiller and Braun, 1993), for full batches.

    Each element has a step of its own, which grows while the gradient keeps its sign and shrinks when it turns.

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: the first step.
        etas: by what steps shrink and grow.
        step_sizes: the smallest and the largest step.
        maximize: climb instead of descending.
        differentiable: record the step itself.
        foreach, capturable: accepted; every step is fused.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_flags(lr, foreach, differentiable)
        check_not_negative(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        lr = float(group["lr"])
        first = complex(lr, lr) if p.is_complex() else lr
        return {"step": tt.tensor(0.0), "prev": tt.zeros_like(p), "step_size": tt.full_like(p, first)}

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        update = _rprop.update(maximize=group["maximize"])
        numbers = (*map(float, group["etas"]), *map(float, group["step_sizes"]))

        def plan(p: Any, grad: Any, state: dict) -> tuple:
            advance(state)
            return update, (p, grad, state["prev"], state["step_size"]), numbers

        return plan
