"""The base of all neural network modules."""

from collections import OrderedDict

from ... import _C
from . import _global_hooks as every
from ._conversion import Conversion
from ._global_hooks import *  # noqa: F403
from ._hooks import Hooks
from ._registry import Registry
from ._state import State

__all__ = ["Module"] + every.__all__

_HOOK_DICTS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def _addindent(text: str, spaces: int) -> str:
    """Indents every line but the first, and those that are blank."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line if line.strip() else "" for line in rest)])


class Module(Conversion, State, Hooks):
    """Base class of all neural network modules. A model is a subclass, and a tree of them.

    Parameters, buffers and modules that are assigned as attributes are found by ``parameters()``, ``state_dict()``,
    ``to()`` and the other walks. A subclass calls ``super().__init__()`` before assigning any, and defines ``forward``.

    Attributes:
        training (bool): whether the module is in training mode.

    Example::

        >>> import tritorch
        >>> from tritorch import nn
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.fc = nn.Linear(4, 2)
        ...
        ...     def forward(self, x):
        ...         return self.fc(x).relu()
        >>> net = Net()
        >>> net
        Net(
          (fc): Linear(in_features=4, out_features=2, bias=True)
        )
        >>> net(tritorch.ones(3, 4)).shape
        tritorch.Size([3, 2])
    """

    dump_patches: bool = False
    call_super_init: bool = False
    training: bool

    def __init__(self, *args, **kwargs) -> None:
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
                )
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _non_persistent_buffers_set=set(),
            _is_full_backward_hook=None,
            _modules={},
        )
        for name in _HOOK_DICTS:
            self.__dict__[name] = OrderedDict()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **keywords) -> None:
        super().__init_subclass__(**keywords)
        _quicken(cls)

    def forward(self, *input):
        """Computes the output. Every subclass defines it; the module itself is called, so that hooks run."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args, **kwargs):
        if (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or every.forward
            or every.forward_pre
            or every.backward
            or every.backward_pre
        ):
            return self._call_hooked(args, kwargs)
        return self.forward(*args, **kwargs)

    def extra_repr(self) -> str:
        """What to print between the brackets of the module's name: its own arguments. To override."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        own = extra.split("\n") if extra else []
        below = [f"({name}): " + _addindent(repr(module), 2) for name, module in self._modules.items()]
        if not below and len(own) <= 1:
            return f"{self._get_name()}({extra})"
        lines = "\n  ".join(own + below)
        return f"{self._get_name()}(\n  {lines}\n)"

    def __setstate__(self, state) -> None:
        self.__dict__.update(state)
        for name in _HOOK_DICTS:
            self.__dict__.setdefault(name, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    def _replicate_for_data_parallel(self):
        """A shallow copy without parameters, to be given those of another device."""
        replica = type(self).__new__(type(self))
        replica.__dict__ = {
            **self.__dict__,
            "_parameters": {},
            "_buffers": self._buffers.copy(),
            "_modules": self._modules.copy(),
            "_is_replica": True,
        }
        return replica


_LOOKUP, _CALL = Registry.__getattr__, Module.__call__  # as defined here, whatever they are replaced by later


def _quicken(cls: type[Module]) -> None:
    """Has C find members and call ``forward``, where a class leaves both to Module: see Note [Quick modules]."""
    plain_lookup = cls.__getattr__ is _LOOKUP and cls.__getattribute__ is object.__getattribute__
    _C.quicken_module(cls, plain_lookup, cls.__call__ is _CALL)


_quicken(Module)
_C.set_module_hooks(every.forward, every.forward_pre, every.backward, every.backward_pre)
