"""A typed, strided window on storage, and its place in the graph. It knows no operator: ``_api`` adds those."""

from typing import Any

import numpy as np

from . import _C, _print
from .dtypes import ALL, from_numpy, get_default_dtype
from .errors import ambiguous_bool, not_a_scalar, tensor_type
from .runtime import exchange, shared_memory
from .runtime.array import DeviceArray, empty
from .runtime.device import cpu
from .runtime.storage import UntypedStorage, owner
from .runtime.transfer import to_device, to_host
from .shape import Size, contiguous_format, contiguous_strides, size_args, strided, wrap_dim

__all__ = ["Tensor"]


class Tensor(_C.TensorBase):
    """An n-dimensional array of one dtype on one device, which remembers how it was computed.

    Made by :func:`tritorch.tensor`, :func:`tritorch.zeros` and their like. ``Tensor(2, 3)`` is an uninitialised
    float tensor of that shape and ``Tensor([1, 2])`` one with that data, in the default dtype.

    Example:
        >>> import tritorch
        >>> x = tritorch.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """

    __slots__ = ()
    __hash__ = object.__hash__
    __array_priority__ = 1000  # NumPy's operators leave ours to us

    def __new__(cls, *data, device=None, requires_grad=False):
        kind = get_default_dtype().np
        if (
            len(data) == 1
            and isinstance(data[0], (list, tuple, np.ndarray, _C.TensorBase))
            and not isinstance(data[0], Size)
        ):
            values = data[0]
            array = values._array if isinstance(values, _C.TensorBase) else np.array(values, dtype=kind)
            if array.dtype != kind:
                raise TypeError(f"expected {get_default_dtype()} (got {from_numpy(array.dtype)})")
        else:
            array = np.empty(size_args(data) if data else (0,), kind)
        made = _C.wrap_as(cls, array)
        made.requires_grad = requires_grad
        return made

    def __init__(self, *args, **kwargs):
        pass

    # -- what it is ---------------------------------------------------------------------------------

    def size(self, dim=None):
        """The shape, or its length along ``dim``."""
        return self.shape if dim is None else self.shape[wrap_dim(dim, self.ndim)]

    def dim(self):
        """The number of dimensions."""
        return self._array.ndim

    ndimension = dim

    @property
    def is_cpu(self):
        """Whether it lives in host memory."""
        return self.device.type == "cpu"

    is_sparse = is_quantized = is_mps = is_xpu = is_meta = is_mkldnn = is_nested = False
    layout = strided
    names = property(lambda self: (None,) * self.ndim)

    def numel(self):
        """The number of elements."""
        return self._array.size

    nelement = numel

    def element_size(self):
        """Bytes an element takes."""
        return self._array.itemsize

    @property
    def itemsize(self):
        """Bytes an element takes."""
        return self._array.itemsize

    @property
    def nbytes(self):
        """Bytes its elements take."""
        return self._array.size * self._array.itemsize

    def stride(self, dim=None):
        """Steps between neighbours along each dimension, or along ``dim``, in elements."""
        array = self._array
        strides = (
            contiguous_strides(array.shape) if array.size == 0 else tuple(s // array.itemsize for s in array.strides)
        )
        return strides if dim is None else strides[wrap_dim(dim, self.ndim)]

    def storage_offset(self):
        """Elements between the start of the storage and the first element."""
        root = owner(self._array)
        return (self.data_ptr() - root.__array_interface__["data"][0]) // self._array.itemsize

    def data_ptr(self):
        """The address of the first element."""
        return self._array.__array_interface__["data"][0]

    def is_contiguous(self, memory_format=contiguous_format):
        """Whether the elements lie in memory in the order of ``memory_format``, without gaps."""
        array = self._array
        if memory_format is contiguous_format:
            return array.flags.c_contiguous
        rank = {"channels_last": 4, "channels_last_3d": 5}.get(memory_format.name)
        return array.ndim == rank and np.moveaxis(array, 1, -1).flags.c_contiguous

    def is_floating_point(self):
        """Whether the dtype is floating."""
        return self.dtype.is_floating_point

    def is_complex(self):
        """Whether the dtype is complex."""
        return self.dtype.is_complex

    def is_signed(self):
        """Whether the dtype holds negative numbers."""
        return self.dtype.is_signed

    def is_same_size(self, other):
        """Whether both have one shape."""
        return self.shape == other.shape

    def is_set_to(self, tensor):
        """Whether both are the same window on the same storage."""
        a, b = self, tensor
        return a.data_ptr() == b.data_ptr() and a.shape == b.shape and a.stride() == b.stride()

    def is_conj(self):
        """False: conjugation is done, never deferred."""
        return False

    is_neg = is_conj

    def is_pinned(self, device=None):
        """Whether it lies in page-locked host memory, as ``pin_memory()`` gives it."""
        return _C.is_pinned(self._array)

    def share_memory_(self):
        """Moves its data into memory that other processes can map. Views made before keep the old memory."""
        if not self.is_cuda and not self.is_shared():
            self._array = shared_memory.copy(self._array)
        return self

    def is_shared(self):
        """Whether its data lie in shared memory; those of a GPU always do."""
        return self.is_cuda or shared_memory.block_of(self._array) is not None

    def get_device(self):
        """The index of its GPU; -1 on the CPU."""
        return -1 if self.device.index is None else self.device.index

    def untyped_storage(self):
        """The bytes it is a window on."""
        return UntypedStorage(owner(self._array))

    storage = untyped_storage

    # -- the graph ------------------------------------------------------------------------------------

    @property
    def grad(self):
        """The accumulated gradient, or None."""
        return self._grad

    @grad.setter
    def grad(self, value):
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Tensor as its own grad")
            if value.shape != self.shape:
                raise RuntimeError("assigned grad has data of a different size")
            if value.dtype is not self.dtype:
                raise RuntimeError("assigned grad has data of a different type")
            if value.device != self.device:
                raise RuntimeError("assigned grad has data located on a different device")
        self._grad = value

    @grad.deleter
    def grad(self):
        self._grad = None

    @property
    def data(self):
        """The same memory, outside the graph and outside version counting."""
        return _C.alias_data(self)

    @data.setter
    def data(self, value):
        self._array = value._array

    def detach(self):
        """The same memory outside the graph. Writes through it are counted."""
        return _C.detach(self)

    def detach_(self):
        """Leaves the graph: a leaf that requires no grad. Returns itself.

        Raises:
            RuntimeError: for a view.
        """
        if self._is_view():
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
                "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
                "detach_() cannot be called on these gradients. To fix this error, please refer to the "
                "Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution."
            )
        _C.forget(self)
        return self

    def requires_grad_(self, requires_grad=True):
        """Sets whether operations on it are recorded; returns itself."""
        self.requires_grad = requires_grad
        return self

    # -- out to Python and NumPy ----------------------------------------------------------------------

    def _item(self):
        """What TensorBase.item() does not do itself: elements on a device, of a dtype NumPy lacks, or not one."""
        array = to_host(self._array)
        if array.size != 1:
            raise not_a_scalar(array.size)
        value = array.item()
        return value if isinstance(value, (int, float, complex)) else float(value)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        array = to_host(self._array)
        return (array.astype(np.float32) if self.dtype in NARROW else array).tolist()

    def numpy(self, *, force=False):
        """The same memory as a NumPy array. ``force`` detaches first.

        Raises:
            RuntimeError: if it requires grad.
        """
        if self.requires_grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self._array.__class__ is DeviceArray:
            if force:
                return to_host(self._array)
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                "memory first."
            )
        return self._array

    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        return np.array(array, dtype=dtype, copy=copy) if copy or dtype is not None else array

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        source, place = self._array, exchange.place_of(self._array)
        if (
            dl_device is not None
            and tuple(dl_device) != place
            and {dl_device[0], place[0]} != {exchange.CPU, exchange.HOST}
        ):
            if copy is False:
                raise ValueError("cannot move the tensor to another device without a copy")
            if dl_device[0] not in (exchange.CPU, exchange.CUDA):
                raise BufferError(f"unsupported device type: {dl_device[0]}")
            source = to_host(source) if dl_device[0] == exchange.CPU else to_device(source)
        elif copy:
            source = self.clone()._array
        return exchange.export(source, stream, max_version is not None and max_version[0] >= 1)

    def __dlpack_device__(self):
        return exchange.place_of(self._array)

    @property
    def __cuda_array_interface__(self):
        if not self.is_cuda:
            raise AttributeError(
                f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type_name()} "
                "If CUDA data is required use tensor.cuda() to copy tensor to device memory."
            )
        if self.requires_grad:
            raise RuntimeError(
                "Can't get __cuda_array_interface__ on Variable that requires grad. "
                "If gradients aren't required, use var.detach() to get Variable that doesn't require grad."
            )
        return exchange.cuda_interface(self._array)

    def __len__(self):
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def __bool__(self):
        if self._array.size != 1:
            raise ambiguous_bool(self._array.size)
        return bool(to_host(self._array).item())

    def __int__(self):
        return int(self.item())

    def __float__(self):
        return float(self.item())

    def __complex__(self):
        return complex(self.item())

    def __index__(self):
        if self.dtype.category > 1 or self._array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(to_host(self._array).item())

    def __format__(self, spec):
        return self.item().__format__(spec) if self.ndim == 0 else object.__format__(self, spec)

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __delitem__(self, index):
        raise TypeError("Tensor does not support deleting items")

    def __reversed__(self):
        return self.flip(0) if self.ndim else self

    def __contains__(self, element):
        return bool((element == self).any())

    def __repr__(self):
        return _print.tensor_repr(self, to_host(self._array))

    # -- memory ---------------------------------------------------------------------------------------

    def resize_(self, *size, memory_format=contiguous_format):
        """Changes the shape in place; keeps the first elements, new ones are uninitialised.

        Raises:
            RuntimeError: if it requires grad.
        """
        if self.requires_grad:
            raise RuntimeError("cannot resize variables that require grad")
        size = size_args(size)
        old, count = self._array, int(np.prod(size, dtype=np.int64))
        root = owner(old)
        room = root.reshape(-1) if root.flags.c_contiguous else old.reshape(-1)
        if room.dtype != old.dtype:
            room = room.view(old.dtype)
        start = self.storage_offset() if room.base is root or room is root else 0
        if start + count > room.size:
            room = _longer(room, start + count)
        self._array = room[start : start + count].reshape(size)
        return self

    def resize_as_(self, the_template, *, memory_format=contiguous_format):
        """:meth:`resize_` to the shape of another tensor."""
        return self.resize_(the_template.shape)

    def set_(self, source=None, storage_offset=0, size=None, stride=None):
        """Becomes another window: on the storage of ``source``, or with the geometry given."""
        if source is None:
            self._array = _empty_beside(self._array, 0)
        elif isinstance(source, Tensor) and size is None:
            self._array = source._array
        else:
            root = source._array if isinstance(source, Tensor) else source.array.view(self._array.dtype)
            flat = owner(root).reshape(-1).view(self._array.dtype)
            size = (flat.size,) if size is None else tuple(size)
            stride = contiguous_strides(size) if stride is None else stride
            step = flat.itemsize
            self._array = _C.window(flat, size, tuple([s * step for s in stride]), storage_offset * step)
        return self

    def __reduce_ex__(self, protocol):
        return _rebuild, (type(self), *_parts(self), self.requires_grad and self.is_leaf, _state(self))

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
                "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
                "see https://github.com/pytorch/pytorch/pull/103001"
            )
        root = owner(self._array)
        copy = memo.setdefault(("storage", id(root)), None)
        if copy is None:
            copy = memo["storage", id(root)] = _copied(root)
            memo.setdefault(id(memo), []).append(root)  # keeps the id from being used again
        made = _rebuild(type(self), copy, *_parts(self)[1:], self.requires_grad, {})
        memo[id(self)] = made
        if self._grad is not None:
            made._grad = self._grad.__deepcopy__(memo)
        for key, value in _state(self).items():
            made.__dict__[key] = value
        return made

    @staticmethod
    def _make_subclass(cls, data, requires_grad=False):
        """A tensor of class ``cls`` on the memory of ``data``, a leaf."""
        made = _C.wrap_as(cls, data._array)
        made.requires_grad = requires_grad
        return made

    def type_name(self):
        """``tritorch.FloatTensor`` and the like."""
        return tensor_type(self.dtype, self.device.type)


