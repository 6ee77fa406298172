"""L-BFGS: steps along the gradient, turned by what the last ones taught about the curvature."""

from collections.abc import Callable, Iterable
from typing import Any

from .. import _api as tt
from ..autograd import enable_grad, no_grad
from ._elementwise import check_flags, check_not_negative
from ._line_search import Point, strong_wolfe
from .optimizer import Optimizer

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal and Wright, algorithm 7.5), after minFunc. One group of parameters only.

    A step calls the closure many times and needs one: it clears the gradients, computes the loss and its gradients
    and returns the loss.

    Args:
        params: Tensors or ``(name, Tensor)`` pairs.
        lr: the step that is tried first.
        max_iter: iterations a step.
        max_eval: calls of the closure a step; by default max_iter * 1.25.
        tolerance_grad: stop when no element of the gradient is larger.
        tolerance_change: stop when no parameter, or the loss, changes by more.
        history_size: how many past steps are remembered.
        line_search_fn: "strong_wolfe", or None for steps of lr.

    >>> import tritorch
    >>> x = tritorch.tensor([2.0, -1.0], requires_grad=True)
    >>> optimizer = tritorch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (x**4 + x**2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> bool((x.abs() < 1e-3).all())
    True
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_flags(lr, None, False)
        check_not_negative(lr=lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    # ---- all parameters as one vector

    def _params(self) -> list:
        return [tt.view_as_real(p) if p.is_complex() else p for p in self.param_groups[0]["params"]]

    def _flat_grad(self) -> Any:
        pieces = []
        for p in self.param_groups[0]["params"]:
            grad = tt.zeros_like(p) if p.grad is None else p.grad
            pieces.append((tt.view_as_real(grad) if grad.is_complex() else grad).reshape(-1))
        return tt.cat(pieces)

    def _move(self, t: float, d: Any) -> None:
        offset = 0
        for p in self._params():
            p.add_(d[offset : offset + p.numel()].view_as(p), alpha=t)
            offset += p.numel()

    def _search(self, closure: Callable, start: Point, t: float, d: Any, max_evaluations: int) -> tuple[Point, int]:
        group = self.param_groups[0]
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        at_start = [p.clone() for p in self._params()]

        def evaluate(t: float) -> Point:
            self._move(t, d)
            loss = float(closure())
            grad = self._flat_grad()
            for p, before in zip(self._params(), at_start, strict=True):
                p.copy_(before)
            return Point(t, loss, grad, float(grad.dot(d)))

        # as in torch, the change that ends the search does not follow the option
        return strong_wolfe(evaluate, start, t, float(d.abs().max()), max_evaluations)

    # ---- the direction

    @staticmethod
    def _remember(state: dict, history_size: int, grad: Any) -> None:
        """Takes the last step, and how the gradient changed along it, into the history."""
        change, step = grad.sub(state["prev_flat_grad"]), state["d"].mul(float(state["t"]))
        curvature = float(change.dot(step))
        if curvature > 1e-10:
            histories = state["old_dirs"], state["old_stps"], state["ro"]
            for history, item in zip(histories, (change, step, 1.0 / curvature), strict=True):
                if len(history) == history_size:
                    history.pop(0)
                history.append(item)
            state["H_diag"] = curvature / float(change.dot(change))

    @staticmethod
    def _direction(state: dict, history_size: int, grad: Any) -> Any:
        """The inverse Hessian that the history stands for, times the gradient, turned downhill: two loops."""
        changes, steps, ro = state["old_dirs"], state["old_stps"], [float(r) for r in state["ro"]]
        al = state.setdefault("al", [None] * history_size)
        q = grad.neg()
        for i in reversed(range(len(changes))):
            al[i] = float(steps[i].dot(q)) * ro[i]
            q.add_(changes[i], alpha=-al[i])
        d = q.mul(float(state["H_diag"]))
        for i in range(len(changes)):
            d.add_(steps[i], alpha=al[i] - float(changes[i].dot(d)) * ro[i])
        return d

    @no_grad()
    def step(self, closure: Callable) -> Any:  # type: ignore[override]
        """Makes up to ``max_iter`` iterations.

        Args:
            closure: computes the loss anew, with its gradients, and returns it.

        Returns:
            The loss before the step.
        """
        closure = enable_grad()(closure)
        group = self.param_groups[0]
        lr, history_size = float(group["lr"]), group["history_size"]
        # kept with the first parameter, so that loading takes it to the right dtype and device
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss, grad = float(first_loss), self._flat_grad()
        evaluations = 1
        state["func_evals"] += 1
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss

        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                state.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
                t = min(1.0, 1.0 / float(grad.abs().sum())) * lr
            else:
                self._remember(state, history_size, grad)
                state["d"] = self._direction(state, history_size, grad)
                t = lr
            d = state["d"]
            state.update(t=t, prev_flat_grad=grad.clone(), prev_loss=loss)
            slope = float(grad.dot(d))
            if slope > -group["tolerance_change"]:
                break
            before, calls = loss, 0
            if group["line_search_fn"] is not None:
                start = Point(0, loss, grad, slope)
                found, calls = self._search(closure, start, t, d, group["max_eval"] - evaluations)
                state["t"], loss, grad = found.t, found.value, found.gradient
                self._move(found.t, d)
            else:
                self._move(t, d)
                if iteration != group["max_iter"]:  # the loss after the last iteration is nobody's business
                    loss, calls = float(closure()), 1
                    grad = self._flat_grad()
            evaluations += calls
            state["func_evals"] += calls
            if (
                evaluations >= group["max_eval"]
                or grad.abs().max() <= group["tolerance_grad"]
                or d.mul(state["t"]).abs().max() <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        return first_loss
