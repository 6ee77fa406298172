"""Tensor types by name: ``FloatTensor(2, 3)``, ``LongTensor([1, 2])``; ``isinstance`` asks for the dtype."""

import numpy as np

from . import _C, dtypes
from .tensor import Tensor

__all__ = []


class _TypedMeta(type):
    def __instancecheck__(cls, obj):
        return isinstance(obj, Tensor) and obj.dtype is cls.dtype

    def __call__(cls, *data):
        made = Tensor(*data) if not data or isinstance(data[0], int) else None
        if made is None:
            source = data[0]
            array = source._array if isinstance(source, Tensor) else np.array(source)
            return _C.wrap(array.astype(cls.dtype.np))
        return _C.wrap(made._array.astype(cls.dtype.np))


def _typed(kind):
    name = f"{kind.type_name}Tensor"
    made = _TypedMeta(name, (), {"dtype": kind, "__doc__": f"A {kind} tensor on the CPU.", "__module__": "tritorch"})
    globals()[name] = made
    __all__.append(name)


for _kind in dtypes.ALL:
    if not _kind.is_complex and _kind.itemsize * 8 >= 8:
        _typed(_kind)
