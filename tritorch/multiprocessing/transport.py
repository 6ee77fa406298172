"""Messages between a loader and its workers: pickles over a socket, with their arrays in shared memory.

Note [A message]: a header of fixed size, which says what the message is about and carries the file descriptors, then
the payload: a table of the
buffers, the pickle, and the small buffers. Buffers come out of the pickle by protocol 5, so neither arrays nor
tensors are ever in it. A large buffer is a block of shared memory of its own, which the receiver maps and whose
descriptor it closes: freeing one tensor of a batch frees its memory. Small ones are copied out, since a mapping costs
more than the copy. A payload that does not fit a socket's buffer goes through a block too.
"""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import select
import socket
import struct
import weakref
from collections import ChainMap
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from .. import _api as tt
from ..nn.parameter import Parameter
from ..runtime import shared_memory
from .reductions import as_kind, check_leaf

LARGE = 256 * 1024  # bytes from which a buffer gets a block of its own
INLINE = 8 * 1024  # bytes of payload that go through the socket itself
MAX_FDS = 128  # the kernel takes 253 a message

_HEADER = struct.Struct("<qqQQ")  # the tag, bytes of payload, number of descriptors; the payload may be in the last
_IN_BLOCK = 1 << 63
Tag = tuple[int, int]
_open_ends: weakref.WeakSet[Channel] = weakref.WeakSet()


class Channel:
    """One end of a connection to another process. A thread uses it at a time.

    The end is closed in children forked from this process, so that "the other side is gone" is noticed at once.

    Args:
        connection: an end of ``multiprocessing.Pipe(duplex=True)``; the channel takes it over.
    """

    def __init__(self, connection: Connection):
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        connection.close()
        _open_ends.add(self)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, tag: Tag, message: Any, while_full: Callable[[], None] | None = None) -> None:
        """Sends an object; blocks while the other side does not read.

        Args:
            tag: two numbers, which arrive whatever becomes of the object.
            message: anything that pickles. CPU tensors in it must be leaves, or not require grad.
            while_full: called, instead of blocking, whenever there is something to read while there is no room to
                write, so that two sides that both write cannot wait for each other; it must receive.

        Raises:
            OSError: the other side is gone.
            RuntimeError: there is no shared memory left.
            Exception: what pickling raises, before anything is sent.
        """
        payload, blocks = _encode(message)
        size = len(payload)
        if size > INLINE:
            blocks.append(shared_memory.block_of_bytes(memoryview(payload)))
            size, payload = size | _IN_BLOCK, b""
        if while_full is not None:
            self._wait_for_room(while_full)
        descriptors = [block.fd for block in blocks]
        socket.send_fds(self._socket, [_HEADER.pack(*tag, size, len(blocks))], descriptors)
        if payload:
            self._socket.sendall(payload)

    def _wait_for_room(self, while_full: Callable[[], None]) -> None:
        poller = select.poll()
        poller.register(self._socket, select.POLLIN | select.POLLOUT)
        while not (event := poller.poll()[0][1]) & select.POLLOUT:
            if not event & select.POLLIN:
                raise BrokenPipeError("the other side of the channel is gone")
            while_full()

    def recv(self) -> tuple[Tag, Callable[[], Any]]:
        """The next message: its tag, and what makes the object when it is called. Blocks until there is one.

        Making the object may raise what unpickling raises; the channel can be used on.

        Raises:
            EOFError: the other side is gone.
            RuntimeError: this process may open no more files.
        """
        head, descriptors = self._recv_header()
        blocks = []
        try:
            epoch, number, size, count = _HEADER.unpack(head)
            if count > len(descriptors):
                raise RuntimeError(
                    "Too many open files. Communication with the workers is no longer possible. "
                    "Please increase the limit using `ulimit -n` in the shell"
                )
            while descriptors:
                fd = descriptors.pop(0)
                blocks.append(shared_memory.SharedBlock(fd, os.fstat(fd).st_size, keep_fd=False))
        finally:
            for fd in descriptors:
                os.close(fd)
        payload = np.asarray(blocks.pop()).data if size & _IN_BLOCK else self._recv_exactly(size)
        return (epoch, number), lambda: _decode(payload, blocks)

    def _recv_header(self) -> tuple[bytes, list[int]]:
        head, descriptors, _, _ = socket.recv_fds(self._socket, _HEADER.size, MAX_FDS, socket.MSG_CMSG_CLOEXEC)
        if len(head) < _HEADER.size:
            for fd in descriptors:
                os.close(fd)
            raise EOFError("the other side of the channel is gone")
        return head, descriptors

    def _recv_exactly(self, size: int) -> memoryview:
        data = memoryview(bytearray(size))
        filled = 0
        while filled < size:
            got = self._socket.recv_into(data[filled:])
            if not got:
                raise EOFError("the other side of the channel is gone")
            filled += got
        return data


