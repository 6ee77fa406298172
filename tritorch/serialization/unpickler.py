"""A pickle machine that can only build data.

It knows the opcodes that torch's files use, and no way from a name in a file to an object but a table: what the table
lacks is an error that names it. The standard library's machine is not used even with its names restricted, since it
allocates what a file claims (an index of its memo, the length of a string) before it finds the file too short.

Every object that is made costs from a budget, so that a small file cannot make many.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

OBJECT_COST = 150  # bytes that an object may take, on average
_PRIMITIVE = (str, int, float, bool, bytes, type(None), complex)


class Refused(ValueError):
    """The pickle is broken, or asks for something that is not data."""


class Call:
    """An entry of the table: what REDUCE and NEWOBJ may call, what BUILD may do with the result.

    Args:
        make: called with the arguments of the pickle. It must allocate no more than :attr:`cost` and, for bytes and
            strings, their length.
        cost: bytes that it may take.
        build: called with the object and its state, or None if it has no state.
        new: what NEWOBJ calls, if that is another function than :attr:`make`.
    """

    def __init__(
        self,
        make: Callable[..., Any],
        cost: int = OBJECT_COST,
        build: Callable[..., Any] | None = None,
        new: Callable[..., Any] | None = None,
    ):
        self.make, self.cost, self.build, self.new = make, cost, build, new or make


class Machine:
    """Runs one pickle.

    Args:
        data: the pickle.
        find: from ``"module.name"`` to a value of the file's own world: a :class:`Call`, or data such as a dtype.
        persistent: makes the object of a persistent id.
        budget: bytes that the objects may take.
    """

    def __init__(self, data: bytes, find: Callable[[str], Any], persistent: Callable[[Any], Any], budget: int):
        self._data, self._at = data, 0
        self._find, self._persistent = find, persistent
        self._budget = budget
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._builders: dict[int, tuple[Any, Callable[..., Any]]] = {}

    def run(self) -> Any:
        """The object.

        Raises:
            Refused: for what is broken or not data.
        """
        try:
            while (opcode := self._take(1)) != b".":
                operation = _OPERATIONS.get(opcode)
                if operation is None:
                    raise Refused(f"an opcode that data have no need of, {opcode!r}")
                self._spend(8)
                operation(self)
            return self._stack.pop()
        except Refused:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            raise Refused(f"broken near byte {self._at} ({error!r})") from error

    def _take(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if count < 0 or self._at > len(self._data):
            raise Refused("it ends too early")
        return self._data[start : self._at]

    def _unpack(self, layout: str) -> Any:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _line(self) -> str:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise Refused("it ends too early")
        line, self._at = self._data[self._at : end], end + 1
        return line.decode("utf-8")

    def _spend(self, cost: int) -> None:
        self._budget -= cost
        if self._budget < 0:
            raise Refused("it makes more objects than a file of this size may")

    def push(self, value: Any, cost: int = 0) -> None:
        self._spend(cost)
        self._stack.append(value)

    def _pop_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def mark(self) -> None:
        self._spend(OBJECT_COST)
        self._marks.append(self._stack)
        self._stack = []

    def text(self, layout: str) -> None:
        raw = self._take(self._unpack(layout))
        self.push(raw.decode("utf-8", "surrogatepass"), OBJECT_COST + 4 * len(raw))

    def raw(self, layout: str, kind: type = bytes) -> None:
        data = self._take(self._unpack(layout))
        self.push(kind(data), OBJECT_COST + 2 * len(data))

    def long(self, layout: str) -> None:
        digits = self._take(self._unpack(layout))
        self.push(int.from_bytes(digits, "little", signed=True), OBJECT_COST + 2 * len(digits))

    def tuple(self, count: int) -> None:
        items = [self._stack.pop() for _ in range(count)][::-1]
        self.push(tuple(items), OBJECT_COST)

    def get(self, layout: str) -> None:
        self.push(self._memo[self._unpack(layout)])

    def put(self, layout: str) -> None:
        self._spend(OBJECT_COST)
        self._memo[self._unpack(layout)] = self._stack[-1]

    def memoize(self) -> None:
        self._spend(OBJECT_COST)
        self._memo[len(self._memo)] = self._stack[-1]

    def name(self, full: str) -> None:
        self.push(self._find(full), OBJECT_COST)

    def stack_name(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self.name(f"{module}.{name}")

    def call(self, new: bool = False) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, Call) or type(arguments) is not tuple:
            raise Refused("a call of something that cannot be called")
        self._spend(function.cost)
        value = (function.new if new else function.make)(*arguments)
        if isinstance(value, str | bytes | bytearray):
            self._spend(len(value))
        if function.build is not None:
            self._spend(OBJECT_COST)
            self._builders[id(value)] = value, function.build
        self._stack.append(value)

    def build(self) -> None:
        state, value = self._stack.pop(), self._stack[-1]
        if id(value) in self._builders:
            self._builders[id(value)][1](value, state)
            self._spend(getattr(value, "nbytes", 0))
        elif type(value) is OrderedDict and type(state) is dict:
            vars(value).update(state)
        else:
            raise Refused(f"a state for an object of class {type(value).__name__}")

    def append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise Refused("items for something that is no list")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) not in (dict, OrderedDict, defaultdict, Counter):
            raise Refused("keys for something that is no dict")
        self._spend(OBJECT_COST * len(items) // 2)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[hashable(key)] = value

    def add_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not set:
            raise Refused("members for something that is no set")
        self._spend(OBJECT_COST * len(items))
        target.update(map(hashable, items))

    def persistent(self) -> None:
        self.push(self._persistent(self._stack.pop()))


def hashable(key: Any) -> Any:
    """A key whose hash is quick: not tuples of tuples of tuples, which can be exponentially many.

    Raises:
        Refused: for others.
    """
    if type(key) in _PRIMITIVE or not isinstance(key, tuple | frozenset | list | dict | set):
        return key
    if type(key) is tuple and all(type(item) in _PRIMITIVE for item in key):
        return key
    raise Refused("a key that is not plain")


_OPERATIONS: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": lambda m: _protocol(m._unpack("<B")),
    b"\x95": lambda m: _frame(m._unpack("<Q")),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"J": lambda m: m.push(m._unpack("<i"), 32),
    b"K": lambda m: m.push(m._unpack("<B")),
    b"M": lambda m: m.push(m._unpack("<H"), 32),
    b"\x8a": lambda m: m.long("<B"),
    b"\x8b": lambda m: m.long("<i"),
    b"G": lambda m: m.push(m._unpack(">d"), 32),
    b"X": lambda m: m.text("<I"),
    b"\x8c": lambda m: m.text("<B"),
    b"\x8d": lambda m: m.text("<Q"),
    b"C": lambda m: m.raw("<B"),
    b"B": lambda m: m.raw("<I"),
    b"\x8e": lambda m: m.raw("<Q"),
    b"\x96": lambda m: m.raw("<Q", bytearray),
    b")": lambda m: m.push(()),
    b"]": lambda m: m.push([], OBJECT_COST),
    b"}": lambda m: m.push({}, OBJECT_COST),
    b"\x8f": lambda m: m.push(set(), 2 * OBJECT_COST),
    b"(": Machine.mark,
    b"t": lambda m: m.push(tuple(m._pop_mark()), OBJECT_COST),
    b"\x85": lambda m: m.tuple(1),
    b"\x86": lambda m: m.tuple(2),
    b"\x87": lambda m: m.tuple(3),
    b"\x91": lambda m: m.push(frozenset(map(hashable, m._pop_mark())), 2 * OBJECT_COST),
    b"h": lambda m: m.get("<B"),
    b"j": lambda m: m.get("<I"),
    b"q": lambda m: m.put("<B"),
    b"r": lambda m: m.put("<I"),
    b"\x94": Machine.memoize,
    b"a": lambda m: m.append([m._stack.pop()]),
    b"e": lambda m: m.append(m._pop_mark()),
    b"s": lambda m: m.set_items([m._stack.pop(), m._stack.pop()][::-1]),
    b"u": lambda m: m.set_items(m._pop_mark()),
    b"\x90": lambda m: m.add_items(m._pop_mark()),
    b"c": lambda m: m.name(f"{m._line()}.{m._line()}"),
    b"\x93": Machine.stack_name,
    b"R": Machine.call,
    b"\x81": lambda m: m.call(new=True),
    b"b": Machine.build,
    b"Q": Machine.persistent,
}


def _protocol(version: int) -> None:
    if not 2 <= version <= 5:
        raise Refused(f"protocol {version}")


def _frame(length: int) -> None:
    """Frames say how much to read ahead; everything is there already."""
