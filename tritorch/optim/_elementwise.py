"""Optimizers that treat each parameter by itself, with one formula: all but LBFGS."""

from collections.abc import Callable
from typing import Any

from .. import _api as tt
from ..autograd import enable_grad, set_grad_enabled
from .optimizer import Optimizer

__all__ = [
    "ElementwiseOptimizer",
    "advance",
    "check_betas",
    "check_flags",
    "check_not_negative",
    "decay_of",
    "direction",
]


class ElementwiseOptimizer(Optimizer):
    """Goes through the parameters that have a gradient; a subclass says what is remembered and how it changes."""

    def _start(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        """The state of a parameter before its first step."""
        return {}

    def _plan(self, group: dict[str, Any]) -> Callable[[Any, Any, dict], tuple]:
        """Returns what makes, of a parameter, its gradient and its state, the update, its tensors and its numbers."""
        raise NotImplementedError

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # options that were not there yet when it was saved
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    def step(self, closure: Callable | None = None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        differentiable = self.defaults["differentiable"]
        with set_grad_enabled(differentiable):
            for group in self.param_groups:
                plan = self._plan(group)
                for p in group["params"]:
                    grad = p.grad
                    if grad is None:
                        continue
                    state = self.state[p]
                    if not state:
                        state.update(self._start(p, group))
                    update, tensors, numbers = plan(p, grad, state)
                    if differentiable:
                        update.differentiably(tensors, numbers)
                    else:
                        update(tensors, numbers)
        return loss


def direction(param: Any, grad: Any, decay: Any, maximize: bool, decays: bool) -> Any:
    """The part of every formula that comes first: the gradient, turned round to maximize, and weight decay."""
    if maximize:
        grad = grad.neg()
    if decays:
        grad = grad.add(param, alpha=decay)
    return grad


def decay_of(group: dict[str, Any]) -> tuple[float, dict[str, bool]]:
    """The weight decay of a group as a formula takes it, which may shrink the parameter itself: number and flags."""
    decay = float(group["weight_decay"])
    decoupled = bool(group["decoupled_weight_decay"]) and decay != 0
    flags = {"maximize": group["maximize"], "decays": decay != 0 and not decoupled, "decoupled": decoupled}
    return 1.0 - float(group["lr"]) * decay if decoupled else decay, flags


def advance(state: dict[str, Any]) -> float:
    """Counts a step of a parameter; returns its number, from 1."""
    step = state["step"]
    step += 1
    return step.item()


def check_not_negative(**values: Any) -> None:
    """Raises torch's error for an option that is negative, or no number."""
    for name, value in values.items():
        if not value >= 0.0:
            what = {"lr": "learning rate", "eps": "epsilon value"}.get(name, f"{name} value")
            raise ValueError(f"Invalid {what}: {value}")


def check_betas(betas: tuple[float, float]) -> None:
    for index, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


def check_flags(lr: Any, foreach: bool | None, differentiable: bool, fused: bool | None = None) -> None:
    """The combinations that torch refuses. The flags change nothing else here: all steps are fused."""
    if isinstance(lr, tt.Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
