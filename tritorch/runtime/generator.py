"""The generator of random numbers: a seed and an offset into its Philox stream.

Note [Random streams]: what each element of a fill gets is fixed by seed and offset (Note [Philox stream] in
``csrc/random``), never by the number of threads or the device. A draw takes its blocks under the generator's
lock and moves the offset on, so that no block is used twice.
"""

import os
import threading

import numpy as np

from .. import _C
from .blocks import LARGE, get_num_threads
from .device import cpu
from .device import device as Device

DEFAULT_SEED = 67280421310721  # torch's own
STATE_BYTES = 24  # a tag, the seed, the offset; 8 bytes each, little-endian
_TAG = int.from_bytes(b"philox10", "little")


class Generator:
    """A stream of random numbers: ``Generator().manual_seed(0)`` handed to an operator as ``generator=``.

    Example:
        >>> import tritorch
        >>> g = tritorch.Generator().manual_seed(7)
        >>> bool((tritorch.rand(3, generator=g) == tritorch.rand(3, generator=g)).all())
        False
    """

    __slots__ = ("_lock", "_offset", "_seed", "device")

    def __init__(self, device="cpu"):
        self.device = Device(device)
        if self.device is not cpu:
            raise RuntimeError(f"Generator: expected device cpu, got {self.device}: this version runs on the CPU alone")
        self._seed, self._offset, self._lock = DEFAULT_SEED, 0, threading.Lock()

    def manual_seed(self, seed):
        """Restarts the stream of ``seed``, an integer in [-2**63, 2**64); returns itself.

        Raises:
            RuntimeError: ``Overflow when unpacking long long`` outside of that range.
        """
        seed = int(seed)
        if not -(1 << 63) <= seed < 1 << 64:
            raise RuntimeError("Overflow when unpacking long long")
        with self._lock:
            self._seed, self._offset = seed % (1 << 64), 0
        return self

    def seed(self):
        """Restarts with a seed from the operating system; returns it."""
        seed = int.from_bytes(os.urandom(7), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self):
        """The seed the stream started from."""
        return self._seed

    def state_bytes(self):
        """The state as a uint8 array."""
        with self._lock:
            return np.array([_TAG, self._seed, self._offset], "<u8").view(np.uint8).copy()

    def set_state_bytes(self, state):
        """Takes up the state of a uint8 array.

        Raises:
            TypeError: if it is none.
            RuntimeError: if it is no state of this generator.
        """
        if state.dtype != np.uint8:
            raise TypeError("expected a tritorch.ByteTensor, but got another type of tensor")
        if state.size != STATE_BYTES:
            raise RuntimeError(f"RNG state is wrong size: expected {STATE_BYTES} bytes, got {state.size}")
        tag, seed, offset = np.ascontiguousarray(state).view("<u8").tolist()
        if tag != _TAG:
            raise RuntimeError("RNG state: expected the state of a Philox generator, got something else")
        with self._lock:
            self._seed, self._offset = seed, offset

    def get_state(self):
        """The state, a uint8 tensor that :meth:`set_state` takes."""
        return _C.wrap(self.state_bytes())

    def set_state(self, new_state):
        """Goes on from a state that :meth:`get_state` gave."""
        if not isinstance(new_state, _C.TensorBase):
            raise TypeError(f"expected a tritorch.ByteTensor, but got {type(new_state).__name__}")
        self.set_state_bytes(new_state._array)

    def get_offset(self):
        """How many blocks of the stream are used up."""
        return self._offset

    def set_offset(self, offset):
        """Moves to a block of the stream."""
        self._offset = int(offset)

    def clone_state(self):
        """A new generator that goes on from here on its own."""
        made = Generator()
        made.set_state_bytes(self.state_bytes())
        return made

    def __reduce__(self):
        return _restore, (self.state_bytes(),)

    def __repr__(self):
        return f"<tritorch.Generator device={self.device} seed={self._seed} offset={self._offset}>"

    def fill(self, filler, array, *args):
        """``filler(array, seed, offset, *args, threads)`` on this stream; returns the array."""
        threads = get_num_threads() if array.nbytes > LARGE else 1
        with self._lock:
            self._offset += filler(array, self._seed, self._offset, *args, threads)
        return array


def _restore(state):
    made = Generator()
    made.set_state_bytes(state)
    return made


default_generator = Generator()


def chosen(generator):
    """The generator an operator draws from."""
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"expected a Generator, got {type(generator).__name__}")
    return generator
