"""The language operators are written in: one class an operator, its slots its definition.

    class mul(Elementwise, operator="*", inplace=True):
        '''Multiplies :attr:`input` by :attr:`other`, with broadcasting.'''

        def cpu(input, other):            # schema and meaning; see Note [Annotations are the schema]
            return input * other

        def d_input(grad, other):         # one derivative an argument; handed what it names,
            return grad * other.conj()    # and only what it names is saved

Slots: ``cpu`` on arrays (or ``eager`` for a composite, on tensors), ``cpu_`` (the in-place form's own writing),
``cuda``, ``check`` (raises on bad arguments), ``method`` (the form on Tensor, where it differs), ``d_<argument>`` or
``d_<argument>__<argument>`` for a joint one, ``samples`` (see Note [Samples] in ``_samples``). Class keywords: see :class:`Op`.

Note [Names a derivative may ask for]: ``grad`` (of the first output), ``grad_<output>``, ``grads`` (all),
``out`` or an output's own name, any argument, ``<argument>_shape``, and ``needs`` (joint forms: a tuple of bools).
Derivatives speak tensor language: methods and operators of tensors, and ``ops.<name>`` for the rest.
"""

import sys
import types

import numpy as np

from .. import _C
from .._C import TensorBase
from ..dtypes import from_numpy
from ..runtime.jit import Kernel
from . import _codegen, _samples, _schema
from ._device import named, refuse_host
from ._families import OPERATORS, open_all, open_family

__all__ = ["Op", "REGISTRY", "ops"]


class Registry(dict):
    """Class name -> operator. A name opens its family, a walk opens them all: Note [Families open when they are named]."""

    defined = dict.values  # those that are open

    def __missing__(self, name):
        open_family(OPERATORS[name])
        return dict.__getitem__(self, name)

    def __contains__(self, name):
        return name in OPERATORS or dict.__contains__(self, name)

    def get(self, name, default=None):
        return self[name] if name in self else default

    def __iter__(self):
        return iter(self._whole())

    def __len__(self):
        return len(self._whole())

    def keys(self):
        return self._whole().keys()

    def values(self):
        return self._whole().values()

    def items(self):
        return self._whole().items()

    def _whole(self):
        """All of it, family by family, users' own last: the same order whichever opened first."""
        open_all()
        ours = [op for op in self.defined() if op.__module__.startswith(__package__ + ".")]
        theirs = [op for op in self.defined() if not op.__module__.startswith(__package__ + ".")]
        return {op.__name__: op for op in [*sorted(ours, key=lambda op: op.__module__), *theirs]}


REGISTRY: Registry = Registry()
on_define: list = []  # called with each operator that is defined from now on: how a user's own reaches Tensor


class _Ops:
    """Any registered operator by name, found when it is used, so that no family imports another."""

    def __getattr__(self, name):
        try:
            call = REGISTRY[name].call
        except KeyError:
            raise AttributeError(f"no operator is named {name!r}") from None
        setattr(self, name, call)  # the next look-up is a plain attribute
        return call


ops = _Ops()


# Note [Half precision]: float16 and bfloat16 are storage: formulas compute in float32, the result is rounded once.
FLOAT32 = np.dtype(np.float32)


def is_half(dtype):
    """True for the floating types narrower than float32."""
    return dtype.itemsize < 4 and dtype.kind not in "biu" and from_numpy(dtype).is_floating_point


def _widen(x):
    if isinstance(x, np.ndarray) and is_half(x.dtype):
        return x.astype(FLOAT32), x.dtype
    if isinstance(x, list) and x and isinstance(x[0], np.ndarray) and any(is_half(y.dtype) for y in x):
        return [y.astype(FLOAT32) if is_half(y.dtype) else y for y in x], x[0].dtype
    return x, None


def narrowed(x, dtype):
    """A float32 result (or a tuple of results) rounded to the half type ``dtype``."""
    if isinstance(x, (tuple, list)):
        return type(x)([narrowed(y, dtype) for y in x])
    return x.astype(dtype) if getattr(x, "dtype", None) == FLOAT32 else x


def half_as_float32(function):
    """``function`` for arrays of half precision too."""

    def loop(*args):
        half = None
        for x in args:
            if isinstance(x, (np.ndarray, list)):
                half = half or _widen(x)[1]
        if half is None:
            return function(*args)
        return narrowed(function(*[_widen(x)[0] for x in args]), half)

    return loop


def conj(x):
    """The conjugate of a tensor or a number; a real one is handed back as it is, at no cost."""
    if isinstance(x, TensorBase):
        return x.conj() if x.dtype.is_complex else x
    return x.conjugate() if isinstance(x, complex) else x


class OpMeta(type):
    """Makes an operator's class callable as the operator: ``add(a, b)``."""

    def __call__(cls, *args, **kwargs):
        return cls.call(*args, **kwargs)

    def __repr__(cls):
        return f"<operator {cls.path}>" if "path" in cls.__dict__ else super().__repr__()


