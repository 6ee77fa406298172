"""The kind of elementwise operators: promotion, broadcasting, half precision, blocks.

Note [Plans]: what a call computes in depends on the dtypes of its operands, on which of them have no dims and which
are numbers, and on the default dtype; never on values. The answer is worked out once for each such signature and
kept, so that a call looks it up.
"""

import numpy as np

from ..dtypes import from_numpy as dtype_of
from ..dtypes import get_default_dtype, number_dtype, result_dtype
from ..errors import invalid_combination
from ..runtime import blocks
from ..runtime.array import DeviceArray, result_like
from ..runtime.pointwise import pointwise
from ..shape import broadcast
from ._device import mixed, refuse_dtype
from ._op import FLOAT32, Op, is_half
from ._samples import elementwise

BOOL = np.dtype(np.bool_)
NUMBERS_AS_TENSORS = {"add", "sub", "mul", "div", "true_divide", "floor_divide"}  # f(2, 3) gives a tensor


def promoted(operands):
    """torch's result dtype of arrays and Python numbers."""
    dims, zeros, numbers = [], [], []
    for x in operands:
        if not isinstance(x, np.ndarray):
            numbers.append(number_dtype(x))
        elif x.ndim:
            dims.append(dtype_of(x.dtype))
        else:
            zeros.append(dtype_of(x.dtype))
    return result_dtype(tuple(dims), tuple(zeros), tuple(numbers))


def number_as(x, dtype, wrap):
    """The number ``x`` as an array. An int that is out of range wraps around, as in torch, or keeps its own dtype."""
    try:
        return np.asarray(x, dtype)
    except OverflowError:
        return np.asarray(x).astype(dtype) if wrap else np.asarray(x)


def check_some_tensor(name, operands):
    """torch's TypeError where all operands are numbers."""
    if name not in NUMBERS_AS_TENSORS and not any(isinstance(x, np.ndarray) for x in operands):
        raise invalid_combination(name, operands, {}, ["(Tensor input, Tensor other, *, Tensor out = None)"])


def writable(target, operands, shape, dtype):
    """Whether blocks of a result may be written over ``target``, one of the operands: none reads it elsewhere."""
    if target.dtype != dtype or target.shape != shape or not target.flags.c_contiguous:
        return False
    return all(x is target or not np.may_share_memory(x, target) for x in operands)


