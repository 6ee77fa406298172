"""Hooks of one module, and the call that runs them."""

import warnings
from collections import OrderedDict
from collections.abc import Callable

from ...autograd import RemovableHandle
from ...tensor import Tensor
from . import _global_hooks as every
from ._backward import BackwardHook
from ._global_hooks import MIXED
from ._handles import BoundHook, add_hook
from ._registry import Registry


def _first_tensor(value) -> Tensor:
    """The first tensor in nested tuples, lists and dicts."""
    while not isinstance(value, Tensor):
        value = next(v for v in value.values() if isinstance(v, Tensor)) if isinstance(value, dict) else value[0]
    return value


class Hooks(Registry):
    """Hooks around the forward and the backward of a module. A base of :class:`Module`."""

    forward: Callable
    _forward_pre_hooks: OrderedDict
    _forward_pre_hooks_with_kwargs: OrderedDict
    _forward_hooks: OrderedDict
    _forward_hooks_with_kwargs: OrderedDict
    _forward_hooks_always_called: OrderedDict
    _backward_pre_hooks: OrderedDict
    _backward_hooks: OrderedDict
    _is_full_backward_hook: bool | None

    def register_forward_pre_hook(self, hook, *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """Calls ``hook(module, args)`` before each forward; a result, or a tuple of them, replaces ``args``.

        Args:
            hook (callable): with ``with_kwargs``, called as ``hook(module, args, kwargs)``, to return
                None or ``(args, kwargs)``.
            prepend (bool): run it before the hooks that are there, instead of after.
            with_kwargs (bool): hand it the keyword arguments too.

        Example::

            >>> import tritorch
            >>> module = tritorch.nn.Identity()
            >>> handle = module.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
            >>> module(tritorch.zeros(2))
            tensor([1., 1.])
        """
        flags = [(self._forward_pre_hooks_with_kwargs, with_kwargs)]
        return add_hook(self._forward_pre_hooks, hook, prepend=prepend, flags=flags)

    def register_forward_hook(
        self, hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args, output)`` after each forward; a result replaces the output.

        Args:
            hook (callable): with ``with_kwargs``, called as ``hook(module, args, kwargs, output)``.
            prepend (bool): run it before the hooks that are there, instead of after.
            with_kwargs (bool): hand it the keyword arguments too.
            always_call (bool): call it even if the forward raises; the output is then None.

        Example::

            >>> import tritorch
            >>> module = tritorch.nn.Identity()
            >>> with module.register_forward_hook(lambda module, args, output: output * 2):
            ...     module(tritorch.ones(2))
            tensor([2., 2.])
        """
        flags = (self._forward_hooks_with_kwargs, with_kwargs), (self._forward_hooks_always_called, always_call)
        return add_hook(self._forward_hooks, hook, prepend=prepend, flags=flags)

    def register_full_backward_pre_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_output)`` before the backward of the module; a result replaces ``grad_output``.

        Args:
            hook (callable): is handed a tuple, with None for outputs that are no tensors.
            prepend (bool): run it before the hooks that are there, instead of after.
        """
        return add_hook(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are known.

        A result replaces ``grad_input``. Inputs and outputs of a module with such a hook must not be changed in place.

        Args:
            hook (callable): is handed tuples, with None for arguments that are no tensors or were given by keyword.
            prepend (bool): run it before the hooks that are there, instead of after.

        Example::

            >>> import tritorch
            >>> module = tritorch.nn.Identity()
            >>> handle = module.register_full_backward_hook(lambda module, gin, gout: print(gin, gout))
            >>> module(tritorch.ones(1, requires_grad=True)).backward()
            (tensor([1.]),) (tensor([1.]),)
        """
        self._choose_backward_kind(full=True)
        return add_hook(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` at the last node of the module.

        Deprecated in favour of :meth:`register_full_backward_hook`: it sees the gradients of that node alone.
        """
        self._choose_backward_kind(full=False)
        return add_hook(self._backward_hooks, hook)

    def _choose_backward_kind(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(MIXED.format(where="on a single Module"))
        self._is_full_backward_hook = full

    def _backward_hooks_of_kind(self, full: bool) -> list[Callable]:
        hooks = list(every.backward.values()) if every.BackwardKind.full is full else []
        return hooks + (list(self._backward_hooks.values()) if self._is_full_backward_hook is full else [])

    def _call_hooked(self, args: tuple, kwargs: dict):
        """The whole call: pre-hooks, forward, hooks. ``Module.__call__`` comes here only where there is a hook."""
        called: set[int] = set()
        seen = {"args": args, "kwargs": kwargs, "output": None}
        try:
            return self._run_hooked(seen, called)
        except Exception:
            self._run_always_called(seen, called)
            raise

    def _run_hooked(self, seen: dict, called: set[int]):
        """Runs in order and keeps in ``seen`` and ``called`` how far it came."""
        full = self._backward_hooks_of_kind(full=True)
        pre = [*every.backward_pre.values(), *self._backward_pre_hooks.values()]
        self._run_forward_pre_hooks(seen)
        boundary = BackwardHook(self, full, pre) if full or pre else None
        if boundary is not None:
            seen["args"] = boundary.enter(seen["args"])
        seen["output"] = self.forward(*seen["args"], **seen["kwargs"])
        for hook_id, hook in (*every.forward.items(), *self._forward_hooks.items()):
            called.add(hook_id)
            result = self._run_forward_hook(hook_id, hook, seen)
            if result is not None:
                seen["output"] = result
        if boundary is not None:
            if not isinstance(seen["output"], Tensor | tuple):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                    f"received {type(seen['output'])}",
                    stacklevel=4,
                )
            seen["output"] = boundary.leave(seen["output"])
        at_last_node = self._backward_hooks_of_kind(full=False)
        node = _first_tensor(seen["output"]).grad_fn if at_last_node else None
        if node is not None:
            for hook in at_last_node:
                node.register_hook(BoundHook(hook, self))
        return seen["output"]

    def _run_forward_pre_hooks(self, seen: dict) -> None:
        for hook_id, hook in (*every.forward_pre.items(), *self._forward_pre_hooks.items()):
            if hook_id in self._forward_pre_hooks_with_kwargs:
                result = hook(self, seen["args"], seen["kwargs"])
                if result is None:
                    continue
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {result}."
                    )
                seen["args"], seen["kwargs"] = result
            else:
                result = hook(self, seen["args"])
                if result is not None:
                    seen["args"] = result if isinstance(result, tuple) else (result,)

    def _run_forward_hook(self, hook_id: int, hook, seen: dict):
        if hook_id in self._forward_hooks_with_kwargs or hook_id in every.forward_with_kwargs:
            return hook(self, seen["args"], seen["kwargs"], seen["output"])
        return hook(self, seen["args"], seen["output"])

    def _run_always_called(self, seen: dict, called: set[int]) -> None:
        """After an error: the hooks with ``always_call`` whose turn had not come. Their own errors become warnings."""
        for hooks, always, what in (
            (every.forward, every.forward_always_called, "global module forward hook"),
            (self._forward_hooks, self._forward_hooks_always_called, "module forward hook"),
        ):
            for hook_id, hook in hooks.items():
                if hook_id not in always or hook_id in called:
                    continue
                try:
                    result = self._run_forward_hook(hook_id, hook, seen)
                except Exception as error:
                    warnings.warn(
                        f"{what} with ``always_call=True`` raised an exception that was silenced as another error was "
                        f"raised in forward: {error}",
                        stacklevel=4,
                    )
                else:
                    seen["output"] = seen["output"] if result is None else result
