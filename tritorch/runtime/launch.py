"""Launches kernels on arrays of a device.

An array is handed as a pointer to its first element, a Python int as a 32-bit integer where it fits and a 64-bit one
otherwise, a Python float as float32, and a NumPy scalar in its own type. What is given by name is a compile-time
constant of the kernel, or one of the launch's own options.
"""

import struct

import numpy as np

from .. import _C
from .array import DeviceArray
from .jit import load

__all__ = ["FORMATS", "TYPES", "launch", "triton_type"]

TYPES = {  # NumPy's name -> Triton's
    "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16",
    "uint32": "u32", "uint64": "u64", "float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float64": "fp64",
    "float8_e4m3fn": "fp8e4nv", "float8_e5m2": "fp8e5",
}  # fmt: skip
_POINTERS: dict = {}


def triton_type(dtype):
    """Triton's name of a NumPy dtype.

    Raises:
        NotImplementedError: for one that kernels do not know (complex numbers).
    """
    try:
        return TYPES[dtype.name]
    except KeyError:
        raise NotImplementedError(f"expected a dtype that kernels on cuda know, got {dtype.name}") from None


def _typed(x):
    if x.__class__ is DeviceArray:
        found = _POINTERS.get(x.dtype)
        if found is None:
            found = _POINTERS[x.dtype] = "*" + triton_type(x.dtype)
        return found, x.__array_interface__["data"][0]
    if x.__class__ is bool:
        return "i1", x
    if x.__class__ is int:
        return ("i32" if -(2**31) <= x < 2**31 else "i64"), x
    if x.__class__ is float:
        return "fp32", x
    if isinstance(x, np.generic):
        return triton_type(x.dtype), x
    raise TypeError(f"expected arrays on a device or numbers, got {type(x).__name__}")


def launch(kernel, grid, *args, num_warps=4, num_stages=3, **constants):
    """Enqueues ``kernel`` for every program of ``grid`` on the current stream. An empty grid launches nothing.

    Args:
        kernel: a :class:`runtime.jit.Kernel`.
        grid: a tuple of one to three sizes.
        args: the kernel's arguments that are no compile-time constants, in order.
    """
    if 0 in grid:
        return
    names = [p for p in kernel.params if p not in constants]
    if len(names) != len(args):
        raise TypeError(
            f"kernel {kernel.__name__}: expected {len(names)} arguments ({', '.join(names)}), got {len(args)}"
        )
    kinds, values = zip(*map(_typed, args), strict=True)
    key = (kinds, num_warps, num_stages, *constants.items())
    variant = kernel.variants.get(key)
    if variant is None:
        variant = kernel.variants[key] = _simulated(kernel, names, kinds, constants, num_warps)
    device = _C.current_device()
    grid = (*grid, 1, 1)[:3]
    _C.launch(variant.function, grid, variant.block, variant.shared, device, None, variant.pack(*values))


class Variant:
    """A kernel for arguments of given types and given constants, ready to be launched."""

    __slots__ = ("block", "function", "pack", "shared")

    def __init__(self, function, block, shared, pack):
        self.function, self.block, self.shared, self.pack = function, block, shared, pack


FORMATS = {  # Triton's type -> that of the struct module; pointers are Q
    "i1": "?", "i8": "b", "i16": "h", "i32": "i", "i64": "q", "u8": "B", "u16": "H", "u32": "I", "u64": "Q",
    "fp16": "e", "fp32": "f", "fp64": "d",
}  # fmt: skip


def _simulated(kernel, names, kinds, constants, num_warps):
    """A variant that the interpreter runs, when the simulated device comes to it."""
    layout = struct.Struct("@" + "".join("Q" if kind.startswith("*") else FORMATS[kind] for kind in kinds))

    def run(grid, parameters):
        arguments = list(zip(names, kinds, layout.unpack_from(parameters), strict=True))
        load("tritorch.runtime.interpret").launch(kernel.for_interpreter(), grid, arguments, constants)

    run.__name__ = kernel.__name__  # the simulated device's reports name it
    number = _C.sim_register(run)
    module = _C.module_load(b"tritorch-sim:%d" % number, _C.current_device())
    return Variant(_C.module_function(module, kernel.__name__), (32 * num_warps, 1, 1), 0, layout.pack)
