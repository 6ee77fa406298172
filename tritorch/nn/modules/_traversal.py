"""Walks over a module and all below it."""

import warnings
from collections.abc import Callable, Iterator
from typing import Self

from ...tensor import Tensor
from ..parameter import Parameter
from ._registry import Registry


class Traversal(Registry):
    """Iterators over members, and what is done to all of them. A base of :class:`Module`.

    Every walk is depth first, in the order of registration. What is registered twice is met once, unless
    ``remove_duplicate`` is False.
    """

    training: bool

    def named_modules(self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True):
        """Yields ``(path, module)`` for this module, under ``prefix``, and all below it.

        Example::

            >>> import tritorch
            >>> net = tritorch.nn.Sequential(tritorch.nn.ReLU(), tritorch.nn.Tanh())
            >>> [name for name, _ in net.named_modules()]
            ['', '0', '1']
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator:
        """Yields this module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator:
        """Yields ``(name, module)`` for the modules directly below this one."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator:
        """Yields the modules directly below this one."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, get_members: Callable, prefix="", recurse=True, remove_duplicate=True):
        """Yields ``(path, member)`` for what ``get_members(module)`` names, of this module and, if asked, all below."""
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in get_members(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yields ``(path, parameter)`` for the parameters of this module and, with ``recurse``, of all below it.

        Example::

            >>> import tritorch
            >>> [(name, tuple(p.shape)) for name, p in tritorch.nn.Linear(3, 2).named_parameters()]
            [('weight', (2, 3)), ('bias', (2,))]
        """
        return self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yields the parameters of this module and, with ``recurse``, of all below it; what an optimizer is given."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yields ``(path, buffer)`` for the buffers of this module and, with ``recurse``, of all below it."""
        return self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yields the buffers of this module and, with ``recurse``, of all below it."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def apply(self, fn: Callable) -> Self:
        """Calls ``fn(module)`` on all modules below this one, then on this one; the usual place to set weights.

        Example::

            >>> import tritorch
            >>> net = tritorch.nn.Sequential(tritorch.nn.Linear(2, 2, bias=False))
            >>> _ = net.apply(lambda m: tritorch.nn.init.ones_(m.weight) if hasattr(m, "weight") else None)
            >>> net[0].weight.sum().item()
            4.0
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Sets :attr:`training`, here and below, which dropout and batch norm act on."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Sets whether the parameters, here and below, accumulate gradients: False freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters or, with ``set_to_none=False``, fills them with zeros."""
        if getattr(self, "_is_replica", False):
            warnings.warn(
                "Calling .zero_grad() from a module created with nn.DataParallel() has no effect. The parameters are "
                "copied (in a differentiable manner) from the original module. This means they are not leaf nodes in "
                "autograd and so don't accumulate gradients. If you need gradients in your forward method, consider "
                "using autograd.grad instead.",
                stacklevel=2,
            )
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            elif parameter.grad.grad_fn is not None:
                parameter.grad.detach_().zero_()
            else:
                parameter.grad.requires_grad_(False).zero_()
