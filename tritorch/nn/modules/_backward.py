"""Full backward hooks: two identity nodes around the forward, at which the gradients of a module pass by."""

import warnings

from ... import _api as tt
from ...autograd import Function
from ...tensor import Tensor


class BackwardHookFunction(Function):
    """Hands its tensors through: one node in the graph to hang a hook on."""

    @staticmethod
    def forward(ctx, *tensors):
        ctx.mark_non_differentiable(*[tensor for tensor in tensors if not tensor.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx, *grads):
        return grads


class BackwardHook:
    """One call of a module with full backward hooks: :meth:`enter` takes its inputs, :meth:`leave` its output.

    Args:
        module (Module): what the hooks are handed.
        hooks (list): called as ``hook(module, grad_input, grad_output)`` at the node of the inputs.
        pre_hooks (list): called as ``hook(module, grad_output)`` at the node of the output.
    """

    def __init__(self, module, hooks, pre_hooks) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs = None
        self.inputs = None  # positions of the tensors among the inputs; None if no gradient passes there
        self.n_inputs = 0

    def enter(self, args: tuple) -> tuple:
        """The inputs, behind a node that runs the hooks when their gradients are known."""
        self.n_inputs = len(args)
        args, self.inputs, node = self._pass_through(args)
        if node is not None:
            node.register_hook(self._at_inputs)
        return args

    def leave(self, output):
        """The output, behind a node that keeps its gradients for the hooks, after the pre-hooks."""
        outputs = output if isinstance(output, tuple) else (output,)
        n_outputs = len(outputs)
        outputs, positions, node = self._pass_through(outputs)
        if node is not None:
            node.register_hook(lambda _, grads: self._at_outputs(_spread(positions, grads, n_outputs), positions))
        return outputs if isinstance(output, tuple) else outputs[0]

    @staticmethod
    def _pass_through(values: tuple):
        """The values with new tensors, the positions of the tensors, and the node; no node where none is needed."""
        positions = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
        if not (tt.is_grad_enabled() and any(values[i].requires_grad for i in positions)):
            return values, None, None
        passed = BackwardHookFunction.apply(*[values[i] for i in positions])
        node = next(tensor.grad_fn for tensor in passed if tensor.grad_fn is not None)
        changed = list(values)
        for position, tensor in zip(positions, passed, strict=True):
            changed[position] = tensor
        return (tuple(changed) if type(values) is tuple else type(values)(*changed)), positions, node

    def _at_inputs(self, grad_inputs, _):
        if self.grad_outputs is None:  # the output took no part in this backward
            return None
        grads = _spread(self.inputs, grad_inputs, self.n_inputs)
        for hook in self.hooks:
            result = hook(self.module, grads, self.grad_outputs)
            if result is None:
                continue
            if len(result) != len(grads):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(result)}, but expected {len(grads)}"
                )
            grads = result
        self.grad_outputs = None
        return tuple(grads[i] for i in self.inputs)

    def _at_outputs(self, grads: tuple, positions: list[int]):
        for hook in self.pre_hooks:
            result = hook(self.module, grads)
            if result is None:
                continue
            if len(result) != len(grads):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(result)}, but expected {len(grads)}"
                )
            grads = result
        self.grad_outputs = grads
        if self.inputs is None:
            self._run_without_inputs(grads)
        return tuple(grads[i] for i in positions)

    def _run_without_inputs(self, grads: tuple) -> None:
        """No input requires a gradient, so that only the output's node is there to run the hooks."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients.",
            stacklevel=4,
        )
        for hook in self.hooks:
            result = hook(self.module, (None,) * self.n_inputs, grads)
            if result is not None and not (isinstance(result, tuple) and all(grad is None for grad in result)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )
        self.grad_outputs = None


def _spread(positions: list[int], values, size: int) -> tuple:
    """A tuple of ``size`` with the values at their positions and None elsewhere."""
    spread = [None] * size
    for position, value in zip(positions, values, strict=True):
        spread[position] = value
    return tuple(spread)
