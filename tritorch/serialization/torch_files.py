"""Reading the files that torch's ``save`` writes: a zip of a pickle and the raw storages.

The pickle runs on a machine that builds data only (`unpickler.py`), with this table of names. torch stores entries
uncompressed, so nothing is larger in memory than in the file; entries that are compressed, overlap, or claim more than
the file holds are refused. The zip's checksums are compared.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import struct
import types
import zipfile
import zlib
from collections import Counter, OrderedDict, defaultdict
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import _api as tt
from .._C import wrap
from ..nn.parameter import Parameter
from .container import ALLOWANCE, DTYPES
from .files import Source
from .locations import Placer, parse_device
from .safe_globals import trusted
from .storages import view
from .tree import leaf
from .unpickler import Call, Machine, Refused, hashable

TENSOR_COST = 1000  # bytes of a tensor, its array and what holds it, without data
ENTRY_COST = 1500  # bytes of an entry of a zip's directory
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x06"
_NUMPY_TYPE = re.compile(r"[<>=|]?[biufc](1|2|4|8|16)")

_STORAGES = {
    "Bool": "bool", "Byte": "uint8", "Char": "int8", "Short": "int16", "Int": "int32", "Long": "int64",
    "Half": "float16", "BFloat16": "bfloat16", "Float": "float32", "Double": "float64",
    "ComplexFloat": "complex64", "ComplexDouble": "complex128",
}  # fmt: skip
_NUMPY = {dtype.name: dtype for dtype in [*DTYPES.values(), np.dtype(np.complex128)]}


class StorageType(NamedTuple):
    """The type of a storage; None for one that is only bytes."""

    dtype: np.dtype | None


class Storage(NamedTuple):
    """A storage of the file: its name there, its bytes, its type, and the device that it was saved from."""

    key: str
    array: np.ndarray
    dtype: np.dtype | None
    device: str


class TensorType(NamedTuple):
    """A class of tensors that ``_rebuild_from_type_v2`` may name."""

    name: str


def _directory_size(source: Source) -> int:
    """The bytes of a zip's directory, which Python would read whole."""
    tail_at = max(0, source.size - 66_000)
    tail = source.read(tail_at, source.size - tail_at)
    end = tail.rfind(_END)
    if end < 0 or end + 16 > len(tail):
        raise source.error("the file is truncated or corrupted: it begins as torch's files do and has not their end")
    size = struct.unpack_from("<I", tail, end + 12)[0]
    end_64 = tail.rfind(_END_64, 0, end)
    if size == 0xFFFFFFFF and end_64 >= 0:
        size = struct.unpack_from("<Q", tail, end_64 + 40)[0]
    return size


