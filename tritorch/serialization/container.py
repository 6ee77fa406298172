"""The container: a safetensors file, with checksums and a description of the saved object in its metadata.

Note [The format]: every file that ``save`` writes is a valid safetensors file: eight bytes with the length of a JSON
header, the header, the data. Every program that reads safetensors finds the tensors under readable names; one parser
and one writer serve state dicts and everything else. The metadata hold

- ``tritorch``: the version of the format and the CRC-32 of the length and the header, taken with its own digits as
  zeros. It stands first in the header, at a fixed place.
- ``tritorch.sums``: the CRC-32 of each entry's data, eight digits each, in the order of the header.
- ``tritorch.tree``: the saved object as JSON, in which tensors are references to entries (`tree.py`).

So every byte of a file is under a checksum. Entries follow each other without gaps, those of wide elements first, so
that each is aligned to its elements. A file of other programs has none of the three keys and loads as a dict.

Note [Bounded memory]: nothing is allocated for what a file merely claims. Offsets are checked against its size before
data are read, and the Python objects that a header can grow into are estimated from its punctuation before it is
parsed. ``save`` refuses what ``load`` would refuse.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from .errors import LoadError
from .files import Source

MAX_HEADER = 100_000_000  # bytes, as in safetensors
ALLOWANCE = 100_000_000  # bytes that loading may take beyond the size of the file

_DTYPES: dict[str, Any] = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2, "U16": np.uint16, "I16": np.int16, "F16": np.float16,
    "BF16": ml_dtypes.bfloat16, "U32": np.uint32, "I32": np.int32, "F32": np.float32, "U64": np.uint64,
    "I64": np.int64, "F64": np.float64, "C64": np.complex64,
}  # fmt: skip
DTYPES = {name: np.dtype(dtype) for name, dtype in _DTYPES.items()}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

_MARK = re.compile(rb'\A\{"__metadata__":\{"tritorch":"1:([0-9a-f]{8})"')
_MARK_AT = len(b'{"__metadata__":{"tritorch":"1:')
_ZEROS = b"00000000"


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a file: its type and shape, and where its data lie after the header."""

    dtype: np.dtype
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says.

    Attributes:
        entries: by name, in the order of the data. tree: the object. sums: the checksums of the entries' data.
            Both are None in a file of another program. data_at: where the data begin.
    """

    entries: dict[str, Entry]
    tree: Any
    sums: tuple[str, ...] | None
    data_at: int


def _digits(checksum: int) -> str:
    return f"{checksum:08x}"


def checksum(array: np.ndarray) -> str:
    """The CRC-32 of a contiguous array's bytes."""
    return _digits(zlib.crc32(array.reshape(-1).view(np.uint8).data))


def _cost(header: bytes) -> int:
    """No less than the bytes that the objects of a header take, parsed and then turned into what they describe."""
    brackets = header.count(b"[") + header.count(b"{")
    return 4 * len(header) + 250 * brackets + 75 * header.count(b",") + 100 * header.count(b":")