class _Args:
    """An operator's arguments, as its slot says, read when they are first asked for: importing hundreds pays nothing."""

    def __get__(self, instance, cls):
        if cls.signed is None:
            raise AttributeError(f"{cls.__name__} has no arguments: it is a kind")
        cls.args = args = _schema.parse(cls.signed)
        return args


class Op(metaclass=OpMeta):
    """Base of all kinds. A plain ``Op`` hands its arrays to ``cpu`` as they are.

    Class keywords (all optional):
        name: the public name, where the class's own is taken by another operator.
        home: where the function lives below the top: ``"nn.functional"``, ``"linalg"``... ("" the top itself).
        also: more dotted names of the same function, separated by spaces.
        operator: the Python operator it implements, as ``"+"`` or ``"unary -"``.
        inplace: True makes the form ``name_`` on tensors (and as a function).
        method, function: False leaves that form out.
        alias: more names, in every form.
        numbers: the tensor arguments that also take Python numbers.
        returns: names of the outputs when there are several.
        opmath: False hands half-precision arrays as they are, instead of as float32.
        strict_out: True asks of ``out`` the result's dtype, and that it share no memory with the operands.
        arithmetic: False calls ``cpu`` outside the NumPy context: it computes nothing that could raise a warning.
        overlaps: True lets the in-place form write where elements share their place: all get the same value.
        attribute: True puts a property on tensors in place of the method (``x.mT``), "writable" one that copies what
            it is given into that window (``x.real = y``).
        domain: the range that sample inputs are drawn from.
        kind: True declares a kind, not an operator.
    """

    home = also = operator = alias = numbers = name = ""
    inplace = False
    function = True
    signed: object = None  # the slot as it was written: what the arguments are read from
    args: list[_schema.Arg] = _Args()
    method: object = None
    returns: tuple = ()
    opmath = True
    arithmetic = True
    strict_out = False
    overlaps = False
    creates = False  # a new tensor, on the device that is asked for
    windows = False  # cpu gives windows on its argument, on whatever device that is
    attribute: object = False
    ufunc = None
    scalar = False  # True for kinds whose cuda slot is a formula of single elements, of the arguments of cpu
    cuda: object = (
        None  # the slot for a GPU: a function of arrays as cpu is, or, in elementwise kinds, a formula in Triton
    )
    lean = None  # a C function of the tensors for the plain small case, plain arguments at default; None: not plain
    abstract = True
    node: object = None  # what record() makes a node of, where there are derivatives
    has_out = True
    materialize = True  # False: derivatives see None, not zeros, for the gradient of an output that nothing used
    rebinds = False  # the in-place form becomes another window instead of writing (t_, squeeze_)
    multi = False  # a tuple of outputs of one kind (split, unbind)
    backward_saves: tuple = ()  # what a kind's backward needs beyond what derivatives name
    fast_arguments: tuple = ()  # plain arguments that the fast path takes and can save
    domain = (-2.0, 2.0)
    samples = classmethod(_samples.of_schema)
    bench: object = None  # the same for benchmarks: None is a large tensor for each argument
    reference: object = None  # what it means in eager lines of tensors, for its tests and benchmarks

    def __init_subclass__(cls, kind=False, **keywords):
        super().__init_subclass__()
        for key, value in keywords.items():
            if not hasattr(Op, key) and not any(key in vars(base) for base in cls.__mro__[1:]):
                raise TypeError(f"operator {cls.__name__}: unknown keyword {key!r}{_at(cls)}")
            setattr(cls, key, value)
        cls.abstract = kind
        if not kind:
            _define(cls)

    @classmethod
    def loop(cls):
        """The function the call path runs on the CPU: arrays and plain values in the schema's order."""
        return half_as_float32(cls.cpu) if cls.opmath else cls.cpu

    @classmethod
    def fast(cls):
        """The fast path's part in C, which records by itself; None where there is none."""
        if cls.ufunc is None:
            return None
        tensors = [a.name for a in cls.args if a.is_tensor]
        numbers = sum(1 << i for i, name in enumerate(tensors) if name in cls.numbers.split())
        return _C.Fast(cls.ufunc, cls.kinds, cls.result == "bool", numbers)

    @classmethod
    def device_loop(cls):
        """What the call path runs on a GPU, of the same arguments; None: the operator has no kernel."""
        slot = cls.cuda
        if slot is None:
            return None

        def loop(*args):
            refuse_host(args)
            try:
                return slot(*args)
            except NotImplementedError as error:
                raise named(cls, error) from None

        return loop

    @classmethod
    def both_lines(cls):
        """Lines at the head of the function and of the in-place form: names that stand for others."""
        return []

    @classmethod
    def head_lines(cls):
        """Lines at the head of the call path: turns that leave it before anything is bound."""
        return []

    @classmethod
    def bind_lines(cls):
        """Lines of the call path that bind what a kind adds to the signature."""
        return []

    @classmethod
    def finish_lines(cls):
        """Lines of the call path that make ``out_`` of what the loop gave, ``r``."""
        if cls.multi:
            return ["    out_ = tuple([wrap(x) for x in r])"]
        if cls.returns:
            return [f"    out_ = RETURNS({', '.join(f'wrap(r[{i}])' for i in range(len(cls.returns)))})"]
        return ["    out_ = wrap(r)"]

    @classmethod
    def backward_prelude(cls, saved):
        """Lines at the head of the backward function, given the names it has."""
        return []

    @classmethod
    def public_args(cls):
        """The arguments of the function, beyond those of the slot."""
        return cls.args


