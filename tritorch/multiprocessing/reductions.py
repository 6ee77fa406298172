"""How a CPU tensor travels between processes: as the descriptor of the shared memory it lies in.

Everything that pickles through :class:`multiprocessing.reduction.ForkingPickler` (queues, pipes, the arguments of
a process) uses these reductions once this module is imported.
"""

from __future__ import annotations

import os
import sys
from multiprocessing.context import get_spawning_popen
from multiprocessing.reduction import DupFd, ForkingPickler
from typing import Any

import numpy as np

from .. import _api as tt
from .._C import wrap
from ..nn.parameter import Parameter
from ..runtime import shared_memory


def check_leaf(tensor: tt.Tensor) -> None:
    """Raises torch's error for a tensor whose history cannot follow it into another process."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor before "
            "serializing (e.g., putting it on the queue)."
        )


def as_kind(array: np.ndarray, kind: type, requires_grad: bool) -> tt.Tensor:
    """A leaf of class :attr:`kind` on an array."""
    return tt.Tensor._make_subclass(kind, wrap(array), requires_grad)


def _shared_array(tensor: tt.Tensor) -> np.ndarray:
    """The tensor's array in shared memory; its own array is moved there if nothing else looks at that memory.

    Note [Moving to shared memory]: torch moves the storage, which all views of it know. Here each tensor has its
    own NumPy array, so a tensor with living views cannot be moved without parting them; it is copied.
    """
    array = tensor._array
    block = shared_memory.block_of(array)
    if block is not None and block.fd >= 0:
        return array
    shared = shared_memory.copy(array)
    if array.base is None and sys.getrefcount(array) <= 3:  # the tensor's, this frame's, the call's
        tensor._array = shared
    return shared


def reduce_tensor(tensor: tt.Tensor) -> tuple[Any, tuple[Any, ...]]:
    """The reduction of a tensor or parameter: ``(function, arguments)``, as ``__reduce__`` gives it.

    Raises:
        RuntimeError: for a tensor that is not a leaf and requires grad, and if there is no memory to share.
    """
    check_leaf(tensor)
    if tensor.is_cuda:
        raise RuntimeError(
            "CUDA error: operation not supported. Sharing a tensor of a GPU with another process is not supported: "
            "send tensor.cpu(), and move it to the GPU there"
        )
    array = _shared_array(tensor)
    block = shared_memory.block_of(array)
    assert block is not None
    child = get_spawning_popen()
    if child is not None:  # the descriptor is handed over when the child starts, after all pickling: keep it until then
        child.__dict__.setdefault("tritorch_blocks", []).append(block)
    offset = array.__array_interface__["data"][0] - block.address if array.size else 0
    geometry = (offset, array.shape, array.strides, array.dtype)
    return _rebuild_tensor, (DupFd(block.fd), block.nbytes, geometry, type(tensor), tensor.requires_grad)


def _rebuild_tensor(handle: Any, nbytes: int, geometry: tuple, kind: type, requires_grad: bool) -> tt.Tensor:
    block = shared_memory.SharedBlock(handle.detach(), nbytes)
    os.set_inheritable(block.fd, False)
    return as_kind(shared_memory.window(block, *geometry), kind, requires_grad)


def init_reductions() -> None:
    """Tells multiprocessing's pickler about tensors."""
    for kind in (tt.Tensor, Parameter):
        ForkingPickler.register(kind, reduce_tensor)
