"""What an operator's ``cpu`` slot says of its arguments.

Note [Annotations are the schema]: a bare parameter is a tensor; ``Tensors`` is a list of them; every
other annotation is a plain value. ``Dim``, ``Dims`` and ``Shape`` ask the call path to normalise what
the caller gave, so that a slot always sees non-negative ints or tuples of them.
"""

import inspect
from dataclasses import dataclass
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


@dataclass(slots=True)
class Arg:
    """One argument of an operator: its name, what it is (a role), and its default."""

    name: str
    role: str  # tensor | tensors | dim | dims | shape | star | number | value
    default: Any = MISSING
    keyword_only: bool = False

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


def parse(function):
    """The arguments of a slot, in order.

    Example:
        >>> from tritorch.ops._schema import parse
        >>> def cpu(input, *, alpha: "float" = 1): ...
        >>> [(a.name, a.role) for a in parse(cpu)]
        [('input', 'tensor'), ('alpha', 'number')]
    """
    code, defaults = function.__code__, {**(function.__kwdefaults__ or {})}
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        raise TypeError(f"{function.__qualname__}: an operator's slot takes no *args or **kwargs; use Shape or Star")
    count = code.co_argcount
    positional = code.co_varnames[:count]
    given = function.__defaults__ or ()
    defaults.update(zip(positional[count - len(given) :], given, strict=True))
    notes = function.__annotations__
    return [
        Arg(name, _role(notes.get(name, MISSING)), defaults.get(name, MISSING), i >= count)
        for i, name in enumerate(code.co_varnames[: count + code.co_kwonlyargcount])
    ]


def names(function):
    """The parameter names of a derivative: what it is to be handed."""
    return list(function.__code__.co_varnames[: function.__code__.co_argcount])
