"""Grad modes: whether operators are recorded, in this thread.

Every mode is a context manager and a decorator of functions and generators. The switches
themselves are thread-local and live in ``_C``; entering and leaving cost one call each.
"""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from .. import _C
from .._C import is_grad_enabled

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]


def is_inference_mode_enabled() -> bool:
    """Returns True inside :class:`inference_mode`.

    >>> import tritorch
    >>> with tritorch.inference_mode():
    ...     tritorch.is_inference_mode_enabled()
    True
    """
    return _C.is_inference_mode()


class _Mode:
    """A context manager that decorates: each call of the function enters a fresh copy of the mode."""

    __slots__ = ("_prev",)

    def _clone(self) -> "_Mode":
        return type(self)()

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *exc: object) -> None:
        raise NotImplementedError

    def __call__(self, func: Callable) -> Callable:
        if inspect.isclass(func):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate "
                "functions or methods. To preserve the current behavior of class decoration, you can directly "
                "decorate the `__init__` method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )
        elif inspect.isgeneratorfunction(func):
            return _in_mode_generator(self._clone, func)

        @functools.wraps(func, updated=())
        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with self._clone():
                return func(*args, **kwargs)

        return in_mode


def _in_mode_generator(mode: Callable[[], _Mode], func: Callable) -> Callable:
    """Runs each resumption of a generator inside the mode, and each suspension outside it."""

    @functools.wraps(func)
    def in_mode(*args: Any, **kwargs: Any) -> Any:
        generator = func(*args, **kwargs)
        step, sent = generator.send, None
        while True:
            try:
                with mode():
                    response = step(sent)
            except StopIteration as stop:
                return stop.value
            try:
                step, sent = generator.send, (yield response)
            except GeneratorExit:
                with mode():
                    generator.close()
                raise
            except BaseException as error:
                step, sent = generator.throw, error

    return in_mode


class _PlainMode(_Mode):
    """A mode without arguments, usable as ``@no_grad`` as well as ``@no_grad()``."""

    __slots__ = ()

    def __new__(cls, orig_func: Callable | None = None) -> Any:
        mode = super().__new__(cls)
        return mode if orig_func is None else mode(orig_func)

    def __exit__(self, *exc: object) -> None:
        _C.set_grad_enabled(self._prev)


class no_grad(_PlainMode):
    """Switches recording off: results do not require grad, whatever went in.

    Thread-local. A context manager, and a decorator of functions and generators.

    >>> import tritorch
    >>> x = tritorch.ones(2, requires_grad=True)
    >>> with tritorch.no_grad():
    ...     (x * 2).requires_grad
    False
    >>> @tritorch.no_grad
    ... def double(x):
    ...     return x * 2
    >>> double(x).requires_grad
    False
    """

    __slots__ = ()

    def __enter__(self) -> None:
        self._prev = is_grad_enabled()
        _C.set_grad_enabled(False)


class enable_grad(_PlainMode):
    """Switches recording back on inside :class:`no_grad` or :class:`set_grad_enabled`.

    >>> import tritorch
    >>> x = tritorch.ones(2, requires_grad=True)
    >>> with tritorch.no_grad(), tritorch.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    __slots__ = ()

    def __enter__(self) -> None:
        self._prev = is_grad_enabled()
        _C.set_grad_enabled(True)


class set_grad_enabled(_Mode):
    """Switches recording on or off, at once; as a context manager it restores what was there before.

    >>> import tritorch
    >>> with tritorch.set_grad_enabled(False):
    ...     tritorch.is_grad_enabled()
    False
    >>> tritorch.is_grad_enabled()
    True
    """

    __slots__ = ("mode",)

    def __init__(self, mode: bool) -> None:
        self._prev = is_grad_enabled()
        self.mode = mode
        _C.set_grad_enabled(mode)

    def _clone(self) -> "set_grad_enabled":
        return type(self)(self.mode)

    def __call__(self, func: Callable) -> Callable:
        _C.set_grad_enabled(self._prev)
        return super().__call__(func)

    def __enter__(self) -> None:
        _C.set_grad_enabled(self.mode)

    def __exit__(self, *exc: object) -> None:
        _C.set_grad_enabled(self._prev)

    def __repr__(self) -> str:
        return f"tritorch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"


class inference_mode(_Mode):
    """:class:`no_grad`, and more: tensors made inside keep no version counter and no record of views.

    They cannot be saved for backward nor written in place outside. ``inference_mode(False)``
    switches an enclosing inference mode off.

    >>> import tritorch
    >>> with tritorch.inference_mode():
    ...     x = tritorch.ones(2)
    >>> x.is_inference()
    True
    """

    __slots__ = ("mode",)

    def __new__(cls, mode: bool | Callable = True) -> Any:
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def _clone(self) -> "inference_mode":
        return type(self)(self.mode)

    def __enter__(self) -> None:
        self._prev = (_C.is_inference_mode(), is_grad_enabled())
        _C.set_inference_mode(self.mode)
        _C.set_grad_enabled(not self.mode)

    def __exit__(self, *exc: object) -> None:
        inference, grad = self._prev
        _C.set_inference_mode(inference)
        _C.set_grad_enabled(grad)