NARROW = frozenset(d for d in ALL if d.is_floating_point and d.itemsize < 4 and d.np.kind != "f")


def _state(tensor):
    return getattr(tensor, "__dict__", {})


def _parts(tensor):
    """(root array, dtype, offset in bytes, shape, strides in bytes): views of one storage share the root."""
    array, root = tensor._array, owner(tensor._array)
    start = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return root, tensor.dtype, start, array.shape, array.strides


def _copied(root):
    """A copy of the memory that a root array owns, on the same device."""
    if root.__class__ is not DeviceArray:
        return root.copy(order="A")
    copy = empty(root.shape, root.dtype)
    _C.copy_on_device(copy, root, root.nbytes)
    return copy


def _empty_beside(array, count):
    """A vector of arbitrary elements, in the dtype and on the device of ``array``."""
    return empty((count,), array.dtype) if array.__class__ is DeviceArray else np.empty(count, array.dtype)


def _longer(room, count):
    """A vector of ``count`` elements that begins with those of ``room``."""
    longer = _empty_beside(room, count)
    if room.__class__ is not DeviceArray:
        longer[: room.size] = room
    elif room.size:
        _C.copy_on_device(longer, room, room.nbytes)
    return longer


def _rebuild(cls, root, kind, start, shape, strides, requires_grad, state):
    if root.size:
        array = _C.window(root.reshape(-1, order="A").view(kind.np), shape, strides, start)
    else:
        array = root[:0].view(kind.np).reshape(shape) if root.__class__ is DeviceArray else np.empty(shape, kind.np)
    made = _C.wrap_as(cls, array)
    made.requires_grad = requires_grad
    if state:
        made.__dict__.update(state)
    return made


for _kind in ALL:
    _C.register_dtype(_kind.np, _kind)
_C.set_types(Tensor, None, Size, cpu)