def _positional(function):
    """``function`` with its keyword-only parameters made positional: loops pass every argument in order."""
    code, defaults = function.__code__, function.__kwdefaults__ or {}
    if not code.co_kwonlyargcount:
        return function
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    tail = [defaults[k] for k in keywords if k in defaults]
    made = types.FunctionType(
        code.replace(co_argcount=code.co_argcount + len(keywords), co_kwonlyargcount=0),
        function.__globals__, function.__name__, (function.__defaults__ or ()) + tuple(tail), function.__closure__,
    )  # fmt: skip
    made.__annotations__, made.__qualname__ = function.__annotations__, function.__qualname__
    return made


def _at(cls, function=None):
    """Where the author wrote it: a slot, or the class that is being defined."""
    if function is not None:
        code = function.__code__
        return f" ({code.co_filename}, line {code.co_firstlineno})"
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") != cls.__module__:
        frame = frame.f_back
    return "" if frame is None else f" ({frame.f_code.co_filename}, line {frame.f_lineno})"


def _define(cls):
    name = cls.__name__
    home, space = cls.home, cls.__dict__
    cls.short = short = cls.name or (name.removeprefix(home.replace(".", "_") + "_") if home else name)
    cls.path = f"{home}.{short}" if home else short
    if not space.get("__doc__"):
        raise TypeError(f"operator {cls.path}: a docstring is missing{_at(cls)}")
    # A family that opens meets only what is open: the written contents may be older than the family.
    ours = cls.__module__.startswith(__package__ + ".")
    if dict.__contains__(REGISTRY, name) if ours else name in REGISTRY:
        raise TypeError(f"operator {cls.path}: the name is taken by {REGISTRY[name].__module__}{_at(cls)}")
    cls.slot = slot = "eager" if "eager" in space else "cpu"
    if not hasattr(cls, slot):
        raise TypeError(f"operator {cls.path}: slot cpu (or eager) is missing{_at(cls)}")
    signed, derivatives = getattr(cls, slot), []
    for key, value in list(space.items()):
        if value.__class__ is types.FunctionType and not key.startswith("__"):
            if key.startswith("d_"):
                derivatives.append((key, value))
            elif key != "method":
                value = _positional(value)
            setattr(cls, key, staticmethod(value))
    if cls.signed is None:
        try:
            cls.signed = _schema.checked(signed)
        except TypeError as error:
            raise TypeError(f"operator {cls.path}: {error}{_at(cls, signed)}") from None
    elif slot in space:  # else the arguments are those of the operator it derives from
        cls.signed, cls.args = signed, _schema.parse(signed)
    if cls.scalar and isinstance(cls.cuda, Kernel):
        wanted, got = _schema.names(cls.signed), cls.cuda.params
        if len(got) != len(wanted):
            text = f"cuda takes ({', '.join(got)}), expected the arguments of cpu: ({', '.join(wanted)})"
            raise TypeError(f"operator {cls.path}: {text}{_at(cls, cls.cuda.fn)}")
    cls.derivatives = _derivatives(cls, derivatives) if derivatives else []
    _codegen.build(cls)
    REGISTRY[name] = cls
    for notify in on_define:
        notify(cls)


def _derivatives(cls, functions):
    """[(tuple of argument names, function, names it asks for)] after checking every name."""
    arguments, tensors = _schema.names(cls.signed), _schema.tensors(cls.signed)
    outs = cls.returns or ("out",)
    found = []
    for key, function in functions:
        targets = tuple(key[2:].split("__"))
        for target in targets:
            if target not in tensors:
                raise TypeError(
                    f"operator {cls.path}: {key} is the derivative of an unknown argument {target!r}{_at(cls, function)}"
                )
        asked = _schema.positional(function)
        for ask in asked:
            if ask in arguments and ask in outs:
                raise TypeError(
                    f"operator {cls.path}: {key} asks for {ask!r}, an argument and an output at once{_at(cls, function)}"
                )
            if ask in ("grad", "out", "grads", "needs") or ask in arguments or ask in outs:
                continue
            if (ask[:5] == "grad_" and ask[5:] in outs) or (ask[-6:] == "_shape" and ask[:-6] in tensors):
                continue
            raise TypeError(f"operator {cls.path}: {key} asks for {ask!r}, which it does not have{_at(cls, function)}")
        found.append((targets, function, asked))
    return found