def write(file: BinaryIO, arrays: dict[str, np.ndarray], tree: Any) -> None:
    """Writes contiguous arrays, of the types of safetensors, and the description of an object.

    Raises:
        ValueError: if the description is too long for what :func:`read_header` takes.
    """
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    metadata = {
        "tritorch": f"1:{_ZEROS.decode()}",
        "tritorch.sums": "".join(checksum(arrays[name]) for name in order),
        "tritorch.tree": json.dumps(tree, separators=(",", ":"), allow_nan=False),
        "format": "pt",
    }
    description: dict[str, Any] = {"__metadata__": metadata}
    position = 0
    for name in order:
        array = arrays[name]
        offsets = [position, position := position + array.nbytes]
        description[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
    header = json.dumps(description, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER or _cost(header) > ALLOWANCE + position:
        raise ValueError(
            f"save: the plain Python part of the object takes {len(header)} bytes, which is too much; "
            "keep long lists of numbers in tensors or NumPy arrays"
        )
    length = struct.pack("<Q", len(header))
    file.write(length)
    file.write(_with_digits(header, _digits(zlib.crc32(length + header)).encode()))
    for name in order:
        if arrays[name].nbytes:
            file.write(arrays[name].reshape(-1).view(np.uint8).data)


def _with_digits(header: bytes, digits: bytes) -> bytes:
    return header[:_MARK_AT] + digits + header[_MARK_AT + len(digits) :]


def read_header(source: Source) -> Header:
    """The header of a file, with everything in it checked.

    Raises:
        LoadError: if anything in it is not as it must be.
    """
    length = source.read(0, min(8, source.size))
    size = int.from_bytes(length, "little")
    if len(length) < 8 or size > source.size - 8:
        raise source.error(
            "this is not a file that save wrote, nor one of safetensors or torch, or it is truncated or corrupted"
        )
    if size > MAX_HEADER:
        raise source.error(f"the header claims {size} bytes; at most {MAX_HEADER} are read")
    header = source.read(8, size)
    if _cost(header) > ALLOWANCE + source.size:
        raise source.error("the header would grow into more objects than a file of this size may")
    mark = _MARK.match(header)
    if mark and zlib.crc32(length + _with_digits(header, _ZEROS)) != int(mark[1], 16):
        raise source.error("the file is corrupted: the header does not match its checksum")
    try:
        return _parse(header, source, ours=mark is not None)
    except LoadError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise source.error(f"the file is corrupted: its header cannot be read ({type(error).__name__})") from None


def _parse(header: bytes, source: Source, ours: bool) -> Header:
    description = json.loads(header.decode("utf-8"), object_pairs_hook=_without_duplicates)
    metadata = description.pop("__metadata__", {})
    if not ours and any(key.startswith("tritorch") for key in metadata):
        raise source.error("the file is corrupted, or another program has rewritten it: its checksum is not in place")
    data_at = 8 + len(header)
    entries = {name: _entry(source, name, value) for name, value in description.items()}
    entries = dict(sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)))
    position = 0
    for name, entry in entries.items():
        if entry.start != position:
            raise source.error(f"the file is corrupted: there is a gap or an overlap in the data before {name!r}")
        position = entry.stop
    if data_at + position != source.size:
        raise source.error(
            f"the file is truncated or corrupted: it has {source.size} bytes, and its header speaks of "
            f"{data_at + position}"
        )
    if not ours:
        return Header(entries, None, None, data_at)
    sums = metadata["tritorch.sums"]
    if len(sums) != 8 * len(entries):
        raise source.error("the file is corrupted: it has not one checksum for each tensor")
    each = dict(zip(description, re.findall("." * 8, sums), strict=True))
    tree = json.loads(metadata["tritorch.tree"], object_pairs_hook=_without_duplicates)
    return Header(entries, tree, tuple(each[name] for name in entries), data_at)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key twice")
    return result


def _entry(source: Source, name: str, value: dict[str, Any]) -> Entry:
    shape, (start, stop) = value["shape"], value["data_offsets"]
    if value.keys() != {"dtype", "shape", "data_offsets"} or not all(_is_size(n) for n in [*shape, start, stop]):
        raise ValueError("not an entry")
    if value["dtype"] not in DTYPES:
        raise source.error(f"{name!r} is of type {value['dtype']}, which is not supported")
    dtype = DTYPES[value["dtype"]]
    numel = 1
    for n in shape:
        numel *= n
    if len(shape) > 64 or stop - start != numel * dtype.itemsize:
        raise source.error(f"the file is corrupted: {name!r} has not the bytes that its shape takes")
    return Entry(dtype, tuple(shape), start, stop)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 62


def read_arrays(source: Source, header: Header, mmap: bool) -> dict[str, np.ndarray]:
    """The data of all entries, by name.

    Args:
        mmap: map the file into memory instead of reading it. The data are then not compared with their checksums,
            since that would read them.

    Raises:
        LoadError: if data do not match their checksum.
    """
    names: Iterable[str] = header.entries
    if mmap:
        memory = source.map()[source.start + header.data_at :]
        return {name: _mapped(memory, header.entries[name]) for name in names}
    arrays = {}
    for name, expected in zip(names, header.sums or [None] * len(header.entries), strict=True):
        entry = header.entries[name]
        array = np.empty(entry.shape, entry.dtype)
        source.read_into(header.data_at + entry.start, array)
        if expected is not None and checksum(array) != expected:
            raise source.error(f"the file is corrupted: the data of {name!r} do not match their checksum")
        if entry.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
            raise source.error(f"the file is corrupted: {name!r} has values that are neither true nor false")
        arrays[name] = array
    return arrays


def _mapped(memory: np.ndarray, entry: Entry) -> np.ndarray:
    raw = memory[entry.start : entry.stop]
    if entry.dtype == np.bool_:
        raw = raw != 0
    elif raw.__array_interface__["data"][0] % entry.dtype.itemsize:
        raw = raw.copy()  # another program's file: not aligned
    return raw.view(entry.dtype).reshape(entry.shape)
