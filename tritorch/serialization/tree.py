"""Between Python objects and their description in JSON; nothing in a description is ever run.

Note [The tree]: None, bools, strings, finite floats and integers of 64 bits stand for themselves. Everything else is a
list whose first item says what it is: ``["dict", key, value, ...]``, ``["odict", attributes, key, value, ...]``,
``["list", ...]``, ``["tensor", entry]``, or for a window on an entry
``["tensor", entry, dtype, offset in bytes, shape, strides in elements]``. A tensor node may be wrapped:
``["grad", node]``, ``["parameter", node, requires_grad]``, ``["on", device, node]``. An object that is found twice is
written twice, except that tensors which share memory are windows on one entry; one that contains itself is refused.
"""

from __future__ import annotations

import argparse
import pathlib
import types
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _api as tt
from .._C import window, wrap
from ..dtypes import dtype
from ..nn.parameter import Parameter
from ..runtime.array import download
from ..runtime.storage import owner
from .container import ALLOWANCE, DTYPES, NAMES
from .locations import Placer, parse_device
from .storages import Placement, place, view

_WINDOW_DTYPES = {dtype.name: dtype for dtype in [*DTYPES.values(), np.dtype(np.complex128)]}
_FACTORIES: dict[str, Any] = {kind.__name__: kind for kind in (list, dict, set, tuple, int, float, str, bool)}
_NAMESPACES: dict[str, Any] = {"Namespace": argparse.Namespace, "SimpleNamespace": types.SimpleNamespace}


