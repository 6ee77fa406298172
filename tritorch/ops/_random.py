"""Fills of any array with random numbers, on the host by ``_C`` and on a device by ``_random_kernels``: the same ones."""

import numpy as np

from .. import _C
from ..runtime import array, generator
from ..runtime.array import DeviceArray
from . import _random_kernels as kernels

BITS = {"float16": 11, "bfloat16": 8, "float8_e4m3fn": 4, "float8_e5m2": 3}  # of a fraction, that the type can hold
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def stream_for(target, given):
    """The generator that a fill of ``target`` draws from: ``given``, or the default one of where it is."""
    return generator.chosen(given, _C.current_device() if target.__class__ is DeviceArray else None)


def _native(dtype):
    return dtype in (np.float32, np.float64)


def _through(fill, target, kind):
    """Fills ``target`` in place, through a contiguous buffer of ``kind`` where it can't be filled itself."""
    if target.dtype == kind and target.flags.c_contiguous:
        fill(target)
        return target
    buffer = np.empty(target.shape, kind)
    fill(buffer)
    np.copyto(target, buffer, casting="unsafe")
    return target


def _float_kind(dtype):
    return dtype if _native(dtype) else FLOAT32


def _refuse_integers(target, name):
    if target.dtype.kind in "biu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{_torch_name(target.dtype)}'")


def _torch_name(dtype):
    names = {"int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool"}
    return names.get(dtype.name, dtype.name)


def _parts(target):
    """The real arrays that make up ``target``: itself, or its real and imaginary parts."""
    return (target.real, target.imag) if target.dtype.kind == "c" else (target,)


def _on_device(target, formula, formula64, *numbers, given=None, **constants):
    """Fills an array on a device with what the formula of its precision makes of ``numbers``."""
    wide = target.dtype == FLOAT64
    numbers = [(np.float64 if wide else np.float32)(x) for x in numbers]
    return kernels.fill(stream_for(target, given), target, formula64 if wide else formula, *numbers, **constants)


def uniform_into(given, target, low, high):
    """Uniform on [low, high)."""
    _refuse_integers(target, "check_uniform_bounds")
    if target.__class__ is DeviceArray:
        if target.dtype == FLOAT64:
            return _on_device(target, None, kernels.uniform64, low, high - low, high, given=given)
        low, high = np.float32(low), np.float32(high)
        bits = BITS.get(target.dtype.name, 24)
        return _on_device(target, kernels.uniform, None, low, high - low, high, given=given, BITS=bits, UNIT=2.0**-bits)
    stream = stream_for(target, given)
    for part in _parts(target):
        kind = _float_kind(part.dtype)
        bits = (BITS.get(part.dtype.name, 24),) if kind == np.float32 else (24,)
        _through(lambda a, bits=bits: stream.fill(_C.random_uniform, a, float(low), float(high), *bits), part, kind)
    return target


def normal_into(given, target, mean, std):
    """Normal; a complex one has half the variance in each part, as torch has it."""
    _refuse_integers(target, "normal_kernel_cpu")
    if target.__class__ is DeviceArray:
        return _on_device(target, kernels.normal, kernels.normal64, mean, std, given=given)
    stream = stream_for(target, given)
    if target.dtype.kind == "c":
        std = std * np.sqrt(0.5)
    for i, part in enumerate(_parts(target)):
        shift = (mean.real if i == 0 else mean.imag) if isinstance(mean, complex) else (mean if i == 0 else 0.0)
        _through(
            lambda a, shift=shift: stream.fill(_C.random_normal, a, float(shift), float(std)),
            part,
            _float_kind(part.dtype),
        )
    return target


def exponential_into(given, target, rate):
    """Exponential with mean 1 / rate."""
    _refuse_integers(target, "exponential")
    if target.__class__ is DeviceArray:
        scale = rate if target.dtype == FLOAT64 else 1.0 / rate
        return _on_device(target, kernels.exponential, kernels.exponential64, scale, given=given)
    stream = stream_for(target, given)
    return _through(lambda a: stream.fill(_C.random_exponential, a, float(rate)), target, _float_kind(target.dtype))


def integers_into(given, target, low, count):
    """The ``count`` integers from ``low`` on."""
    if target.dtype.kind == "c":
        raise NotImplementedError("\"random_from_to\" not implemented for 'ComplexFloat'")
    stream = stream_for(target, given)
    if target.__class__ is DeviceArray:
        low, values = np.uint64(low % (1 << 64)).astype(np.int64), np.uint64(count % (1 << 64))
        if 0 < count <= 1 << 20:
            return kernels.fill(stream, target, kernels.integers, low, values)
        return kernels.fill(stream, target, kernels.integers64, low, values, ALL=count == 1 << 64)
    kind = target.dtype if target.dtype.kind in "biu" or _native(target.dtype) else FLOAT32
    return _through(lambda a: stream.fill(_C.random_integers, a, low, count), target, kind)


def bernoulli_into(given, target, p):
    """1 with probability ``p``, else 0."""
    stream = stream_for(target, given)
    if target.__class__ is DeviceArray:
        return kernels.fill(stream, target, kernels.mask, np.int32(np.ceil(p * 2**24)))
    kind = target.dtype if target.dtype in (np.bool_, np.uint8, np.float32, np.float64) else np.dtype(np.uint8)
    return _through(lambda a: stream.fill(_C.random_bernoulli, a, float(p)), target, kind)


def geometric_into(given, target, p):
    """The number of trials up to the first success."""
    if target.__class__ is DeviceArray:
        return kernels.fill(stream_for(target, given), target, kernels.geometric, np.log1p(np.float64(-p)))
    u = draw(uniform_into, target.shape, FLOAT64, given, 0.0, 1.0)
    np.copyto(target, np.maximum(1, np.ceil(np.log1p(-u) / np.log1p(-p))), casting="unsafe")
    return target


def cauchy_into(given, target, median, sigma):
    """Cauchy."""
    if target.__class__ is DeviceArray:
        numbers = np.float64(median), np.float64(sigma)
        return kernels.fill(stream_for(target, given), target, kernels.cauchy, *numbers)
    u = draw(uniform_into, target.shape, FLOAT64, given, 0.0, 1.0)
    near = np.maximum(np.minimum(u, 1 - u), 2.0**-54)  # the distance to the pole, which is exact
    np.copyto(target, median + sigma * np.copysign(1 / np.tan(np.pi * near), u - 0.5), casting="unsafe")
    return target


def draw(filler, shape, dtype, given, *args):
    """A new array in host memory, filled by ``filler`` from the generator ``given``."""
    return filler(given, np.empty(shape, dtype), *args)


def draw_there(filler, shape, dtype, given, *args):
    """A new array on the current device, filled by ``filler`` from the generator ``given``."""
    return filler(given, array.empty(tuple(shape), dtype), *args)
