"""Collectives, for a group of one process: a program written for many runs unchanged as one.

``init_process_group`` accepts a world of one; every collective then does what it does to one process's data. More
processes are refused with an error, never ignored.
"""

import os
from enum import Enum

__all__ = [
    "ReduceOp",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
    "new_group",
    "reduce",
    "reduce_scatter",
    "scatter",
]


class ReduceOp(Enum):
    """What a reduction over processes computes."""

    SUM, PRODUCT, MIN, MAX, AVG, BAND, BOR, BXOR = range(8)


class _Group:
    """The one process group, and its backend's name once it is initialised."""

    WORLD = None
    backend = None


group = _Group()


def is_available():
    """True: a world of one process is always available."""
    return True


def is_initialized():
    """Whether :func:`init_process_group` has been called."""
    return group.backend is not None


def init_process_group(backend="gloo", init_method=None, timeout=None, world_size=-1, rank=-1, **options):
    """Starts a world of one process.

    Raises:
        RuntimeError: for more processes, or if it is started already.
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    size = int(os.environ.get("WORLD_SIZE", 1)) if world_size == -1 else int(world_size)
    if size != 1:
        raise RuntimeError(
            f"init_process_group: expected a world of 1 process, got {size}: tritorch has no network yet"
        )
    group.backend = backend or "gloo"


def destroy_process_group(group_=None):
    """Ends the world."""
    group.backend = None


def _check():
    if not is_initialized():
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")


def get_rank(group=None):
    """The number of this process: 0.

    Raises:
        ValueError: before :func:`init_process_group`.
    """
    _check()
    return 0


def get_world_size(group=None):
    """The number of processes: 1.

    Raises:
        ValueError: before :func:`init_process_group`.
    """
    _check()
    return 1


def get_backend(group_=None):
    """The name given to :func:`init_process_group`."""
    _check()
    return group.backend


def new_group(ranks=None, **options):
    """A group of processes: of this one."""
    _check()
    return group


def barrier(group=None, async_op=False, device_ids=None):
    """Waits for all processes."""
    _check()


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """Reduces a tensor over all processes, in place: of one process it is its own sum."""
    _check()


def broadcast(tensor, src=0, group=None, async_op=False):
    """Sends a tensor of process ``src`` to all."""
    _check()
    _check_rank(src)


def reduce(tensor, dst=0, op=ReduceOp.SUM, group=None, async_op=False):
    """Reduces a tensor over all processes into that of process ``dst``."""
    _check()
    _check_rank(dst)


def _check_rank(rank):
    if rank != 0:
        raise ValueError(f"expected rank 0 in a world of 1 process, got {rank}")


def _one(tensors):
    if len(tensors) != 1:
        raise ValueError(f"expected 1 tensor for a world of 1 process, got {len(tensors)}")
    return tensors[0]


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """Collects a tensor of each process into the list of each."""
    _check()
    _one(tensor_list).copy_(tensor)


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """Collects a tensor of each process into one tensor."""
    _check()
    output_tensor.copy_(input_tensor.reshape(output_tensor.shape))


def gather(tensor, gather_list=None, dst=0, group=None, async_op=False):
    """Collects a tensor of each process into the list of process ``dst``."""
    _check()
    _check_rank(dst)
    _one(gather_list).copy_(tensor)


def scatter(tensor, scatter_list=None, src=0, group=None, async_op=False):
    """Gives each process a tensor of the list of process ``src``."""
    _check()
    _check_rank(src)
    tensor.copy_(_one(scatter_list))


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """Reduces a list of tensors over all processes and gives each one of them."""
    _check()
    output.copy_(_one(input_list))


def all_gather_object(object_list, obj, group=None):
    """Collects an object of each process into the list of each."""
    _check()
    _one(object_list)
    object_list[0] = obj


def broadcast_object_list(object_list, src=0, group=None, device=None):
    """Sends the objects of process ``src`` to all."""
    _check()
    _check_rank(src)
