"""From the registry of operators to what users call: functions in namespaces, tensor methods, Python's operators.

Everything above the operators (``nn``, ``optim``...) is written against this module's names.
"""

from typing import Any

from . import _C, _factory, autograd, dtypes, ops, shape
from .autograd import enable_grad, grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .ops import _op, _schema
from .runtime.device import device
from .shape import Size
from .tensor import Tensor

_NAMESPACES: dict[str, dict[str, Any]] = {"": {}}


def namespace(path: str) -> dict[str, Any]:
    """The functions whose home is ``path``: ``""`` the top, ``"nn.functional"``, ``"linalg"``...

    Example:
        >>> from tritorch import _api
        >>> "relu" in _api.namespace("nn.functional")
        True
    """
    return _NAMESPACES.setdefault(path, {})


def _place(dotted, function):
    home, _, name = dotted.rpartition(".")
    taken = namespace(home).setdefault(name, function)
    if taken is not function:
        raise TypeError(f"two operators are named {dotted}: {taken.__module__} and {function.__module__}")


def _method(name, function):
    if name not in Tensor.__dict__:
        setattr(Tensor, name, function)


def _writer(read):
    def write(self, value):
        read(self).copy_(value)

    return write


def _install(op):
    names = [op.short, *op.alias.split()]
    home = f"{op.home}." if op.home else ""
    if op.function:
        for name in names:
            _place(home + name, op.call)
            if op.call_ is not None:
                _place(home + name + "_", op.call_)
        for dotted in op.also.split():
            _place(dotted, op.call)
            if op.call_ is not None and op.home:
                _place(dotted + "_", op.call_)
    method = op.method
    if op.attribute:
        setattr(Tensor, op.short, property(op.call, _writer(op.call) if op.attribute == "writable" else None))
    elif method is None:
        method = not op.home and _schema.takes_tensor(op.signed)
    if method:
        call = method if callable(method) else op.call
        for name in names:
            _method(name, call)
    if op.call_ is not None and not op.home:
        for name in names:
            _method(name + "_", op.call_)
    for name, function in op.dunders.items():
        setattr(Tensor, name, function)


def install(op):
    """Puts one operator into its namespaces and on Tensor: for operators that users define, too."""
    _install(op)
    for name, function in namespace("").items():
        globals().setdefault(name, function)


for _operator in _op.REGISTRY.values():
    _install(_operator)
for _module in (_factory, dtypes):
    for _name in _module.__all__ if hasattr(_module, "__all__") else ():
        namespace("").setdefault(_name, getattr(_module, _name))
for _name, _kind in {**{d.name: d for d in dtypes.ALL}, **dtypes.ALIASES}.items():
    namespace("").setdefault(_name, _kind)
for _name in ("Size", "memory_format", "layout", "strided", *shape.memory_format._known):
    namespace("").setdefault(_name, getattr(shape, _name))
globals().update({name: value for name, value in namespace("").items() if name not in globals()})
_op.on_define.append(install)


def _real(x):
    return x.real


def _to(x, kind, place):
    return x.to(place, kind)


def _window(x, size, stride, offset):
    return x.as_strided(size, stride, x.storage_offset() + offset)  # the engine counts from the tensor's start


def _new_zeros(x, shape):
    return x.new_zeros(shape)


_engine_operators = {  # what the engine calls where plain arrays will not do
    "add": Tensor.add, "add_": Tensor.add_, "clone": Tensor.clone, "sum_to_size": Tensor.sum_to_size,
    "as_strided": _window, "zeros_like": namespace("")["zeros_like"],
    "real": _real, "to": _to, "new_zeros": _new_zeros,
}  # fmt: skip
_C.set_backend(**_engine_operators)