class Elementwise(Op, kind=True):
    """One output element from one element of each operand, with broadcasting and torch's promotion.

    ``cpu`` sees arrays of one dtype; numbers are such without dims. The loop writes a large result over ``into``, the
    operand that an in-place form has for a target, where it can.

    Class keywords:
        ufunc: the NumPy ufunc that ``cpu`` is when the plain arguments have their defaults.
        kinds: the NumPy kinds for which that is exactly torch's, without promotion.
        result: "same" (the promoted dtype), "float" (integers are lifted to the default dtype), "bool",
            "real" (the real dtype of a complex operand), "float real" (both).
        keep: names of tensor arguments that take no part in promotion (``condition`` of where).
        only: the kinds of dtypes ("b", "u", "i", "f", "c") that it takes; others raise torch's NotImplementedError,
            which calls it ``kernel``.
    """

    ufunc = None
    scalar = True
    kinds = "fc"
    result = "same"
    keep = only = kernel = ""
    samples = classmethod(elementwise)

    @classmethod
    def plan(cls, operands):
        """What is done with operands such as these: see Note [Plans].

        Returns the dtype to compute in, the dtype of the result, and whether all operands are arrays of the former.
        """
        check_some_tensor(cls.short, operands)
        kept = cls.keep.split()
        names = [a.name for a in cls.args if a.is_tensor]
        kind = promoted([x for x, n in zip(operands, names, strict=True) if n not in kept and x is not None])
        if cls.only and kind.kind not in cls.only:
            raise NotImplementedError(f"\"{cls.kernel or f'{cls.short}_cpu'}\" not implemented for '{kind.type_name}'")
        if "float" in cls.result and kind.category < 2:
            kind = get_default_dtype()
        store = kind.to_real().np if "real" in cls.result else kind.np
        compute = FLOAT32 if cls.opmath and is_half(kind.np) else kind.np
        ready = all(isinstance(x, np.ndarray) and x.dtype == compute for x in operands)
        return compute, BOOL if cls.result == "bool" else store, ready

    @classmethod
    def loop(cls):
        cpu, ufunc, kinds, wrap = cls.cpu, cls.ufunc, cls.kinds, cls.result != "bool"
        defaults = tuple(a.default for a in cls.args if not a.is_tensor)
        count = len(cls.args) - len(defaults)
        kept = [a.name in cls.keep.split() for a in cls.args]
        array, large, plans = np.ndarray, blocks.LARGE, {}

        def loop(*args, into=None):
            operands, key = args[:count], [get_default_dtype()]
            shape, even, big = None, True, False
            for x in operands:
                if isinstance(x, array):
                    key.append(x.dtype)
                    key.append(x.ndim)
                    if shape is None:
                        shape = x.shape
                    elif x.shape != shape:
                        even = False
                    big = big or x.nbytes > large
                else:
                    key.append(x.__class__)
            key = tuple(key)
            try:
                compute, store, ready = plans[key]
            except KeyError:
                compute, store, ready = plans[key] = cls.plan(operands)
            arrays = operands
            if not ready:
                arrays = [
                    x if x is None or kept[i] else x.astype(compute, copy=False) if isinstance(x, array)
                    else number_as(x, compute, wrap)
                    for i, x in enumerate(operands)
                ]  # fmt: skip
            if not even:
                shape = broadcast(*[x.shape for x in arrays if x is not None])
                big = big or np.prod(shape, dtype=np.int64) * compute.itemsize > large
            if big and all(x is not None for x in arrays):
                plain = compute.kind in kinds and (compute == store or store is BOOL) and args[count:] == defaults
                target = into if into is not None and writable(into, arrays, shape, store) else None
                return blocks.pointwise(cpu, arrays, args[count:], shape, store, ufunc if plain else None, target)
            out = cpu(*arrays, *args[count:])
            if out.dtype is not store:
                out = out.astype(store)
            return out if even or out.shape == shape else np.broadcast_to(out, shape).copy()

        loop.takes_into = True
        return loop

    @classmethod
    def device_loop(cls):
        formula, plans = cls.cuda, {}
        if formula is None:
            return None
        tensors = [a for a in cls.args if a.is_tensor]
        count = len(tensors)
        kept = [a.name in cls.keep.split() for a in tensors]

        def loop(*args, into=None):
            operands, plain = args[:count], args[count:]
            key = [get_default_dtype()]
            for x in operands:
                key += (x.dtype, x.ndim) if isinstance(x, np.ndarray) else (x.__class__,)
            key = tuple(key)
            try:
                compute, store, casts = plans[key]
            except KeyError:
                compute, store, _ = cls.plan(operands)
                refuse_dtype(cls, compute, store)
                casts = [None if k else compute for k in kept]
                casts += [compute if compute.kind == "f" else None] * (len(args) - count)
                plans[key] = compute, store, casts
            shape = broadcast(*[x.shape for x in operands if isinstance(x, np.ndarray)])
            operands = [x if x.__class__ is DeviceArray else number_on_device(x) for x in operands]
            if into is None or into.dtype != store or into.shape != shape:
                into = result_like(operands, shape, store)
            kinds = casts
            if store is BOOL and compute.kind in "iu":  # comparisons with what the dtype does not hold
                kinds = [None if is_beyond(x, compute) else kind for x, kind in zip(operands, casts, strict=False)]
                kinds += casts[count:]
            pointwise(formula, [into], [*operands, *plain], kinds)
            return into

        loop.takes_into = True
        return loop


def number_on_device(x):
    """An operand that is no array on the device, for a kernel: a 0-dim host array as a number; one with dims is refused."""
    if x.__class__ is np.ndarray:
        if x.ndim:
            raise mixed()
        x = x.item()
    return int(x) if x.__class__ is bool else x


def is_beyond(x, dtype):
    """Whether ``x`` is an int that ``dtype`` cannot hold."""
    return x.__class__ is int and not np.iinfo(dtype).min <= x <= np.iinfo(dtype).max


class Function(Elementwise, kind=True):
    """A function of one element that is a ufunc of real numbers: integers give the default dtype."""

    result = "float"
    kinds = "f"
    only = "buif"

    def cpu(input):
        """The schema; what runs is the ufunc."""

    @classmethod
    def loop(cls):
        cls.cpu = staticmethod(cls.ufunc)
        return super().loop()


class Function2(Function, kind=True):
    """A function of two elements, either of which may be a number."""

    numbers = "input other"

    def cpu(input, other):
        """The schema; what runs is the ufunc."""


class Activation(Elementwise, kind=True):
    """An elementwise function of ``nn.functional`` that takes ``inplace``, and has a form ``name_`` there too."""

    home = "nn.functional"
    method = False
    has_out = False
    inplace = True
    only = "f"

    @classmethod
    def head_lines(cls):
        plain = ", ".join(a.name for a in cls.args if a.name != "inplace")
        return [f"    if inplace: return OP.call_({plain})"] if any(a.name == "inplace" for a in cls.args) else []
