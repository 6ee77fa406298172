"""Large arrays in pieces: cache-sized blocks, on the cores there are.

Note [Blocks]: a formula of several NumPy passes over a large array reads memory once a pass; over a block that
fits the cache it reads memory once. NumPy releases the GIL inside its loops, so that blocks run in threads.
"""

import importlib
import os
from typing import Any

import numpy as np

from .. import _C

LARGE = 1 << 20  # bytes of a result from which cutting it up pays
BLOCK = 1 << 18  # bytes of one operand's block: some of them fit the second-level cache

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_pool: Any = None  # a ThreadPoolExecutor, once it is needed


def get_num_threads() -> int:
    """How many threads large operators use on the CPU."""
    return _threads


def set_num_threads(number: int) -> None:
    """Sets how many threads large operators use on the CPU.

    Raises:
        RuntimeError: if it is not positive.
    """
    global _threads, _pool
    if number < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    _threads, _pool = int(number), None


def _forget_pool() -> None:
    global _pool
    _pool = None  # its threads did not survive the fork


os.register_at_fork(after_in_child=_forget_pool)


def spread(task, pieces):
    """Runs ``task(piece)`` for each piece on the threads there are; the first exception is raised."""
    global _pool
    if _threads == 1 or len(pieces) == 1:
        for piece in pieces:
            task(piece)
        return
    if _pool is None:
        futures = importlib.import_module("concurrent.futures")  # here: it brings logging, a tenth of our own import
        _pool = futures.ThreadPoolExecutor(_threads - 1, thread_name_prefix="tritorch-cpu")
    pieces = iter(pieces)

    def work():
        for piece in pieces:  # an iterator of a list: next() is atomic under the GIL
            task(piece)

    waiting = [_pool.submit(_C.run, work) for _ in range(_threads - 1)]
    try:
        work()
    finally:
        for future in waiting:
            future.result()


def cuts(length, item_bytes, block=BLOCK):
    """Slices that cut ``length`` items of ``item_bytes`` each into blocks."""
    step = max(1, block // max(1, item_bytes))
    return [slice(i, min(i + step, length)) for i in range(0, length, step)]


def pointwise(formula, arrays, plain, shape, dtype, ufunc=None, out=None):
    """``formula(*blocks, *plain)`` block by block into ``out``, or a new array of ``shape`` and ``dtype``.

    ``ufunc``, where it is given, is the formula and can write its result itself.
    """
    if out is None:
        out = np.empty(shape, dtype)
    if all(a.ndim == 0 or (a.shape == shape and a.flags.c_contiguous) for a in arrays):
        flat = [a if a.ndim == 0 else a.reshape(-1) for a in arrays]
        target = out.reshape(-1)
    else:
        flat = [a if a.ndim == 0 else np.broadcast_to(a, shape) for a in arrays]
        target = out
    row = target.nbytes // target.shape[0]

    def block(cut):
        pieces = [a if a.ndim == 0 else a[cut] for a in flat]
        if ufunc is not None:
            ufunc(*pieces, out=target[cut])
        else:
            target[cut] = formula(*pieces, *plain)

    spread(block, cuts(target.shape[0], row))
    return out


def rows(formula, array, plain, dtype=None):
    """``formula(rows_block, *plain)`` over blocks of the rows of a (rows, n) array, results stacked."""
    if array.nbytes <= LARGE:
        return formula(array, *plain)
    pieces = cuts(array.shape[0], array.nbytes // array.shape[0])
    parts: list = [None] * len(pieces)

    def block(i):
        parts[i] = formula(array[pieces[i]], *plain)

    spread(block, range(len(pieces)))
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(p) for p in zip(*parts, strict=True))
    return np.concatenate(parts)
