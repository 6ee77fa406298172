"""Graphs: work that is captured once and replayed with one call.

Note [Captured memory]: a graph replays the addresses of its capture. What is allocated while a stream is captured comes
from a pool of the graph's own, which nobody else is given while the graph lives; graphs with one ``pool`` share it,
which is right for graphs that are replayed in the order of their captures.

Note [Captured random numbers]: a kernel's numbers are fixed when it is captured, and so would be the offset that it
draws from. So under capture kernels read seed and offset from memory of the graph, which each replay sets to where the
generator is then: every replay draws anew, and what the same seed draws without a graph.
"""

import gc
import itertools
import warnings
from typing import Any

from .. import _C
from ..runtime import gpu
from ..runtime.generator import HeldStream, default_generators
from .streams import Stream, StreamContext, current_stream

__all__ = ["CUDAGraph", "graph", "graph_pool_handle", "is_current_stream_capturing"]

_MODES = {"global": 0, "thread_local": 1, "relaxed": 2}
_numbers = itertools.count(1)


def is_current_stream_capturing():
    """Whether work of this thread's current stream is captured into a graph. False where there is no GPU.

    Example:
        >>> import tritorch
        >>> tritorch.cuda.is_current_stream_capturing()
        False
    """
    if not gpu.is_used():
        return False
    index = _C.current_device()
    return _C.capture_status(index, _C.stream_current(index)) != 0


def graph_pool_handle():
    """The name of a new memory pool, for graphs that are to share one: ``graph(g, pool=handle)``."""
    return (0, next(_numbers))