class Encoder:
    """Describes one object; :meth:`finish` gives what to store."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._names: dict[str, None] = {}
        self._nodes: list[list] = []
        self._open: set[int] = set()
        self._on_host: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # memory on a device by its address, and its copy

    def finish(self) -> dict[str, np.ndarray]:
        """Decides where arrays go, completes their nodes, and returns what to store by name."""
        stored, placements = place(self._arrays, list(self._names))
        for node, placement in zip(self._nodes, placements, strict=True):
            node += _reference(placement)
        return stored

    def encode(self, value: Any, path: str = "") -> Any:
        """The description of a value that stands at :attr:`path`.

        Raises:
            TypeError: for objects of other classes than those that can be stored.
            ValueError: for an object that contains itself.
        """
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 63 else ["int", hex(value)]
        if kind is float:
            return value if value - value == 0 else ["float", repr(value)]
        if isinstance(value, tt.Tensor):
            return self._tensor(value, path)
        if isinstance(value, np.ndarray | np.generic):
            return self._numpy(value, path)
        if kind in _PLAIN:
            return _PLAIN[kind](value)
        if isinstance(value, pathlib.PurePath):
            return ["path", str(value)]
        if isinstance(value, bytes | bytearray):
            return [kind.__name__, self._array(np.frombuffer(value, np.uint8), path, "array")]
        if kind not in _CONTAINERS:
            raise TypeError(
                f"save: cannot store an object of class {kind.__module__}.{kind.__qualname__}{_at(path)}. Tensors, "
                "numbers, strings and plain containers of these can be stored; of a module or an optimizer, store its "
                "state_dict()"
            )
        if id(value) in self._open:
            raise ValueError(f"save: the object contains itself{_at(path)}")
        self._open.add(id(value))
        try:
            return _CONTAINERS[kind](self, value, path)
        finally:
            self._open.discard(id(value))

    def items(self, tag: str, values: Any, path: str) -> list:
        return [tag, *(self.encode(value, f"{path}.{i}" if path else str(i)) for i, value in enumerate(values))]

    def pairs(self, head: list, value: dict, path: str) -> list:
        for key, item in value.items():
            head.append(self.encode(key, path))
            head.append(self.encode(item, f"{path}.{key}" if path else str(key)))
        return head

    def _tensor(self, tensor: tt.Tensor, path: str) -> list:
        device, array = str(tensor.device), tensor._array
        if tensor.device.type != "cpu":
            array = self._copied(array)
        node = self._array(array, path, "tensor")
        if isinstance(tensor, Parameter):
            node = ["parameter", node, tensor.requires_grad]
        elif tensor.requires_grad:
            node = ["grad", node]
        return node if tensor.device.type == "cpu" else ["on", device, node]

    def _copied(self, array: Any) -> np.ndarray:
        """The same window on a copy in host memory of all that it is a window on, so that views stay views."""
        root = owner(array)
        address = root.__array_interface__["data"][0]
        if address not in self._on_host:
            self._on_host[address] = root, download(root)
        whole = self._on_host[address][1].reshape(-1).view(array.dtype)
        return window(whole, array.shape, array.strides, array.__array_interface__["data"][0] - address)

    def _numpy(self, value: np.ndarray | np.generic, path: str) -> Any:
        if isinstance(value, np.str_):
            return str(value)
        return self._array(np.asarray(value), path, "array" if isinstance(value, np.ndarray) else "scalar")

    def _array(self, array: np.ndarray, path: str, tag: str) -> list:
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype not in NAMES and array.dtype != np.complex128:
            raise TypeError(f"save: cannot store a NumPy array of type {array.dtype}{_at(path)}")
        self._arrays.append(array)
        self._names[self._free_name(path or tag)] = None
        self._nodes.append([tag])
        return self._nodes[-1]

    def _free_name(self, path: str) -> str:
        name = base = path.encode("utf-8", "backslashreplace").decode()
        count = 1
        while name in self._names or name == "__metadata__":
            count += 1
            name = f"{base}#{count}"
        return name


def _at(path: str) -> str:
    return f" (at {path!r})" if path else ""


def _reference(placement: Placement) -> list:
    return [placement.name, *(placement.window or ())]


def _factory_name(value: defaultdict) -> str | None:
    name = getattr(value.default_factory, "__name__", None)
    if value.default_factory is not None and _FACTORIES.get(str(name)) is not value.default_factory:
        raise TypeError(f"save: cannot store a defaultdict whose factory is {value.default_factory!r}")
    return name


_PLAIN: dict[Any, Callable[[Any], list]] = {
    complex: lambda value: ["complex", repr(value.real), repr(value.imag)],
    dtype: lambda value: ["dtype", str(value).rpartition(".")[2]],
    tt.device: lambda value: ["device", str(value)],
    tt.Size: lambda value: ["Size", *value],
    range: lambda value: ["range", value.start, value.stop, value.step],
    slice: lambda value: ["slice", value.start, value.stop, value.step],
}
_CONTAINERS: dict[Any, Callable[[Encoder, Any, str], list]] = {
    dict: lambda e, value, path: e.pairs(["dict"], value, path),
    OrderedDict: lambda e, value, path: e.pairs(["odict", e.encode(vars(value), path)], value, path),
    defaultdict: lambda e, value, path: e.pairs(["defaultdict", _factory_name(value)], value, path),
    Counter: lambda e, value, path: e.pairs(["counter"], value, path),
    argparse.Namespace: lambda e, value, path: e.pairs(["namespace", "Namespace"], vars(value), path),
    types.SimpleNamespace: lambda e, value, path: e.pairs(["namespace", "SimpleNamespace"], vars(value), path),
} | {kind: lambda e, value, path: e.items(type(value).__name__, value, path) for kind in (list, tuple, set, frozenset)}


class Decoder:
    """Makes the object of a description.

    Args:
        arrays: the entries by name.
        placer: where tensors go.
    """

    def __init__(self, arrays: dict[str, np.ndarray], placer: Placer):
        self._arrays = arrays
        self._placer = placer
        self._placed: dict[tuple[str, str, str], tt.Tensor] = {}
        self._copied = 0

    def decode(self, node: Any) -> Any:
        """The object. Raises ValueError, TypeError, LookupError or RecursionError for a description that is none."""
        if type(node) is not list:
            if isinstance(node, dict):
                raise ValueError("a JSON object in the description")
            return node
        return _MAKE[node[0]](self, *node[1:])

    def array(self, name: str, *window: Any) -> np.ndarray:
        whole = self._arrays[name]
        if not window:
            return whole
        dtype, offset, shape, strides = window
        return view(whole, _WINDOW_DTYPES[dtype], offset, shape, strides)

    def tensor(self, name: str, *window: Any, device: str = "cpu") -> tt.Tensor:
        array = self.array(name, *window)
        if self._placer.stays(device):
            return wrap(array)
        key = (name, array.dtype.name, device)
        if key not in self._placed:  # an entry moves once, so that what shares it still does
            whole = self._arrays[name].reshape(-1).view(np.uint8)
            whole = whole[: whole.size // array.itemsize * array.itemsize].view(array.dtype)
            self._placed[key] = self._placer.place(wrap(whole), device)
        strides = [stride // array.itemsize for stride in array.strides]
        return self._placed[key].as_strided(array.shape, strides, window[1] // array.itemsize if window else 0)

    def raw(self, node: Any) -> bytes:
        """The bytes of an array node; no more of them in all than the entries have, but for a small allowance."""
        array = self.decode(node)
        if not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
            raise TypeError("expected an array of bytes")
        self._copied += array.nbytes
        if self._copied > ALLOWANCE // 2 + sum(entry.nbytes for entry in self._arrays.values()):
            raise ValueError("more bytes than a file of this size may make")
        return array.tobytes()

    def pairs(self, into: Any, items: tuple) -> Any:
        for key, value in zip(items[::2], items[1::2], strict=True):
            into[self.decode(key)] = self.decode(value)
        return into

    def items(self, nodes: tuple) -> list:
        return [self.decode(node) for node in nodes]

    def on(self, device: str, node: list) -> tt.Tensor:
        if node[0] in ("grad", "parameter"):
            return _MAKE[node[0]](self, ["on", device, node[1]], *node[2:])
        if node[0] != "tensor":
            raise ValueError("not a tensor on a device")
        return self.tensor(*node[1:], device=device)


def _odict(d: Decoder, attributes: Any, *items: Any) -> OrderedDict:
    result = d.pairs(OrderedDict(), items)
    vars(result).update(d.decode(attributes))
    return result


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}")
    return value


def _dtype(name: Any) -> Any:
    value = getattr(tt, _typed(name, str))
    return _typed(value, dtype)


def leaf(tensor: tt.Tensor, requires_grad: Any, kind: type = tt.Tensor) -> tt.Tensor:
    """A tensor or parameter that may require grad. Raises TypeError where its type cannot."""
    if not isinstance(tensor, tt.Tensor) or type(requires_grad) is not bool:
        raise TypeError("expected a tensor, and whether it requires grad")
    if requires_grad and not (tensor.is_floating_point() or tensor.is_complex()):
        raise TypeError("a tensor of this type cannot require grad")
    if kind is Parameter:
        return Parameter(tensor, requires_grad)
    return tensor.requires_grad_() if requires_grad else tensor


_MAKE: dict[str, Callable[..., Any]] = {
    "tensor": Decoder.tensor,
    "grad": lambda d, node: leaf(d.decode(node), True),
    "parameter": lambda d, node, requires_grad: leaf(d.decode(node), requires_grad, Parameter),
    "on": Decoder.on,
    "array": Decoder.array,
    "scalar": lambda d, *where: d.array(*where)[()],
    "bytes": Decoder.raw,
    "bytearray": lambda d, node: bytearray(d.raw(node)),
    "int": lambda d, digits: int(digits, 16),
    "float": lambda d, text: float(_typed(text, str)),
    "complex": lambda d, real, imag: complex(float(real), float(imag)),
    "dtype": lambda d, name: _dtype(name),
    "device": lambda d, name: parse_device(_typed(name, str)),
    "Size": lambda d, *sizes: tt.Size([_typed(n, int) for n in sizes]),
    "range": lambda d, *bounds: range(*bounds),
    "slice": lambda d, *bounds: slice(*bounds),
    "path": lambda d, text: pathlib.Path(_typed(text, str)),
    "dict": lambda d, *items: d.pairs({}, items),
    "odict": _odict,
    "defaultdict": lambda d, factory, *items: d.pairs(defaultdict(factory and _FACTORIES[factory]), items),
    "counter": lambda d, *items: d.pairs(Counter(), items),
    "namespace": lambda d, kind, *items: _NAMESPACES[kind](**d.pairs({}, items)),
    "list": lambda d, *nodes: d.items(nodes),
    "tuple": lambda d, *nodes: tuple(d.items(nodes)),
    "set": lambda d, *nodes: set(d.items(nodes)),
    "frozenset": lambda d, *nodes: frozenset(d.items(nodes)),
}
