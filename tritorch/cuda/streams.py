"""Streams and events: the order of work on a device."""

from .. import _C
from ..runtime.gpu import current, index_of, ordinal

__all__ = ["Event", "Stream", "StreamContext", "current_stream", "default_stream", "set_stream", "stream"]


class Stream:
    """A queue of work on a device: what is enqueued on one stream runs in order, on several in any order.

    Args:
        device: where; None is the current device.
        priority: lower runs first; 0 or -1.

    Attributes:
        cuda_stream: the driver's handle, an int.

    Raises:
        RuntimeError: if there is no such device.

    Example:
        >>> import tritorch
        >>> if tritorch.cuda.is_available():
        ...     side = tritorch.cuda.Stream()
        ...     with tritorch.cuda.stream(side):
        ...         x = tritorch.ones(3, device="cuda")
        ...     tritorch.cuda.current_stream().wait_stream(side)
    """

    __slots__ = ("__weakref__", "cuda_stream", "device")

    def __new__(cls, device=None, priority=0, *, stream_ptr=None):
        self = object.__new__(cls)
        self.device = index_of(ordinal(device, "Stream"))
        self.cuda_stream = _C.stream_new(self.device.index, priority) if stream_ptr is None else stream_ptr
        return self

    @property
    def priority(self):
        """Its priority."""
        return _C.stream_priority(self.device.index, self.cuda_stream)

    def query(self):
        """Whether all work enqueued so far is done."""
        return _C.stream_query(self.device.index, self.cuda_stream)

    def synchronize(self):
        """Waits until all work enqueued so far is done."""
        _C.stream_synchronize(self.device.index, self.cuda_stream)

    def wait_event(self, event):
        """Makes later work wait for the event."""
        event.wait(self)

    def wait_stream(self, stream):
        """Makes later work wait for what is now enqueued on ``stream``."""
        self.wait_event(stream.record_event())

    def record_event(self, event=None):
        """Marks this moment of the stream with an event, a new one unless given."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def __eq__(self, other):
        return isinstance(other, Stream) and (self.device, self.cuda_stream) == (other.device, other.cuda_stream)

    def __hash__(self):
        return hash((self.device, self.cuda_stream))

    def __repr__(self):
        return f"<tritorch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class Event:
    """A moment in a stream: others can wait for it, and two of them tell the time between.

    Args:
        enable_timing: whether :meth:`elapsed_time` may be asked.
        blocking: whether :meth:`synchronize` sleeps rather than spins.
        interprocess: whether another process may wait for it.

    Example:
        >>> import tritorch
        >>> if tritorch.cuda.is_available():
        ...     done = tritorch.cuda.Event()
        ...     done.record()
        ...     done.synchronize()
    """

    __slots__ = ("__weakref__", "_flags", "_handle", "device")

    def __init__(self, enable_timing=False, blocking=False, interprocess=False):
        self._flags = blocking * 1 | (not enable_timing) * 2 | interprocess * 4
        self._handle, self.device = None, None

    def record(self, stream=None):
        """Marks this moment of ``stream`` (None: the current one)."""
        stream = current_stream() if stream is None else stream
        if self._handle is None:
            self._handle, self.device = _C.event_new(stream.device.index, self._flags), stream.device
        _C.event_record(self.device.index, self._handle, stream.cuda_stream)

    def wait(self, stream=None):
        """Makes later work of ``stream`` (None: the current one) wait for it. One never recorded is past."""
        if self._handle is not None:
            stream = current_stream() if stream is None else stream
            _C.stream_wait_event(stream.device.index, stream.cuda_stream, self._handle)

    def query(self):
        """Whether the work before it is done."""
        return self._handle is None or _C.event_query(self._handle)

    def synchronize(self):
        """Waits until the work before it is done."""
        if self._handle is not None:
            _C.event_synchronize(self._handle)

    def elapsed_time(self, end_event):
        """Milliseconds from this event to ``end_event``.

        Raises:
            RuntimeError: if either was not recorded, or was made without ``enable_timing``.
        """
        if self._handle is None or end_event._handle is None:
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        if self._flags & 2 or end_event._flags & 2:
            raise RuntimeError("Both events must be created with argument 'enable_timing=True'.")
        return _C.event_elapsed(self._handle, end_event._handle)

    def __del__(self):
        handle = getattr(self, "_handle", None)
        if handle is not None:
            _C.event_destroy(handle)

    def __repr__(self):
        return (
            "<tritorch.cuda.Event uninitialized>"
            if self._handle is None
            else f"<tritorch.cuda.Event {self._handle:#x}>"
        )


def current_stream(device=None):
    """The stream that this thread enqueues on, of ``device`` (None: the current one)."""
    index = ordinal(device, "current_stream")
    return Stream(index, stream_ptr=_C.stream_current(index))


def default_stream(device=None):
    """The stream that is current unless another is set."""
    return Stream(current("default_stream") if device is None else device, stream_ptr=0)


def set_stream(stream):
    """Makes ``stream`` this thread's current one of its device; None does nothing."""
    if stream is not None:
        _C.stream_set(stream.device.index, stream.cuda_stream)


class StreamContext:
    """Makes a stream, and its device, current for a block."""

    def __init__(self, stream):
        self.stream = stream
        self._before = None

    def __enter__(self):
        if self.stream is not None:
            self._before = _C.current_device(), current_stream(self.stream.device)
            _C.set_current_device(self.stream.device.index)
            set_stream(self.stream)

    def __exit__(self, *exception):
        if self._before is not None:
            index, before = self._before
            set_stream(before)
            _C.set_current_device(index)


def stream(stream):
    """``with stream(s):`` makes ``s`` the current stream for a block; None changes nothing."""
    return StreamContext(stream)
