"""Adagrad: steps scaled by the sum of the squared gradients so far."""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ._elementwise import ElementwiseOptimizer, advance, check_flags, check_not_negative, direction
from ._kernels import Formula

__all__ = ["Adagrad"]


@Formula
def _adagrad(param, grad, total, *, decay, eps, step_size, maximize=False, decays=False):
    grad = direction(param, grad, decay, maximize, decays)
    total.addcmul_(grad, grad)
    param.addcdiv_(grad, total.sqrt().add(eps), value=step_size)


class Adagrad(ElementwiseOptimizer):
    """Adagrad (Duchi, Hazan and Singer, https://jmlr.org/papers/v12/duchi11a.html).

    s <- s + g^2;  p <- p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Args:
        params: Tensors, ``(name, Tensor)`` pairs or groups.
        lr: learning rate.
        lr_decay: how fast it falls.
        weight_decay: multiple of the parameter that is added to its gradient.
        initial_accumulator_value: what the sum starts from.
        eps: added to the denominator.
        maximize: climb instead of descending.
        differentiable: record the step itself.
        foreach, fused: accepted; every step is fused.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_flags(lr, foreach, differentiable, fused)
        check_not_negative(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:  # as in torch, there before the first step
            for p in group["params"]:
                self.state[p] = self._start(p, group)

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        value = group["initial_accumulator_value"]
        return {"step": tt.tensor(0.0), "sum": tt.full_like(p, complex(value, value) if p.is_complex() else value)}

    def share_memory(self) -> None:
        """Moves the state to shared memory."""
        for state in self.state.values():
            state["sum"].share_memory_()

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        lr, lr_decay, eps = float(group["lr"]), group["lr_decay"], float(group["eps"])
        decay = float(group["weight_decay"])
        update = _adagrad.update(maximize=group["maximize"], decays=decay != 0)

        def plan(p: Any, grad: Any, state: dict) -> tuple:
            step_size = -lr / (1.0 + (advance(state) - 1.0) * lr_decay)
            return update, (p, grad, state["sum"]), (decay, eps, step_size)

        return plan
