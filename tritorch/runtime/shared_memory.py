"""Anonymous memory that several processes see: what shared tensors and the batches of workers live in.

Floor 4. A block is a file without a name (``memfd_create``), known only by its descriptor: the kernel counts who has
it mapped or open and frees it with the last, however processes end, so nothing can be left behind and ``/dev/shm``,
small in containers, is not used. Pages are reserved when the block is made: memory that is not there is an error
at that point, and not a SIGBUS at the first write.
"""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any

import numpy as np

_READ_WRITE, _SHARED, _FAILED = 0x1 | 0x2, 0x1, ctypes.c_void_p(-1).value
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class SharedBlock:
    """A mapping of shared memory; NumPy sees it as an array of bytes, and it is unmapped when its last array is gone.

    Unlike ``mmap.mmap`` it can live without its descriptor (:attr:`fd` is then -1), so that a program may keep more
    blocks than the limit on open files.

    Args:
        fd: descriptor of the memory; the block owns it from here on, also if the constructor raises.
        nbytes: how much of it to map.
        keep_fd: whether the block may be sent on to other processes, which needs the descriptor.

    Raises:
        RuntimeError: if the memory cannot be mapped.
    """

    __slots__ = ("__weakref__", "address", "fd", "nbytes")

    def __init__(self, fd: int, nbytes: int, keep_fd: bool = True):
        self.address, self.fd, self.nbytes = 0, fd, nbytes
        if nbytes:
            address = _libc.mmap(None, nbytes, _READ_WRITE, _SHARED, fd, 0)
            if address == _FAILED:
                raise _cannot("map", nbytes, ctypes.get_errno())
            self.address = address
        if not keep_fd:
            self.close()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"version": 3, "typestr": "|u1", "shape": (self.nbytes,), "data": (self.address, False)}

    def close(self) -> None:
        """Closes the descriptor; the memory stays mapped."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        if self.address:
            _libc.munmap(self.address, self.nbytes)
        self.close()


def _cannot(what: str, nbytes: int, errno: int) -> RuntimeError:
    return RuntimeError(f"unable to {what} {nbytes} bytes of shared memory: {os.strerror(errno)} ({errno})")


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("tritorch", os.MFD_CLOEXEC)
    # not Linux: a file whose name is gone before anything is in it
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"tritorch-{os.getpid()}-{time.monotonic_ns()}")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    return fd


def new_block(nbytes: int) -> SharedBlock:
    """A fresh block of zeros.

    Raises:
        RuntimeError: if there is no memory, or no file descriptor, left for it.
    """
    fd = -1
    try:
        fd = _anonymous_file()
        if nbytes and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, nbytes)
        else:
            os.ftruncate(fd, nbytes)
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        raise _cannot("allocate", nbytes, error.errno or 0) from None
    return SharedBlock(fd, nbytes)


def block_of_bytes(data: memoryview) -> SharedBlock:
    """A block with these bytes in it. They are written to the file, which costs half of what faulting pages in does.

    Raises:
        RuntimeError: as :func:`new_block`.
    """
    fd, written = -1, 0
    try:
        fd = _anonymous_file()
        while written < data.nbytes:
            written += os.write(fd, data[written:])
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        raise _cannot("allocate", data.nbytes, error.errno or 0) from None
    return SharedBlock(fd, data.nbytes)


def window(block: SharedBlock, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array on a part of a block; strides and offset are in bytes."""
    return np.ndarray(shape, dtype, np.asarray(block), offset, strides)


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """A contiguous array of zeros in a block of its own."""
    dtype = np.dtype(dtype)
    block = new_block(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
    return np.asarray(block).view(dtype).reshape(shape)


def copy(array: np.ndarray) -> np.ndarray:
    """A dense copy of an array in a block of its own, with the same order of strides."""
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    shared = empty(tuple(array.shape[axis] for axis in order), array.dtype)
    shared = shared.transpose(np.argsort(order)) if order else shared
    shared[...] = array
    return shared


def block_of(array: np.ndarray) -> SharedBlock | None:
    """The shared block that an array lies in, or None."""
    owner: Any = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    return owner if isinstance(owner, SharedBlock) else None
