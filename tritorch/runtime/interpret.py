"""The checking interpreter: runs kernels on the simulated device, with NumPy in the place of the hardware.

Triton's own interpreter does the language; what is ours is that it checks. Loads, stores and atomics pass
:data:`memory`, which translates the device's addresses and refuses those that no live block covers; lanes that a mask
leaves out without naming ``other`` hold poison, as on a GPU; reductions and scans with functions of the kernel's own
run in log(n) steps over whole blocks rather than element by element.

Note [The language is patched]: Triton's interpreter works by patching ``triton.language``. It stays patched from the
first launch on, until :func:`unpatched` asks for the compiler's language. This module and ``compile`` alone touch
Triton's internals; ``tests/runtime/test_triton_contract.py`` says which.
"""

import contextlib
import inspect
import itertools
import threading
import types
from typing import Any

import ml_dtypes
import numpy as np
import triton
import triton.language as tl
from triton.runtime import interpreter, jit

from .. import _C
from .interpret_offsets import OffsetBuilder, lost

__all__ = ["InterpretedFunction", "LaunchError", "Memory", "every_program", "launch", "memory", "unpatched"]

POISON = {"f": np.nan, "i": -0x5A5A5A5B, "u": 0xA5, "b": True}  # what a lane holds that nothing loaded


class LaunchError(RuntimeError):
    """A kernel failed on the simulated device: which program of which kernel, and why."""


SECTOR = 32  # bytes that a GPU moves at once at the least


