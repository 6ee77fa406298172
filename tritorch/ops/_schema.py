"""What an operator's ``cpu`` slot says of its arguments.

Note [Annotations are the schema]: a bare parameter is a tensor; ``Tensors`` is a list of them; every
other annotation is a plain value. ``Dim``, ``Dims`` and ``Shape`` ask the call path to normalise what
the caller gave, so that a slot always sees non-negative ints or tuples of them.
"""

import inspect
from typing import Any


class Tensors(list):
    """Annotation: a list or tuple of tensors."""


class Dim(int):
    """Annotation: one dimension of the first tensor; negative allowed, the slot sees ``0 <= dim < ndim``."""


class Dims(tuple):
    """Annotation: None, an int or several; the slot sees a tuple of distinct dimensions (None: all of them)."""


class Shape(tuple):
    """Annotation: ``f(2, 3)`` or ``f((2, 3))``; the slot sees a tuple of ints."""


class Star(tuple):
    """Annotation: any number of tensors, ``f(a, b)`` or ``f((a, b))``; the slot sees the tuple as it was given."""


class DType:
    """Annotation: a tritorch dtype or None."""


class Number(complex):
    """Annotation: a Python number; a 0-dim tensor is read."""


MISSING = inspect.Parameter.empty


class Arg:
    """One argument of an operator: its name, what it is (a role), and its default."""

    __slots__ = ("default", "keyword_only", "name", "role")

    def __init__(self, name: str, role: str, default: Any = MISSING, keyword_only: bool = False):
        self.name = name
        self.role = role  # tensor | tensors | dim | dims | shape | star | number | value
        self.default = default
        self.keyword_only = keyword_only

    def __repr__(self):
        return f"Arg({self.name!r}, {self.role!r}, {self.default!r}, {self.keyword_only})"

    @property
    def is_tensor(self):
        """True for a tensor or a list of tensors."""
        return self.role in ("tensor", "tensors")


ROLES = {"Tensors": "tensors", "Dim": "dim", "Dims": "dims", "Shape": "shape", "Star": "star"}
NUMBERS = {"int", "float", "Number"}


def _role(annotation):
    if annotation is MISSING:
        return "tensor"
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    if name in NUMBERS:
        return "number"
    return ROLES.get(name, "value")


def checked(function):
    """``function``, if it can be an operator's slot.

    Raises:
        TypeError: if it takes ``*args`` or ``**kwargs``.
    """
    if function.__code__.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        raise TypeError(f"{function.__qualname__}: an operator's slot takes no *args or **kwargs; use Shape or Star")
    return function


def names(function):
    """The names of a slot's arguments."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def tensors(function):
    """The names of those that are tensors or lists of them."""
    notes = function.__annotations__
    return [n for n in names(function) if n not in notes or _role(notes[n]) in ("tensor", "tensors")]


def takes_tensor(function):
    """Whether a slot's first argument is a tensor (not a list of them)."""
    code = function.__code__
    return code.co_argcount + code.co_kwonlyargcount > 0 and code.co_varnames[0] not in function.__annotations__


def parse(function):
    """The arguments of a slot, in order.

    Example:
        >>> from tritorch.ops._schema import parse
        >>> def cpu(input, *, alpha: "float" = 1): ...
        >>> [(a.name, a.role) for a in parse(cpu)]
        [('input', 'tensor'), ('alpha', 'number')]
    """
    code, defaults = checked(function).__code__, {**(function.__kwdefaults__ or {})}
    count = code.co_argcount
    positional = code.co_varnames[:count]
    given = function.__defaults__ or ()
    defaults.update(zip(positional[count - len(given) :], given, strict=True))
    notes = function.__annotations__
    return [
        Arg(name, _role(notes.get(name, MISSING)), defaults.get(name, MISSING), i >= count)
        for i, name in enumerate(names(function))
    ]


def positional(function):
    """The parameter names of a derivative: what it is to be handed."""
    return list(function.__code__.co_varnames[: function.__code__.co_argcount])