class CUDAGraph:
    """Work of a device, captured once, and replayed with one call: the same kernels at the same addresses.

    Args:
        keep_graph: keep what was captured after it was made executable, for :meth:`raw_cuda_graph`.

    Example:
        >>> import tritorch
        >>> if tritorch.cuda.is_available():
        ...     x = tritorch.zeros(4, device="cuda")
        ...     g = tritorch.cuda.CUDAGraph()
        ...     with tritorch.cuda.graph(g):
        ...         y = x * 2
        ...     _ = x.fill_(3)
        ...     g.replay()  # y is 6 now
    """

    def __init__(self, keep_graph=False):
        self._keep = keep_graph
        self._graph: Any = None  # the driver's handles
        self._executable: Any = None
        self._pool: tuple[int, int] | None = None
        self._device: int = -1
        self._stream: Stream | None = None  # while it is captured
        self._captured = False
        self._generators: list[Any] = []
        self._held: list[HeldStream] = []

    def register_generator_state(self, generator):
        """Lets the capture draw from ``generator``; the device's default one needs no word.

        Raises:
            RuntimeError: for a generator of the CPU.
        """
        if generator.device.type != "cuda":
            raise RuntimeError(f"register_generator_state: expected a generator of cuda, got one of {generator.device}")
        self._generators.append(generator)

    def capture_begin(self, pool=None, capture_error_mode="global"):
        """Begins to capture the work of the current stream; :class:`graph` calls it.

        Args:
            pool: of :func:`graph_pool_handle`, or another graph's :meth:`pool`: memory to share.
            capture_error_mode: "global", "thread_local" or "relaxed": whose calls may spoil the capture.

        Raises:
            RuntimeError: on the default stream, and where a graph was captured already.
        """
        if self._captured or self._stream is not None:
            raise RuntimeError(
                "This CUDAGraph instance already owns a captured graph. To capture a new graph, create a new instance."
            )
        if capture_error_mode not in _MODES:
            raise RuntimeError(
                "Unknown capture error mode. Expected `global`, `thread_local`, or `relaxed`, got " + capture_error_mode
            )
        stream = current_stream()
        if stream.cuda_stream == 0:
            raise RuntimeError(
                "CUDA graphs must be captured on a non-default stream. (However, after capture, it's ok to replay "
                "them on the default stream.)"
            )
        self._device = stream.device.index
        registered = [default_generators()[self._device], *self._generators]
        pool = graph_pool_handle() if pool is None else tuple(pool)
        held = [HeldStream(generator) for generator in dict.fromkeys(registered)]
        _C.memory_pool_begin(self._device, *pool)
        self._pool = pool
        try:
            _C.capture_begin(self._device, stream.cuda_stream, _MODES[capture_error_mode])
        except BaseException:
            self._leave_pool()
            raise
        self._stream, self._held = stream, held
        for one in held:
            one.begin()

    def _leave_pool(self):
        _C.memory_pool_end(self._device, *self.pool())
        self.reset()

    def capture_end(self):
        """Ends the capture, on the stream that it began on.

        Raises:
            RuntimeError: if what was captured is no graph: a call that waits for the device was in it, or a stream that
                was not joined.
        """
        stream = self._stream
        if stream is None:
            raise RuntimeError("capture_end: expected a capture that was begun")
        self._stream = None
        for one in self._held:
            one.end()
        try:
            self._graph = _C.capture_end(self._device, current_stream(self._device).cuda_stream)
            empty = _C.graph_nodes(self._graph) == 0
        except BaseException:
            self._leave_pool()
            raise
        _C.memory_pool_end(self._device, *self.pool())
        self._captured = True
        if empty:
            warnings.warn(
                "The CUDA Graph is empty. This usually means that the graph was attempted to be captured on wrong "
                "device or stream.",
                stacklevel=2,
            )
        if not self._keep:
            self.instantiate()

    def instantiate(self):
        """Makes it executable. Nothing needs it: the end of the capture does, or the first replay.

        Raises:
            RuntimeError: if nothing was captured.
        """
        if self._graph is None:
            raise RuntimeError("Called CUDAGraph::instantiate without a preceding successful capture.")
        if self._executable is not None:
            _C.graph_exec_destroy(self._executable)
            self._executable = None
        self._executable = _C.graph_instantiate(self._graph)
        if not self._keep:
            _C.graph_destroy(self._graph)
            self._graph = None

    def replay(self):
        """Does the work again, on the current stream.

        Raises:
            RuntimeError: if nothing was captured.
        """
        if not self._captured:
            raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
        if self._executable is None:
            self.instantiate()
        executable: Any = self._executable
        for one in self._held:
            one.move_on()
        _C.graph_launch(self._device, executable, None)

    def reset(self):
        """Forgets the graph; its memory is free for others, when the tensors in it are gone."""
        for name, destroy in (("_graph", _C.graph_destroy), ("_executable", _C.graph_exec_destroy)):
            handle = getattr(self, name)
            setattr(self, name, None)
            if handle is not None:
                destroy(handle)
        pool, self._pool = self._pool, None
        self._captured, self._held = False, []
        if pool is not None:
            _C.memory_pool_release(self._device, *pool)

    def pool(self):
        """The name of its memory pool, for others to share.

        Raises:
            RuntimeError: if nothing was captured.
        """
        if self._pool is None:
            raise RuntimeError("Called CUDAGraph::pool() without a preceding successful capture.")
        return self._pool

    def raw_cuda_graph(self):
        """The driver's handle of what was captured, an int.

        Raises:
            RuntimeError: unless the graph was made with ``keep_graph=True``, and captured.
        """
        if self._graph is None:
            raise RuntimeError("You cannot access the raw cudaGraph_t instance unless CUDAGraph was initialized with "
                               "keep_graph=true")  # fmt: skip
        return self._graph

    def __del__(self):
        if getattr(self, "_pool", None) is not None and self._stream is None:
            self.reset()


class graph:  # named as torch names it
    """``with graph(g):`` captures the block's work into ``g``, on a side stream; nothing runs until ``g.replay()``.

    Args:
        cuda_graph: a :class:`CUDAGraph`.
        pool: memory to share, see :meth:`CUDAGraph.capture_begin`.
        stream: the stream to capture on; None is one that all captures share.
        capture_error_mode: see :meth:`CUDAGraph.capture_begin`.
    """

    default_capture_stream: Stream | None = None

    def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
        if stream is None:
            if graph.default_capture_stream is None:
                graph.default_capture_stream = Stream()
            stream = graph.default_capture_stream
        self.cuda_graph, self.pool, self.capture_stream = cuda_graph, pool, stream
        self.stream_ctx = StreamContext(stream)
        self.capture_error_mode = capture_error_mode

    def __enter__(self):
        _C.device_synchronize(self.capture_stream.device.index)
        gc.collect()  # a tensor that dies in the capture may have memory that only the device's free gives back
        _C.memory_empty_cache()
        self.stream_ctx.__enter__()
        try:
            self.cuda_graph.capture_begin(self.pool, self.capture_error_mode)
        except BaseException:
            self.stream_ctx.__exit__()
            raise

    def __exit__(self, *exception):
        try:
            self.cuda_graph.capture_end()
        finally:
            self.stream_ctx.__exit__(*exception)