class Memory:
    """The simulated device's memory: the bytes behind a device address lie a fixed distance above it in this process,
    and every use is checked there.

    While :attr:`counted` is a list, the bytes that each load and store moves are appended to it: whole sectors of 32,
    each once for all lanes of one instruction.
    """

    def __init__(self):
        self.counted: list[int] | None = None

    def readable(self, pointers, mask, itemsize):
        """The host's addresses for a read of ``itemsize`` bytes at each of ``pointers`` where ``mask`` holds.

        Raises:
            IndexError: for a lane that is in no live block, or whose offset ran over 32 bits.
        """
        return self._checked(pointers, mask, itemsize, False)

    def writable(self, pointers, mask, itemsize):
        """The same for a write."""
        return self._checked(pointers, mask, itemsize, True)

    def _checked(self, pointers, mask, itemsize, write):
        over = lost(pointers)
        if over is not None and (over & mask).any():
            lane = int(np.argmax((over & mask).reshape(-1)))
            raise IndexError(f"the offset of lane {lane} needs more than the 32 bits that it is computed in")
        if self.counted is not None:
            first = pointers.data[mask] // SECTOR
            touched = np.union1d(first, (pointers.data[mask] + (itemsize - 1)) // SECTOR)
            self.counted.append(SECTOR * touched.size)
        return _C.sim_check(pointers.data, itemsize, mask, write)


memory = Memory()
_lock = threading.RLock()  # the language and the grid's position are the process's own
_scope = None


# -- the builder: what Triton's language is lowered to -----------------------------------------------------------


def _itemsize(pointers):
    return max(pointers.get_element_ty().primitive_bitwidth // 8, 1)


def _at(pointers, addresses):
    return interpreter.TensorHandle(addresses, pointers.dtype)


class Builder(OffsetBuilder):
    """Triton's own, with memory and offsets that are checked."""

    def create_masked_load(self, ptrs, mask, other, *rest):
        if other is None:
            other = self._poison(ptrs)
        found = memory.readable(ptrs, mask.data, _itemsize(ptrs))
        return super().create_masked_load(_at(ptrs, found), mask, other, *rest)

    def create_masked_store(self, ptrs, value, mask, *rest):
        found = memory.writable(ptrs, mask.data, _itemsize(ptrs))
        return super().create_masked_store(_at(ptrs, found), value, mask, *rest)

    def create_atomic_rmw(self, rmw, ptr, val, mask, *rest):
        found = memory.writable(ptr, mask.data, _itemsize(ptr))
        return super().create_atomic_rmw(rmw, _at(ptr, found), val, mask, *rest)

    def create_atomic_cas(self, ptr, cmp, val, *rest):
        found = memory.writable(ptr, np.ones(ptr.data.shape, bool), _itemsize(ptr))
        return super().create_atomic_cas(_at(ptr, found), cmp, val, *rest)

    def cast_impl(self, src, dst_type):
        """Triton's, but for bfloat16, whose bits it would take for an integer: through float32, rounded to nearest."""
        source, target = src.dtype.scalar, dst_type.scalar
        if source == tl.bfloat16:
            src = interpreter.TensorHandle(src.data.view(ml_dtypes.bfloat16).astype(np.float32), tl.float32)
        if target == tl.bfloat16:
            data = src.data.astype(np.float32).astype(ml_dtypes.bfloat16).view(np.uint16)
            return interpreter.TensorHandle(data, target)
        return src if source == tl.bfloat16 and target == tl.float32 else super().cast_impl(src, dst_type)

    def create_fp_to_fp(self, src, dst_type, rounding_mode):
        if tl.bfloat16 in (src.dtype.scalar, dst_type.scalar):
            return self.cast_impl(src, dst_type)
        return super().create_fp_to_fp(src, dst_type, rounding_mode)

    def create_maxnumf(self, lhs, rhs):
        """Of NaN and a number the number, as on a GPU; 3.6's own gives NaN."""
        return self.binary_op(lhs, rhs, np.fmax)

    def create_minnumf(self, lhs, rhs):
        return self.binary_op(lhs, rhs, np.fmin)

    def create_dot(self, a, b, d, *rest):
        a, b = (self.cast_impl(x, tl.float32) if x.dtype.scalar == tl.bfloat16 else x for x in (a, b))
        return super().create_dot(a, b, d, *rest)

    def _poison(self, pointers):
        kind = pointers.get_element_ty()
        held = interpreter._get_np_dtype(kind)
        value = np.array(POISON[held.kind]).astype(held)
        return interpreter.TensorHandle(np.full(pointers.data.shape, value, held), kind)


class InterpretedFunction(interpreter.InterpretedFunction):
    """A kernel, or a function that kernels call. The language is patched when it is called: see Note [The language is
    patched]."""

    def __call__(self, *args, **kwargs):
        return self.rewrite()(*args, **kwargs)


# -- reductions and scans with functions of the kernel's own ----------------------------------------------------


def _tensors(datas, like):
    made = []
    for data, x in zip(datas, like, strict=True):
        kind = tl.block_type(x.dtype, list(data.shape)) if data.shape else x.dtype
        made.append(tl.core.tensor(interpreter.TensorHandle(np.ascontiguousarray(data), x.dtype.scalar), kind))
    return tuple(made)


def _combined(combine, left, right, like):
    out = combine(*_tensors(left, like), *_tensors(right, like))
    return [x.handle.data for x in (out if isinstance(out, (tuple, list, tl.core.tuple)) else (out,))]


def _along(datas, axis, part):
    return [d[(slice(None),) * axis + (part,)] for d in datas]


class _Reduce(interpreter.ReduceOps):
    def generic_reduce(self, input):
        like, axis = self.unravel(input, self.axis)
        datas = [x.handle.data for x in like]
        while datas[0].shape[axis] > 1:
            datas = _combined(
                self.combine_fn, _along(datas, axis, slice(0, None, 2)), _along(datas, axis, slice(1, None, 2)), like
            )
        if not self.keep_dims:
            datas = [d.reshape(d.shape[:axis] + d.shape[axis + 1 :]) for d in datas]
        elif self.axis is None:
            datas = [d.reshape((1,) * len(input[0].shape)) for d in datas]
        return [self.to_tensor(d if d.shape else d.item(), x.dtype) for d, x in zip(datas, like, strict=True)]


class _Scan(interpreter.ScanOps):
    def generic_scan(self, input):
        axis = self.axis % len(input[0].shape)
        datas = [x.handle.data.copy() for x in input]
        step = 1
        while step < datas[0].shape[axis]:
            done = _combined(self.combine_fn, [np.roll(d, step, axis) for d in datas], datas, input)
            datas = [  # the first ones have nothing before them
                np.concatenate([*_along([d], axis, slice(0, step)), *_along([new], axis, slice(step, None))], axis)
                for d, new in zip(datas, done, strict=True)
            ]
            step *= 2
        return [self.to_tensor(d, x.dtype) for d, x in zip(datas, input, strict=True)]


# -- the patch ----------------------------------------------------------------------------------------------------


def _standard_functions(scope):
    """Triton's own library (``tl.sum``, ``tl.softmax``...) is made for the compiler: gives it the interpreter's form."""
    made = {}
    for module in (tl.standard, tl.core, tl.math, tl.random, tl):
        for name, value in list(vars(module).items()):
            if isinstance(value, jit.JITFunction):
                mine = made.setdefault(id(value), InterpretedFunction(value.fn))
                scope.set_attr(module, name, mine)
                if module is tl.standard and hasattr(tl.tensor, name):
                    scope.set_attr(tl.tensor, name, lambda *args, mine=mine, **kwargs: mine(*args, **kwargs))


def _patch():
    global _scope
    if _scope is not None:
        return
    interpreter.interpreter_builder = Builder()
    interpreter.interpreter_semantic = interpreter.TritonSemantic(interpreter.interpreter_builder)

    def seen():
        """Stands for a kernel that sees both modules."""

    visible = types.FunctionType(seen.__code__, {"tl": tl, "core": tl.core})
    _scope = interpreter._patch_lang(visible)
    _standard_functions(_scope)

    def reduce(input, axis, combine_fn, keep_dims=False, **kwargs):
        return _Reduce(axis, combine_fn, keep_dims).apply(input)

    def associative_scan(input, axis, combine_fn, reverse=False, **kwargs):
        return _Scan(axis, combine_fn, reverse).apply(input)

    _scope.set_attr(tl.tensor, "__index__", lambda x: int(x.handle.data.item()))  # 3.6's own fails with NumPy 2.4
    for module in (tl, tl.core):
        _scope.set_attr(module, "reduce", reduce)
        _scope.set_attr(module, "associative_scan", associative_scan)


@contextlib.contextmanager
def unpatched():
    """The compiler's language, for as long as the block runs."""
    global _scope
    with _lock:
        if _scope is not None:
            _scope.restore()
            _scope = None
        yield


# -- launching ------------------------------------------------------------------------------------------------------


def _converted(kind, value):
    """An argument as the kernel sees it: a pointer ("*fp32"), or a number of the type that is named."""
    ty: Any = tl.str_to_ty(kind, None)  # Triton declares every type that any name could have
    if kind.startswith("*"):
        return tl.core.tensor(interpreter.TensorHandle(np.array([value], np.uint64), ty), ty)
    data = np.array([value]).astype(interpreter._get_np_dtype(ty))
    return tl.core.tensor(interpreter.TensorHandle(data, ty), ty)


def every_program(sizes):
    """The programs of a grid, in turn."""
    return itertools.product(*map(range, sizes))


programs = every_program  # tests of very large tensors run those at the borders alone


def launch(kernel, grid, arguments, constants):
    """Runs ``kernel`` for every program of ``grid`` (those that ``programs`` names).

    Args:
        kernel: the :class:`InterpretedFunction`.
        grid: one to three sizes.
        arguments: (name, type, value) of each argument; pointers are addresses on the device.
        constants: name -> value of the compile-time constants.

    Raises:
        LaunchError: naming the kernel and the program that failed.
    """
    with _lock, np.errstate(all="ignore"):
        _patch()
        fn = kernel.rewrite()
        bound = {name: _converted(kind, value) for name, kind, value in arguments}
        bound.update(
            {name: x if x is None or inspect.isfunction(x) else tl.constexpr(x) for name, x in constants.items()}
        )
        sizes = (*grid, 1, 1)[:3]
        builder = interpreter.interpreter_builder
        builder.set_grid_dim(*sizes)
        for program in programs(sizes):
            builder.set_grid_idx(*program)
            try:
                fn(**bound)
            except Exception as e:
                raise LaunchError(f"kernel {kernel.__name__}, program {program}: {e}") from e


assert triton.__version__  # what the contract test names