class TorchFile:
    """One zip, and the table of names for its pickle."""

    def __init__(self, source: Source, placer: Placer, mmap: bool):
        if _directory_size(source) // 46 * ENTRY_COST > ALLOWANCE + source.size:
            raise source.error("the directory of the zip would take more memory than a file of this size may")
        self._source = source
        self._placer = placer
        self._memory = source.map() if mmap else None
        source.file.seek(source.start)
        self._zip = zipfile.ZipFile(source.file)
        self._entries = {info.filename: info for info in self._zip.infolist()}
        if sum(info.file_size for info in self._entries.values()) > source.size:
            raise source.error("the zip claims more data than the file holds")
        self._prefix = next((name[:-8] for name in self._entries if name.endswith("data.pkl")), None)
        self._storages: dict[str, np.ndarray] = {}
        self._placed: dict[tuple[str, np.dtype], tt.Tensor] = {}
        self._globals = {**_TABLE, **{name: _trusted_call(value) for name, value in trusted().items()}}
        self._globals["torch._utils._rebuild_tensor_v2"] = Call(self._tensor, TENSOR_COST)
        self._globals["torch._utils._rebuild_tensor_v3"] = Call(self._tensor_v3, TENSOR_COST)

    def load(self) -> Any:
        """The object."""
        if self._prefix is None:
            raise self._source.error("this zip was not written by torch's save: it has no data.pkl")
        if f"{self._prefix}constants.pkl" in self._entries:
            raise self._source.error("this is a TorchScript archive, which holds a program; save its state_dict()")
        if self._bytes("byteorder", default=b"little").tobytes() != b"little":
            raise self._source.error("the file was written on a machine of other byte order")
        pickled = self._bytes("data.pkl").tobytes()
        return Machine(pickled, self._find, self._storage, ALLOWANCE + self._source.size).run()

    def _find(self, name: str) -> Any:
        if name in self._globals:
            return self._globals[name]
        module, _, attribute = name.rpartition(".")
        if module == "torch" and attribute in _NUMPY:
            return getattr(tt, attribute)
        raise Refused(
            f"it refers to {name}, which is not data. Only tensors, numbers and plain containers are loaded, whatever "
            "weights_only says, since calling what a file names can run any program. If you trust the file and the "
            f"class is here, allow it: tritorch.serialization.add_safe_globals([({attribute}, {name!r})])"
        )

    def _bytes(self, name: str, default: bytes | None = None) -> np.ndarray:
        """An entry's data, compared with the zip's checksum (unless the file is mapped)."""
        info = self._entries.get(f"{self._prefix}{name}")
        if info is None:
            if default is None:
                raise Refused(f"the zip lacks {name}")
            return np.frombuffer(default, np.uint8)
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise Refused(f"{name} is compressed or encrypted, which torch never does")
        head = self._source.read(info.header_offset, 30)
        if head[:4] != b"PK\x03\x04":
            raise Refused(f"{name} is not where the zip says")
        start = info.header_offset + 30 + sum(struct.unpack_from("<HH", head, 26))
        if start + info.file_size > self._source.size:
            raise Refused(f"{name} reaches past the end of the file")
        if self._memory is not None:
            return self._memory[start : start + info.file_size]
        data = np.empty(info.file_size, np.uint8)
        self._source.read_into(start, data)
        if zlib.crc32(data.data) != info.CRC:
            raise Refused(f"{name} does not match its checksum")
        return data

    def _storage(self, persistent_id: Any) -> Storage:
        kind, storage_type, key, device, numel = persistent_id
        if kind != "storage" or not isinstance(storage_type, StorageType) or not isinstance(key, str):
            raise Refused("a reference to something that is no storage")
        if key not in self._storages:
            self._storages[key] = self._bytes(f"data/{key}")
        array = self._storages[key]
        item = 1 if storage_type.dtype is None else storage_type.dtype.itemsize
        if type(numel) is not int or numel * item != array.size:
            raise Refused(f"storage {key} has not the size that is spoken of")
        return Storage(key, array, storage_type.dtype, str(device))

    def _tensor(
        self, storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool, *_: Any, dtype: Any = None
    ) -> tt.Tensor:
        if not isinstance(storage, Storage):
            raise Refused("a tensor without a storage")
        kind = dtype or storage.dtype
        if kind is None:
            raise Refused("a tensor without a type")
        array = storage.array
        if array.__array_interface__["data"][0] % kind.itemsize:
            array = self._storages[storage.key] = array.copy()
        if kind == np.bool_ and array.size and array.max() > 1:
            raise Refused("a bool that is neither true nor false")
        part = view(array, kind, offset * kind.itemsize, _list(size), _list(stride))
        if self._placer.stays(storage.device):
            return leaf(wrap(part), requires_grad)
        return leaf(self._moved(storage, kind).as_strided(_list(size), _list(stride), offset), requires_grad)

    def _tensor_v3(
        self, storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool, hooks: Any, dtype: Any, *_: Any
    ) -> tt.Tensor:
        return self._tensor(storage, offset, size, stride, requires_grad, dtype=_NUMPY[str(dtype).rpartition(".")[2]])

    def _moved(self, storage: Storage, dtype: np.dtype) -> tt.Tensor:
        key = (storage.key, dtype)
        if key not in self._placed:
            whole = storage.array[: storage.array.size // dtype.itemsize * dtype.itemsize].view(dtype)
            self._placed[key] = self._placer.place(wrap(whole), storage.device)
        return self._placed[key]


def read(source: Source, placer: Placer, mmap: bool) -> Any:
    """The object in a zip that torch wrote.

    Raises:
        LoadError: if it is broken, or holds more than data.
    """
    try:
        return TorchFile(source, placer, mmap).load()
    except Refused as error:
        raise source.error(f"this torch file cannot be loaded: {error}") from error
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, struct.error, OverflowError) as error:
        raise source.error(f"the file is truncated or corrupted ({error})") from None


def _trusted_call(value: Any) -> Any:
    def set_state(made: Any, state: Any) -> None:
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            vars(made).update(state)

    if isinstance(value, type):
        return Call(value, TENSOR_COST, set_state, partial(value.__new__, value))
    return Call(value, TENSOR_COST)


def _list(items: Any) -> list:
    if not isinstance(items, list | tuple):
        raise Refused("sizes that are no list")
    return list(items)


def _set(items: Any = (), kind: type = set) -> Any:
    return kind(map(hashable, _list(items)))


def _bytearray(data: Any = b"") -> bytearray:
    if not isinstance(data, bytes | bytearray):
        raise Refused("a bytearray of something that is not bytes")
    return bytearray(data)


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "utf-8"):
        raise Refused("an encoding that pickles have no need of")
    return text.encode(encoding)


