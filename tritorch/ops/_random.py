"""Fills of any array, of any floating dtype and layout, on top of the fills of ``_C`` for contiguous float32 and float64."""

import numpy as np

from .. import _C
from ..runtime.generator import chosen

BITS = {"float16": 11, "bfloat16": 8, "float8_e4m3fn": 4, "float8_e5m2": 3}  # of a fraction, that the type can hold


def _native(dtype):
    return dtype in (np.float32, np.float64)


def _through(fill, array, kind):
    """Fills ``array`` in place, through a contiguous buffer of ``kind`` where it can't be filled itself."""
    if array.dtype == kind and array.flags.c_contiguous:
        fill(array)
        return array
    buffer = np.empty(array.shape, kind)
    fill(buffer)
    np.copyto(array, buffer, casting="unsafe")
    return array


def _float_kind(dtype):
    return dtype if _native(dtype) else np.dtype(np.float32)


def _refuse_integers(array, name):
    if array.dtype.kind in "biu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{_torch_name(array.dtype)}'")


def _torch_name(dtype):
    names = {"int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool"}
    return names.get(dtype.name, dtype.name)


def _parts(array):
    """The real arrays that make up ``array``: itself, or its real and imaginary parts."""
    return (array.real, array.imag) if array.dtype.kind == "c" else (array,)


def uniform_into(generator, array, low, high):
    """Uniform on [low, high)."""
    _refuse_integers(array, "check_uniform_bounds")
    for part in _parts(array):
        kind = _float_kind(part.dtype)
        bits = (BITS.get(part.dtype.name, 24),) if kind == np.float32 else (24,)
        _through(lambda a, bits=bits: generator.fill(_C.random_uniform, a, float(low), float(high), *bits), part, kind)
    return array


def normal_into(generator, array, mean, std):
    """Normal; a complex one has half the variance in each part, as torch has it."""
    _refuse_integers(array, "normal_kernel_cpu")
    if array.dtype.kind == "c":
        std = std * np.sqrt(0.5)
    for i, part in enumerate(_parts(array)):
        shift = (mean.real if i == 0 else mean.imag) if isinstance(mean, complex) else (mean if i == 0 else 0.0)
        _through(
            lambda a, shift=shift: generator.fill(_C.random_normal, a, float(shift), float(std)),
            part,
            _float_kind(part.dtype),
        )
    return array


def exponential_into(generator, array, rate):
    """Exponential with mean 1 / rate."""
    _refuse_integers(array, "exponential")
    return _through(lambda a: generator.fill(_C.random_exponential, a, float(rate)), array, _float_kind(array.dtype))


def integers_into(generator, array, low, count):
    """The ``count`` integers from ``low`` on."""
    if array.dtype.kind == "c":
        raise NotImplementedError("\"random_from_to\" not implemented for 'ComplexFloat'")
    kind = array.dtype if array.dtype.kind in "biu" or _native(array.dtype) else np.dtype(np.float32)
    return _through(lambda a: generator.fill(_C.random_integers, a, low, count), array, kind)


def bernoulli_into(generator, array, p):
    """1 with probability ``p``, else 0."""
    kind = array.dtype if array.dtype in (np.bool_, np.uint8, np.float32, np.float64) else np.dtype(np.uint8)
    return _through(lambda a: generator.fill(_C.random_bernoulli, a, float(p)), array, kind)


def draw(filler, shape, dtype, generator, *args):
    """A new array filled by ``filler`` from the chosen generator."""
    return filler(chosen(generator), np.empty(shape, dtype), *args)
