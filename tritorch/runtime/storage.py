"""Storage: which array owns the memory that a tensor is a window on."""

import numpy as np

from .. import _C
from .array import DeviceArray, download


def owner(array):
    """The array at the bottom of a chain of NumPy views: the one that owns the memory (or came from outside)."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class UntypedStorage:
    """The bytes under one or more tensors.

    Example:
        >>> import tritorch
        >>> x = tritorch.zeros(4)
        >>> x.untyped_storage().nbytes(), x.untyped_storage().data_ptr() == x[1:].untyped_storage().data_ptr()
        (16, True)
    """

    __slots__ = ("array",)

    def __init__(self, array):
        self.array = array

    def data_ptr(self):
        """The address of the first byte."""
        return self.array.__array_interface__["data"][0]

    def nbytes(self):
        """Its size in bytes."""
        return self.array.nbytes

    @property
    def device(self):
        """Where the bytes lie."""
        return _C.wrap(self.array).device

    @property
    def is_cuda(self):
        """Whether they lie on a GPU."""
        return self.array.__class__ is DeviceArray

    def cpu(self):
        """Itself, or a copy in host memory."""
        return UntypedStorage(download(self.array)) if self.is_cuda else self

    def tolist(self):
        """The bytes as Python numbers."""
        return self.cpu().array.reshape(-1, order="A").view(np.uint8).tolist()

    size = nbytes
    __len__ = nbytes

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self):
        return hash(self.data_ptr())

    def __repr__(self):
        return f"<tritorch.UntypedStorage of {self.nbytes()} bytes>"
