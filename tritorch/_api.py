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
    for family in {family for name, family in ops.FUNCTIONS.items() if name.rpartition(".")[0] == path}:
        ops.open_family(family)
    return _NAMESPACES.setdefault(path, {})


def _public_names():
    """The functions at the top, those of closed families too."""
    return {*_NAMESPACES[""], *(name for name in ops.FUNCTIONS if "." not in name)}


def __getattr__(name):
    """See Note [Families open when they are named]."""
    if name in ops.FUNCTIONS:
        ops.open_family(ops.FUNCTIONS[name])
    try:
        return _NAMESPACES[""][name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


class _Closed:
    """An attribute of Tensor whose family is closed; opening it puts the operator's own in this one's place."""

    __slots__ = ("family", "name")

    def __init__(self, name, family):
        self.name, self.family = name, family

    def __get__(self, instance, owner):
        ops.open_family(self.family)
        found = Tensor.__dict__[self.name]
        if found is self:
            raise AttributeError(f"ops/_contents.py is old: {self.family} has no {self.name}; run `make docs`")
        return found.__get__(instance, owner)

    def __set__(self, instance, value):
        self.__get__(instance, type(instance))
        setattr(instance, self.name, value)


def _place(dotted, function):
    home, _, name = dotted.rpartition(".")
    taken = _NAMESPACES.setdefault(home, {}).setdefault(name, function)
    if taken is not function:
        raise TypeError(f"two operators are named {dotted}: {taken.__module__} and {function.__module__}")
    if not home:
        globals().setdefault(name, function)


def _method(name, function):
    if name not in Tensor.__dict__ or isinstance(Tensor.__dict__[name], _Closed):
        setattr(Tensor, name, function)


def _writer(read):
    def write(self, value):
        read(self).copy_(value)

    return write


def install(op):
    """Puts an operator into its namespaces and on Tensor as it is defined, a user's own too."""
    names = [op.short, *op.alias.split()]
    home = f"{op.home}." if op.home else ""
    if not op.__module__.startswith(_op.__package__):  # a user's: it meets what is there already
        for family in {ops.FUNCTIONS.get(home + name) or ops.ATTRIBUTES.get(name) for name in names} - {None}:
            ops.open_family(family)
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


for _name, _family in ops.ATTRIBUTES.items():
    if _name not in Tensor.__dict__:
        setattr(Tensor, _name, _Closed(_name, _family))
for _operator in _op.REGISTRY.defined():
    install(_operator)
_op.on_define.append(install)
for _family in {*ops.families()} - {*ops.FAMILIES}:
    ops.open_family(_family)
for _module in (_factory, dtypes):
    for _name in _module.__all__ if hasattr(_module, "__all__") else ():
        _NAMESPACES[""].setdefault(_name, getattr(_module, _name))
for _name, _kind in {**{d.name: d for d in dtypes.ALL}, **dtypes.ALIASES}.items():
    _NAMESPACES[""].setdefault(_name, _kind)
for _name in ("Size", "memory_format", "layout", "strided", *shape.memory_format._known):
    _NAMESPACES[""].setdefault(_name, getattr(shape, _name))
globals().update({name: value for name, value in _NAMESPACES[""].items() if name not in globals()})


def _real(x):
    return x.real


def _to(x, kind, place):
    return x.to(place, kind)


def _window(x, size, stride, offset):
    return x.as_strided(size, stride, x.storage_offset() + offset)  # the engine counts from the tensor's start


def _method_of(name):
    """The method of a tensor, found when it is called: no family opens for the engine's sake."""

    def call(x, *args):
        return getattr(x, name)(*args)

    return call


def _zeros_like(x):
    return _op.ops.zeros_like(x)


_engine_operators = {  # what the engine calls where plain arrays will not do
    **{name: _method_of(name) for name in ("add", "add_", "clone", "sum_to_size", "new_zeros")},
    "as_strided": _window, "zeros_like": _zeros_like, "real": _real, "to": _to,
}  # fmt: skip
_C.set_backend(**_engine_operators)
