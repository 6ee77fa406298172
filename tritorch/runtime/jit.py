"""The door to Triton: what operator files import to write kernels, without loading Triton.

Note [Kernels are made late]: importing tritorch never loads Triton. ``triton``, ``tl`` and ``libdevice`` here are
stand-ins: ``@triton.jit`` keeps the plain function as a :class:`Kernel`, and annotations such as ``tl.constexpr``
become words. At its first use the function is built anew, from its own code, with Triton's real modules in the place
of the stand-ins and the kernels that it calls made real likewise. It is made in two forms: for the compiler, and for
the interpreter that the simulated device runs (``runtime.interpret``).
"""

import importlib
import types

__all__ = ["KERNELS", "Kernel", "libdevice", "load", "tl", "triton"]

KERNELS: list["Kernel"] = []  # every kernel there is, in order of definition


class Kernel:
    """A function in Triton's language, as its file has it.

    Attributes:
        fn: the plain function.
        params: the names of its parameters, in order; ``constants`` those that are compile-time constants.
    """

    def __init__(self, fn):
        self.fn = fn
        self.__name__, self.__doc__, self.__module__, self.__qualname__ = (
            fn.__name__, fn.__doc__, fn.__module__, fn.__qualname__,
        )  # fmt: skip
        code = fn.__code__
        self.params = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.constants = frozenset(n for n, a in fn.__annotations__.items() if a is constexpr)
        self.compiled = self.interpreted = None
        self.variants: dict = {}  # launch's memory: signature -> what is launched
        KERNELS.append(self)

    def __repr__(self):
        return f"<kernel {self.__module__}.{self.__qualname__}>"

    def __call__(self, *args, **kwargs):
        raise TypeError(f"kernel {self.__name__}: expected runtime.launch to launch it, got a call from Python")

    def for_compiler(self):
        """Triton's JITFunction of it."""
        if self.compiled is None:
            self.compiled = load("triton").jit(_rebuilt(self.fn, Kernel.for_compiler, "compiler"))
        return self.compiled

    def for_interpreter(self):
        """The interpreter's function of it."""
        if self.interpreted is None:
            made = load("tritorch.runtime.interpret").InterpretedFunction
            self.interpreted = made(_rebuilt(self.fn, Kernel.for_interpreter, "interpreter"))
        return self.interpreted


class constexpr:
    """Stands in for ``tl.constexpr``: as an annotation, and around a global constant that kernels read."""

    def __init__(self, value):
        self.value = value


class tl:
    """Stands in for ``triton.language``; a class, so that type checkers take ``tl.constexpr`` for a type."""

    constexpr = constexpr


class _Triton:
    """Stands in for ``triton``: ``jit`` and the little arithmetic that launches need."""

    language = tl

    @staticmethod
    def jit(fn):
        """Makes ``fn`` a kernel."""
        return Kernel(fn)

    @staticmethod
    def cdiv(a, b):
        """``a / b``, rounded up."""
        return -(-a // b)

    @staticmethod
    def next_power_of_2(n):
        """The least power of two that is at least ``n``."""
        return 1 << max(n - 1, 0).bit_length()


class _Libdevice:
    """Stands in for CUDA's library of mathematical functions."""


triton = _Triton()
libdevice = _Libdevice()


def load(name):
    """A module that is imported when it is first needed: this is the one door to Triton."""
    return importlib.import_module(name)


def _rebuilt(fn, realize, target):
    """``fn`` with Triton's own modules and real kernels among its globals."""
    scope = dict(fn.__globals__)
    for name in _names(fn.__code__):
        if name in scope:
            scope[name] = _realized(scope[name], realize, target)
    made = types.FunctionType(fn.__code__, scope, fn.__name__, fn.__defaults__, fn.__closure__)
    made.__kwdefaults__, made.__qualname__, made.__module__ = fn.__kwdefaults__, fn.__qualname__, fn.__module__
    made.__annotations__ = {n: "constexpr" if a is constexpr else a for n, a in fn.__annotations__.items()}
    if scope.get("tl", tl) is tl:  # the interpreter asks that it be visible, the compiler reads it in annotations
        scope["tl"] = load("triton.language")
    return made


def _names(code):
    """The global names that a function reads: attributes of the same name are none."""
    found = {step.argval for step in load("dis").get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _realized(value, realize, target):
    if isinstance(value, Kernel):
        return realize(value)
    if isinstance(value, constexpr):
        return load("triton.language").constexpr(value.value)
    if value is triton:
        return load("triton")
    if value is tl:
        return load("triton.language")
    if value is libdevice:
        if target == "compiler":
            return load("triton.language.extra.cuda.libdevice")
        return load("tritorch.runtime.interpret_math")
    return value
