"""The generator of random numbers: a seed and an offset into its Philox stream.

Note [Random streams]: what each element of a fill gets is fixed by seed and offset (Note [Philox stream] in
``csrc/random``), never by the number of threads or the device. A draw takes its blocks under the generator's
lock and moves the offset on, so that no block is used twice.
"""

import os
import threading

import numpy as np

from .. import _C
from . import gpu
from .blocks import LARGE, get_num_threads
from .device import device as Device

DEFAULT_SEED = 67280421310721  # torch's own
STATE_BYTES = 24  # a tag, the seed, the offset; 8 bytes each, little-endian
_TAG = int.from_bytes(b"philox10", "little")


class Generator:
    """A stream of random numbers: ``Generator().manual_seed(0)`` handed to an operator as ``generator=``.

    Args:
        device: where the operators that draw from it run, "cpu" or "cuda". A seed gives the same numbers on both.

    Raises:
        RuntimeError: if the device is not there.

    Example:
        >>> import tritorch
        >>> g = tritorch.Generator().manual_seed(7)
        >>> bool((tritorch.rand(3, generator=g) == tritorch.rand(3, generator=g)).all())
        False
    """

    __slots__ = ("_lock", "_offset", "_seed", "device", "held")

    def __init__(self, device="cpu"):
        self.device = gpu.available(Device(device), "Generator")
        self._seed, self._offset, self._lock = DEFAULT_SEED, 0, threading.Lock()
        self.held: HeldStream | None = None  # while a graph is captured that draws from it

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
        if new_state.is_cuda:
            raise TypeError("RNG state must be a tritorch.ByteTensor in host memory")
        self.set_state_bytes(new_state._array)

    def get_offset(self):
        """How many blocks of the stream are used up."""
        return self._offset

    def set_offset(self, offset):
        """Moves to a block of the stream."""
        self._offset = int(offset)

    def clone_state(self):
        """A new generator that goes on from here on its own."""
        return _restore(self.state_bytes(), str(self.device))

    def __reduce__(self):
        return _restore, (self.state_bytes(), str(self.device))

    def __repr__(self):
        return f"<tritorch.Generator device={self.device} seed={self._seed} offset={self._offset}>"

    def fill(self, filler, array, *args):
        """``filler(array, seed, offset, *args, threads)`` on this stream; returns the array."""
        threads = get_num_threads() if array.nbytes > LARGE else 1
        with self._lock:
            self._offset += filler(array, self._seed, self._offset, *args, threads)
        return array

    def take(self, blocks):
        """(seed, offset) of the next ``blocks`` blocks, which are used up by that."""
        if HeldStream.captures:
            self._refuse_capture()
        with self._lock:
            offset = self._offset
            self._offset = (offset + blocks) % (1 << 64)
            return self._seed, offset

    def _refuse_capture(self):
        index = self.device.index
        if index is not None and _C.capture_status(index, _C.stream_current(index)):
            raise RuntimeError(
                "random numbers under capture: expected a generator that the graph knows "
                "(CUDAGraph.register_generator_state), got another"
            )


class HeldStream:
    """A generator's stream as a graph draws from it: the place that kernels read seed and offset from.

    See Note [Captured random numbers] in ``tritorch/cuda/graphs.py``.

    Attributes:
        place: [seed, offset] on the device.
        used: how many blocks the captured kernels use up.
    """

    captures = 0  # under way

    def __init__(self, generator):
        self.generator, self.used = generator, 0
        self.place = _C.device_empty((2,), np.dtype(np.uint64), generator.device.index)
        # Replays may come on any stream: whatever was done with this memory on this one is over.
        _C.stream_synchronize(generator.device.index, _C.stream_current(generator.device.index))

    def begin(self):
        """From now on kernels of captured streams draw from here."""
        self.generator.held = self
        HeldStream.captures += 1

    def end(self):
        """The capture is over."""
        self.generator.held = None
        HeldStream.captures -= 1

    def take(self, blocks):
        """(place, offset beyond the one that is there) of the next ``blocks`` blocks."""
        offset = self.used
        self.used += blocks
        return self.place, offset

    def move_on(self):
        """Sets the place to where the generator is, which uses up what a replay does."""
        if self.used:
            _C.memory_of(self.place).record_stream(_C.stream_current(self.generator.device.index))
            now = np.array(self.generator.take(self.used), np.uint64)
            _C.copy_to_device(self.place, now, None, True)  # pageable: the bytes are taken at once


def _restore(state, device="cpu"):
    made = Generator(device)
    made.set_state_bytes(state)
    return made


default_generator = Generator()
_on_gpus: list[Generator] = []  # the default generator of each GPU, from the first time one is asked for
_lock = threading.Lock()
_first_seed = DEFAULT_SEED  # what those start with that are made later


def default_generators():
    """The default generators of all GPUs, in their order."""
    with _lock:
        for index in range(len(_on_gpus), gpu.count()):
            _on_gpus.append(Generator(f"cuda:{index}").manual_seed(_first_seed))
        return tuple(_on_gpus)


def seed_gpus(seed):
    """Seeds the default generators of all GPUs, those that are not made yet too."""
    global _first_seed
    with _lock:
        _first_seed = seed
        for generator in _on_gpus:
            generator.manual_seed(seed)


def snapshot():
    """The states of all default generators, for :func:`restore`. It does not look for GPUs that no one has used."""
    with _lock:
        return _first_seed, [(made, made.state_bytes()) for made in (default_generator, *_on_gpus)]


def restore(states):
    """Takes all default generators back to where :func:`snapshot` found them, those made since to their beginning."""
    global _first_seed
    with _lock:
        _first_seed, found = states
        for generator in _on_gpus:
            generator.manual_seed(_first_seed)
        for generator, state in found:
            generator.set_state_bytes(state)


def chosen(generator, index=None):
    """The generator an operator draws from, on the CPU or the GPU of that index: the one it is given, or the default.

    Raises:
        TypeError: if it is given something else.
        RuntimeError: if it is given a generator of another kind of device.
    """
    if generator is None:
        return default_generator if index is None else default_generators()[index]
    if not isinstance(generator, Generator):
        raise TypeError(f"expected a Generator, got {type(generator).__name__}")
    kind = "cpu" if index is None else "cuda"
    if generator.device.type != kind:
        raise RuntimeError(f"Expected a '{kind}' device type for generator but found '{generator.device.type}'")
    return generator
