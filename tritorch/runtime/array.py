"""Arrays on a device: NumPy's shapes, strides and views over memory that the host may not touch.

Note [Device arrays are windows]: a :class:`DeviceArray` is an ``np.ndarray`` whose address is on a device. NumPy
computes its views (slices, transposes, strides) without looking at the memory; whatever would look refuses. Its
``base`` chain ends in the owner of the memory.
"""

import numpy as np

from .. import _C

__all__ = ["DeviceArray", "download", "empty", "result_like", "root_of", "upload"]


def _refuse(name):
    def method(self, *args, **kwargs):
        raise TypeError(f"{name}: expected an array in host memory, got one on a device")

    return method


class DeviceArray(np.ndarray):
    """A strided window on the memory of a device."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        raise TypeError(f"{ufunc.__name__}: expected arrays in host memory, got one on a device")

    def __array_function__(self, function, types, args, kwargs):
        if function in _WINDOWS:
            return super().__array_function__(function, types, args, kwargs)
        raise TypeError(f"{function.__name__}: expected arrays in host memory, got one on a device")

    def __array__(self, *args, **kwargs):
        raise TypeError("can't convert a tensor on a device to numpy: use Tensor.cpu() to copy it to host memory first")

    def reshape(self, *shape, **options):
        """Another shape of the same memory, or ValueError: nothing is copied."""
        return super().reshape(*shape, copy=False, **options)

    def __getitem__(self, index):
        """A window: ints, slices, None and Ellipsis."""
        index = index if isinstance(index, tuple) else (index,)
        return super().__getitem__(index if Ellipsis in index else (*index, Ellipsis))

    def __setitem__(self, index, value):
        raise TypeError("expected an array in host memory, got one on a device")

    def __iter__(self):
        """The windows along the first dim; NumPy's own iterator would read numbers."""
        return (self[i] for i in range(len(self)))

    @property
    def flat(self):
        raise TypeError("flat: expected an array in host memory, got one on a device")

    def __reduce_ex__(self, protocol):
        """Pickled by way of the host; what is unpickled is on the device that is current then."""
        return upload, (download(self),)

    def __repr__(self):
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, address={self.__array_interface__['data'][0]:#x})"

    __str__ = __repr__


for _name in (
    "all any argmax argmin argpartition argsort astype byteswap choose clip compress copy cumprod cumsum dot dump dumps "
    "fill flatten item max mean min nonzero partition prod put ravel repeat round searchsorted sort std sum take tobytes "
    "tofile tolist trace var __bool__ __int__ __float__ __complex__ __index__ __contains__"
).split():
    setattr(DeviceArray, _name, _refuse(_name))

_WINDOWS = frozenset((
    np.moveaxis, np.swapaxes, np.transpose, np.expand_dims, np.squeeze, np.diagonal, np.shape, np.ndim, np.size,
    np.broadcast_to, np.reshape, np.split, np.array_split, np.may_share_memory, np.shares_memory, np.rollaxis,
))  # fmt: skip


def empty(shape, dtype):
    """An uninitialised array on the current device, in memory of the current stream."""
    return _C.device_empty(shape, dtype, _C.current_device())


def result_like(operands, shape, dtype):
    """An uninitialised array for a result of ``operands``: in the order of the dims of the first of that shape."""
    for x in operands:
        if x.__class__ is DeviceArray and x.shape == shape and not x.flags.c_contiguous and 0 not in x.strides:
            order = np.argsort([-s for s in x.strides], kind="stable")
            return empty([shape[d] for d in order], dtype).transpose(np.argsort(order))
    return empty(shape, dtype)


def root_of(x):
    """The owner of the memory that ``x`` is a window on."""
    return _C.memory_of(x)


def upload(source, non_blocking=False):
    """A copy of a contiguous host array on the current device, in the order of the current stream. With
    ``non_blocking`` the bytes of pinned memory are taken when the copy runs."""
    out = empty(source.shape, source.dtype)
    _C.copy_to_device(out, source, None, non_blocking)
    return out


def download(source, non_blocking=False):
    """A copy of a contiguous device array in host memory. Waits for the current stream; with ``non_blocking`` the
    host memory is pinned, and who reads it waits first."""
    out = (_C.pinned_empty if non_blocking else np.empty)(source.shape, source.dtype)
    _C.copy_to_host(out, source, None, non_blocking)
    return out


_C.set_device_array(DeviceArray)
