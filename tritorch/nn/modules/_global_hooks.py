"""Hooks on every module: on each call, each backward pass, and each registration of a member."""

from collections import OrderedDict

from ...autograd import RemovableHandle
from ._handles import add_hook

__all__ = [
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

buffer_registration: OrderedDict = OrderedDict()
module_registration: OrderedDict = OrderedDict()
parameter_registration: OrderedDict = OrderedDict()

forward_pre: OrderedDict = OrderedDict()
forward: OrderedDict = OrderedDict()
forward_with_kwargs: OrderedDict = OrderedDict()
forward_always_called: OrderedDict = OrderedDict()
backward_pre: OrderedDict = OrderedDict()
backward: OrderedDict = OrderedDict()

MIXED = "Cannot use both regular backward hooks and full backward hooks {where}. Please use only one of them."


class BackwardKind:
    """Whether the global backward hooks are full ones: ``None`` before the first is registered."""

    full: bool | None = None

    @classmethod
    def choose(cls, full: bool) -> None:
        """Settles the kind; a second kind raises RuntimeError."""
        if cls.full is (not full):
            raise RuntimeError(MIXED.format(where="as a global Module hook"))
        cls.full = full


def replaced(hooks, module, name, member):
    """The member that the registration hooks make of ``member``: each may return another."""
    for hook in hooks.values():
        result = hook(module, name, member)
        if result is not None:
            member = result
    return member


def register_module_buffer_registration_hook(hook) -> RemovableHandle:
    """Calls ``hook(module, name, buffer)`` before every registration of a buffer; a result replaces the buffer."""
    return add_hook(buffer_registration, hook)


def register_module_module_registration_hook(hook) -> RemovableHandle:
    """Calls ``hook(module, name, submodule)`` before every registration of a child; a result replaces the child."""
    return add_hook(module_registration, hook)


def register_module_parameter_registration_hook(hook) -> RemovableHandle:
    """Calls ``hook(module, name, param)`` before every registration of a parameter; a result replaces it."""
    return add_hook(parameter_registration, hook)


def register_module_forward_pre_hook(hook) -> RemovableHandle:
    """Calls ``hook(module, args)`` before the forward of every module; see :meth:`Module.register_forward_pre_hook`."""
    return add_hook(forward_pre, hook)


def register_module_forward_hook(hook, *, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
    """Calls ``hook(module, args, output)`` after the forward of every module.

    Args:
        hook (callable): as for :meth:`Module.register_forward_hook`, whose own hooks run after the global ones.
        with_kwargs (bool): the hook is called as ``hook(module, args, kwargs, output)``.
        always_call (bool): the hook is called even if the forward raises.

    Example::

        >>> import tritorch
        >>> from tritorch.nn.modules.module import register_module_forward_hook
        >>> names = []
        >>> with register_module_forward_hook(lambda module, args, output: names.append(type(module).__name__)):
        ...     _ = tritorch.nn.Identity()(tritorch.ones(1))
        >>> names
        ['Identity']
    """
    flags = (forward_with_kwargs, with_kwargs), (forward_always_called, always_call)
    return add_hook(forward, hook, flags=flags)


def register_module_backward_hook(hook) -> RemovableHandle:
    """Calls ``hook(module, grad_input, grad_output)`` at the last node of every module.

    Deprecated in favour of :func:`register_module_full_backward_hook`.
    """
    BackwardKind.choose(full=False)
    return add_hook(backward, hook)


def register_module_full_backward_pre_hook(hook) -> RemovableHandle:
    """Calls ``hook(module, grad_output)`` before the backward of every module."""
    return add_hook(backward_pre, hook)


def register_module_full_backward_hook(hook) -> RemovableHandle:
    """Calls ``hook(module, grad_input, grad_output)`` after the backward of every module."""
    BackwardKind.choose(full=True)
    return add_hook(backward, hook)
