"""From the call path to what a device runs: the table behind Note [Dispatch] in csrc/bindings/context.cpp.

A call path hands arrays to its loop for the CPU. Where one of them is on a device, what runs instead is found here, by
that loop: the operator's ``cuda`` slot, in the way of its kind.
"""

import numpy as np

from .. import _C
from ..runtime import pointwise, transfer
from ..runtime.array import DeviceArray, empty

__all__ = ["create_on", "loops", "mixed", "named", "owned", "refuse_dtype", "refuse_host"]

_owners: dict = {}  # a loop for the CPU -> (operator, whether it writes its first argument)


class _Loops(dict):
    def __missing__(self, loop):
        if loop not in _owners:  # a step of an operator made of several
            name = loop.__name__.strip("_")
            raise NotImplementedError(f"{name}: expected tensors on cpu, got cuda: the step has no kernel for cuda")
        op, inplace = _owners[loop]
        if inplace and "cuda_" in op.__dict__:
            made = _beside_host(op.__dict__["cuda_"].__func__)
        else:
            made = op.device_loop()
            if made is None:
                made = _refuse(op)
            elif inplace:
                made = _written_back(made)
        self[loop] = made
        return made


loops = _Loops()
_C.set_device_loops(loops)


def owned(loop, op, inplace=False):
    """Notes whose loop it is."""
    _owners[loop] = (op, inplace)


def _refuse(op):
    def loop(*args, **kwargs):
        raise NotImplementedError(f"{op.path}: expected tensors on cpu, got cuda: the operator has no kernel for cuda")

    return loop


def named(op, error):
    """The error of a kernel that does not know a dtype, with the name of the operator."""
    return NotImplementedError(f"{op.path}: {error}") if str(error).startswith("expected a dtype") else error


def refuse_dtype(op, *dtypes):
    """Raises NotImplementedError for a dtype that no kernel knows: complex numbers."""
    for dtype in dtypes:
        if dtype.kind == "c":
            raise NotImplementedError(f"{op.path}: expected a dtype that kernels on cuda know, got {dtype.name}")


def _beside_host(loop):
    """An in-place loop, whose kernels refuse host arrays in words of their own: they come from the caller here."""

    def inplace(*args):
        try:
            return loop(*args)
        except TypeError:
            refuse_host(args)
            raise

    return inplace


def _written_back(loop):
    def inplace(input, *args):
        pointwise.copy(input, loop(input, *args))

    return inplace


def _laid_out_as(array, new):
    """An array that ``new`` makes, uninitialised, of the shape, dtype and order of dims of another."""
    order = sorted(range(array.ndim), key=lambda d: -array.strides[d])
    made = new(tuple([array.shape[d] for d in order]), array.dtype)
    return made.transpose(sorted(range(array.ndim), key=order.__getitem__))


def create_on(device, loop, *args):
    """A new array on ``device``, from what makes it there or, without such, copied from the host."""
    op, _ = _owners[loop]
    if device.type == "cpu":
        return _C.run(loop, *[_laid_out_as(x, np.empty) if x.__class__ is DeviceArray else x for x in args])
    if op.device_loop() is not None:
        return loops[loop](*[_laid_out_as(x, empty) if x.__class__ is np.ndarray else x for x in args])
    return transfer.to_device(np.asarray(_C.run(loop, *args)))


def mixed():
    """torch's error for tensors on several devices."""
    return RuntimeError(
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
    )


def refuse_host(args):
    """torch's error where a host array is among the arguments of a device loop."""
    for x in args:
        if isinstance(x, list):
            refuse_host(x)
        elif x.__class__ is np.ndarray:
            raise mixed()