def _defaultdict(factory: Any = None) -> defaultdict:
    if factory is not None and not isinstance(factory, Call):
        raise Refused("a defaultdict with an unknown factory")
    return defaultdict(factory and factory.make)


def _counter(counts: Any = ()) -> Counter:
    if counts and type(counts) is not dict:
        raise Refused("a Counter of something that is no dict")
    return Counter(counts)


def _no_arguments(kind: type) -> Any:
    return Call(lambda: kind())


class _NumpyType:
    """``numpy.dtype`` while its state is not known."""

    def __init__(self, name: Any, *_: Any):
        if not isinstance(name, str) or not _NUMPY_TYPE.fullmatch(name):
            raise Refused("a NumPy type that is no number")
        self.value = np.dtype(name)

    def build(self, state: Any) -> None:
        if state[1] in ("<", ">", "="):
            self.value = self.value.newbyteorder(state[1])


def _numpy_scalar(dtype: Any, data: Any) -> np.generic:
    if not isinstance(dtype, _NumpyType) or not isinstance(data, bytes) or len(data) != dtype.value.itemsize:
        raise Refused("a NumPy number that is none")
    return np.frombuffer(data, dtype.value)[0]


def _numpy_array(kind: Any, *_: Any) -> np.ndarray:
    return np.empty(0, np.uint8)


def _fill_numpy_array(array: np.ndarray, state: Any) -> None:
    """Gives an array its shape and data, as ``ndarray.__setstate__``, once everything has been checked."""
    _, shape, dtype, fortran, data = state
    if not isinstance(dtype, _NumpyType) or not isinstance(data, bytes) or array.size:
        raise Refused("a NumPy array that is none")
    filled = np.frombuffer(data, dtype.value).reshape(_list(shape), order="F" if fortran else "C")
    state = (1, filled.shape, dtype.value, bool(fortran), data)
    array.__setstate__(state)  # type: ignore[arg-type]


def _from_type(function: Any, kind: Any, arguments: Any, _state: Any) -> Any:
    """A tensor that had attributes of its own; those are left out."""
    if not isinstance(function, Call) or not isinstance(kind, TensorType):
        raise Refused("a tensor of a class that is not known")
    return function.make(*arguments)


_TABLE: dict[str, Any] = {
    "collections.OrderedDict": Call(lambda: OrderedDict()),
    "collections.Counter": Call(_counter, 400),
    "collections.defaultdict": Call(_defaultdict, 400),
    "argparse.Namespace": Call(argparse.Namespace, 400, lambda made, state: vars(made).update(state)),
    "types.SimpleNamespace": Call(types.SimpleNamespace, 400, lambda made, state: vars(made).update(state)),
    "pathlib.PosixPath": Call(pathlib.Path, 400),
    "pathlib.PurePosixPath": Call(pathlib.PurePosixPath, 400),
    "_codecs.encode": Call(_encode),
    "torch._utils._rebuild_parameter": Call(
        lambda data, requires_grad, *_: leaf(data.detach(), requires_grad, Parameter), TENSOR_COST
    ),
    "torch._tensor._rebuild_from_type_v2": Call(_from_type, TENSOR_COST),
    "torch.Tensor": TensorType("Tensor"),
    "torch.nn.parameter.Parameter": TensorType("Parameter"),
    "torch.Size": Call(lambda sizes: tt.Size(_list(sizes))),
    "torch.device": Call(parse_device),
    "torch.storage.UntypedStorage": StorageType(None),
    "numpy.dtype": Call(_NumpyType, 400, _NumpyType.build),
    "numpy.ndarray": TensorType("ndarray"),
}
for _name, _dtype in _STORAGES.items():
    _TABLE[f"torch.{_name}Storage"] = StorageType(_NUMPY[_dtype])
for _room in ("numpy._core.multiarray", "numpy.core.multiarray"):
    _TABLE[f"{_room}.scalar"] = Call(_numpy_scalar)
    _TABLE[f"{_room}._reconstruct"] = Call(_numpy_array, 400, _fill_numpy_array)
for _room in ("builtins", "__builtin__"):
    _TABLE |= {
        f"{_room}.{_kind.__name__}": _no_arguments(_kind) for _kind in (list, dict, tuple, int, float, str, bool)
    }
    _TABLE |= {
        f"{_room}.set": Call(_set, 400), f"{_room}.frozenset": Call(partial(_set, kind=frozenset), 400),
        f"{_room}.bytearray": Call(_bytearray), f"{_room}.complex": Call(complex), f"{_room}.slice": Call(slice),
        f"{_room}.range": Call(range), f"{_room}.xrange": Call(range),
    }  # fmt: skip