def _close_inherited_ends() -> None:
    for channel in list(_open_ends):
        channel.close()


os.register_at_fork(after_in_child=_close_inherited_ends)


def _encode(message: Any) -> tuple[bytearray, list[shared_memory.SharedBlock]]:
    """The payload, and the blocks of the large buffers in order."""
    buffers: list[pickle.PickleBuffer] = []
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, protocol=5, buffer_callback=buffers.append)
    pickler.dispatch_table = ChainMap(_reducers, copyreg.dispatch_table)
    pickler.dump(message)

    blocks: list[shared_memory.SharedBlock] = []
    small: list[memoryview] = []
    table: list[int] = [stream.tell(), len(buffers)]
    for buffer in buffers:
        raw = buffer.raw()
        large = raw.nbytes >= LARGE and len(blocks) < MAX_FDS - 1
        table.append(-1 if large else raw.nbytes)
        if large:
            blocks.append(_own_block(buffer, raw))
        else:
            small.append(raw)
    payload = bytearray(struct.pack(f"<{len(table)}q", *table))
    payload += stream.getbuffer()
    for raw in small:
        payload += raw
    return payload, blocks


def _own_block(buffer: pickle.PickleBuffer, raw: memoryview) -> shared_memory.SharedBlock:
    """The block that a buffer fills already, or a new one with its bytes."""
    array = memoryview(buffer).obj
    block = shared_memory.block_of(array) if isinstance(array, np.ndarray) else None
    if block is not None and block.fd >= 0 and block.nbytes == raw.nbytes:
        return block
    return shared_memory.block_of_bytes(raw)


def _decode(payload: memoryview, blocks: list[shared_memory.SharedBlock]) -> Any:
    pickled, count = struct.unpack_from("<2q", payload)
    sizes = struct.unpack_from(f"<{count}q", payload, 16)
    start = 16 + 8 * count
    skeleton, position = payload[start : start + pickled], start + pickled
    large = iter(blocks)
    buffers: list[Any] = []
    for size in sizes:
        if size < 0:
            buffers.append(np.asarray(next(large)))
        else:
            buffers.append(bytearray(payload[position : position + size]))
            position += size
    return pickle.loads(skeleton, buffers=buffers)


def _reduce_tensor(tensor: tt.Tensor) -> tuple[Any, ...]:
    check_leaf(tensor)
    array = tensor._array
    order = np.argsort([-stride for stride in array.strides], kind="stable").tolist()
    dense = np.ascontiguousarray(array.transpose(order)) if array.ndim else array
    axes = None if order == sorted(order) else np.argsort(order).tolist()
    return _rebuild_tensor, (dense, axes, type(tensor), tensor.requires_grad)


def _rebuild_tensor(array: np.ndarray, axes: list[int] | None, kind: type, requires_grad: bool) -> tt.Tensor:
    return as_kind(array if axes is None else array.transpose(axes), kind, requires_grad)


_reducers: dict[type, Callable[[Any], Any]] = {tt.Tensor: _reduce_tensor, Parameter: _reduce_tensor}
