"""Files made to harm: refused with a LoadError, with little memory, and nothing in them is run (row 25).

`TRITORCH_FUZZ=1000000 pytest tests/test_load_fuzz.py` mutates a million files in place of ten thousand.
"""

import io
import json
import os
import pathlib
import pickle
import random
import struct
import time
import zipfile
import zlib
from collections import OrderedDict

import numpy as np
import pytest
import safetensors.numpy

import tritorch
from tritorch.serialization import LoadError, container

COUNT = int(os.environ.get("TRITORCH_FUZZ", "10000"))
FILES = pathlib.Path(__file__).parent / "files"
MEGABYTE = 1_000_000


def saved(obj):
    file = io.BytesIO()
    tritorch.save(obj, file)
    return file.getvalue()


def with_tree(tree, arrays=None):
    """A file with valid checksums whose description is another."""
    file = io.BytesIO()
    container.write(file, arrays or {"x": np.arange(4, dtype=np.float32)}, tree)
    return file.getvalue()


def with_header(header, data=b"", mend=True):
    """A file with that header, its checksum mended if it has one."""
    header = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    length = struct.pack("<Q", len(header))
    at = header.find(b'"tritorch":"1:') + 14
    if mend and at >= 14:
        zeroed = header[:at] + b"0" * 8 + header[at + 8 :]
        header = header[:at] + b"%08x" % zlib.crc32(length + zeroed) + header[at + 8 :]
    return length + header + data


def foreign(**entries):
    return with_header(
        {name: dict(zip(("dtype", "shape", "data_offsets"), e, strict=True)) for name, e in entries.items()}
    )


def zipped(pickled, extra=(), compression=zipfile.ZIP_STORED, name="archive/data.pkl"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(name, pickled)
        for key, data in {"archive/byteorder": b"little", "archive/data/0": bytes(16), **dict(extra)}.items():
            archive.writestr(key, data)
    return file.getvalue()


def opcodes(body):
    return zipped(b"\x80\x02" + body + b".")


def call(module, name, arguments=b")"):
    return b"c" + module + b"\n" + name + b"\n" + arguments + b"R"


STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"


def tensor(geometry, storage=STORAGE):
    return call(b"torch._utils", b"_rebuild_tensor_v2", b"(" + storage + geometry + b"\x89Nt")


def long_string(length):
    return b"X" + struct.pack("<I", length) + b"x" * length


def overlapping_zip():
    """A directory whose thousand entries are the same data."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02N.")
        archive.writestr("archive/data/0", bytes(MEGABYTE))
        first = archive.infolist()[1]
        for i in range(1, 1000):
            twin = zipfile.ZipInfo(f"archive/data/{i}")
            twin.file_size = twin.compress_size = first.file_size
            twin.CRC, twin.header_offset = first.CRC, first.header_offset
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
    return file.getvalue()


def nested_json(n):
    return b'{"a":' + b"[" * n + b"]" * n + b"}"


WINDOW = ["tensor", "x", "float32"]
HOSTILE = {
    "header longer than the file": lambda: struct.pack("<Q", 1 << 62) + b"{}",
    "header over the limit": lambda: struct.pack("<Q", 100_000_008) + b" " * 100_000_008,
    "header of empty lists": lambda: with_header(b'{"__metadata__":{},"a":[' + b"[]," * 3_000_000 + b"[]]}"),
    "header of empty objects": lambda: with_header(b'{"a":[' + b"{}," * 3_000_000 + b"{}]}"),
    "wide string": lambda: with_header(b'{"a":"' + "\U0001f600".encode() + b"x" * 40_000_000 + b'"}'),
    "deep header": lambda: with_header(nested_json(200_000)),
    "not json": lambda: with_header(b"{nothing}"),
    "not utf-8": lambda: with_header(b'{"\xff":1}'),
    "a list": lambda: with_header(b"[]"),
    "a key twice": lambda: with_header(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":1}'),
    "gap": lambda: foreign(a=("U8", [1], [1, 2])) + b"ab",
    "overlap": lambda: foreign(a=("U8", [2], [0, 2]), b=("U8", [2], [1, 3])) + b"abc",
    "bytes left over": lambda: foreign(a=("U8", [1], [0, 1])) + b"ab",
    "outside": lambda: foreign(a=("F32", [1 << 40], [0, 4 << 40])) + b"abcd",
    "shape that overflows": lambda: foreign(a=("F32", [1 << 33, 1 << 33], [0, 16])) + bytes(16),
    "negative size": lambda: foreign(a=("U8", [-1], [0, -1])),
    "negative offset": lambda: foreign(a=("U8", [4], [-4, 0])),
    "fraction": lambda: foreign(a=("U8", [1.0], [0, 1])) + b"a",
    "true as a size": lambda: foreign(a=("U8", [True], [0, 1])) + b"a",
    "offsets swapped": lambda: foreign(a=("U8", [1], [1, 0])) + b"a",
    "too many dimensions": lambda: foreign(a=("U8", [1] * 65, [0, 1])) + b"a",
    "unknown type": lambda: foreign(a=("F4", [1], [0, 1])) + b"a",
    "neither true nor false": lambda: foreign(a=("BOOL", [1], [0, 1])) + b"\x02",
    "number of five thousand digits": lambda: with_header(b'{"a":' + b"9" * 5000 + b"}"),
    "checksum out of place": lambda: with_header({"__metadata__": {"a": "b", "tritorch": "1:00000000"}}, mend=False),
    "no checksums of data": lambda: with_header({"__metadata__": {"tritorch": "1:00000000", "tritorch.tree": "1"}}),
    "no description": lambda: with_header({"__metadata__": {"tritorch": "1:00000000", "tritorch.sums": ""}}),
    "description that is no text": lambda: with_header(
        {"__metadata__": {"tritorch": "1:00000000", "tritorch.sums": "", "tritorch.tree": 1}}
    ),
    "deep description": lambda: with_header(
        b'{"__metadata__":{"tritorch":"1:00000000","tritorch.sums":"","tritorch.tree":"'
        + b'[\\"list\\",' * 100_000 + b"1" + b"]" * 100_000 + b'"}}'
    ),
    "unknown tag": lambda: with_tree(["eval", "1+1"]),
    "tag that is no text": lambda: with_tree([["list"], 1]),
    "missing entry": lambda: with_tree(["tensor", "y"]),
    "window outside": lambda: with_tree([*WINDOW, 0, [5], [1]]),
    "window before": lambda: with_tree([*WINDOW, -4, [1], [1]]),
    "window with a negative stride": lambda: with_tree([*WINDOW, 12, [4], [-1]]),
    "window far outside": lambda: with_tree([*WINDOW, 0, [1 << 61, 1 << 61], [1 << 61, 1]]),
    "window not aligned": lambda: with_tree([*WINDOW, 1, [1], [1]]),
    "window of strings": lambda: with_tree([*WINDOW, 0, ["1"], ["1"]]),
    "window of objects": lambda: with_tree(["tensor", "x", "object", 0, [1], [1]]),
    "a tebibyte of bytes": lambda: with_tree(["bytes", ["array", "x", "uint8", 0, [1 << 40], [0]]]),
    "bytes again and again": lambda: with_tree(
        ["list", *[["bytes", ["array", "x"]]] * 2000], {"x": np.zeros(MEGABYTE, np.uint8)}
    ),
    "unhashable key": lambda: with_tree(["dict", ["list"], 1]),
    "key without a value": lambda: with_tree(["dict", 1]),
    "dtype that is a function": lambda: with_tree(["dtype", "zeros"]),
    "device that is none": lambda: with_tree(["device", "/etc/passwd"]),
    "factory that is none": lambda: with_tree(["defaultdict", "eval"]),
    "namespace of another class": lambda: with_tree(["namespace", "Popen", "args", "true"]),
    "integer that requires grad": lambda: with_tree(["grad", ["tensor", "x"]], {"x": np.arange(3)}),
    "json object": lambda: with_tree({"a": 1}),
    "zip without a pickle": lambda: zipped(b"", name="archive/other"),
    "compressed pickle": lambda: zipped(b"\x80\x02" + b"N0" * 10_000_000 + b"N.", compression=zipfile.ZIP_DEFLATED),
    "compressed storage": lambda: zipped(b"", {"archive/data/1": bytes(300 * MEGABYTE)}, zipfile.ZIP_DEFLATED),
    "entries that overlap": overlapping_zip,
    "directory of a million entries": lambda: b"PK\x03\x04" + b"PK\x01\x02".ljust(46, b"\0") * 1_000_000
        + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 65535, 65535, 46_000_000, 4, 0),
    "torchscript": lambda: zipped(b"\x80\x02N.", {"archive/constants.pkl": b""}),
    "big endian": lambda: zipped(b"\x80\x02N.", {"archive/byteorder": b"big"}),
    "os.system": lambda: opcodes(call(b"os", b"system", long_string(4) + b"\x85")),
    "builtins.eval": lambda: opcodes(call(b"builtins", b"eval", long_string(1) + b"\x85")),
    "name on the stack": lambda: opcodes(long_string(2) + long_string(4) + b"\x93"),
    "class made by INST": lambda: opcodes(b"(ios\nsystem\n"),
    "extension registry": lambda: opcodes(b"\x82\x01"),
    "call of a tensor type": lambda: opcodes(call(b"torch", b"Tensor")),
    "memo index": lambda: opcodes(b"Nj\xff\xff\xff\x7f"),
    "string longer than the file": lambda: opcodes(b"X\xff\xff\xff\x7fabc"),
    "bytes longer than memory": lambda: opcodes(b"\x8e" + struct.pack("<Q", 1 << 62)),
    "integer of a negative length": lambda: opcodes(b"\x8b\xff\xff\xff\xff"),
    "stack underflow": lambda: opcodes(b"0"),
    "mark without a mark": lambda: opcodes(b"t"),
    "a million lists": lambda: opcodes(b"(" + b"]" * 1_500_000 + b"l"),
    "a million tensors": lambda: opcodes(b"(" + (tensor(b"K\x00K\x01\x85K\x01\x85") * 90_000) + b"t"),
    "key that hashes for ever": lambda: opcodes(b"}K\x01q\x00" + b"\x85q\x00h\x00h\x00\x86q\x00" * 60 + b"h\x00Ns"),
    "set of a long range": lambda: opcodes(
        call(b"builtins", b"set", call(b"builtins", b"range", b"J\xff\xff\xff\x7f\x85") + b"\x85")
    ),
    "list of a long range": lambda: opcodes(
        call(b"builtins", b"list", call(b"builtins", b"range", b"J\xff\xff\xff\x7f\x85") + b"\x85")
    ),
    "bytearray of a number": lambda: opcodes(call(b"builtins", b"bytearray", b"J\xff\xff\xff\x7f\x85")),
    "encoding again and again": lambda: opcodes(
        long_string(MEGABYTE) + b"q\x00" + long_string(6).replace(b"xxxxxx", b"latin1") + b"q\x01(" +
        b"c_codecs\nencode\nh\x00h\x01\x86R" * 2000 + b"t"
    ),
    "storage that is not there": lambda: opcodes(STORAGE.replace(b"0X\x03", b"7X\x03")),
    "storage of another size": lambda: opcodes(STORAGE.replace(b"K\x04tQ", b"K\x05tQ")),
    "tensor outside its storage": lambda: opcodes(tensor(b"K\x00K\x05\x85K\x01\x85")),
    "tensor before its storage": lambda: opcodes(tensor(b"J\xff\xff\xff\xffK\x01\x85K\x01\x85")),
    "tensor with sizes of a range": lambda: opcodes(
        tensor(b"K\x00" + call(b"builtins", b"range", b"J\xff\xff\xff\x7f\x85") + b"K\x01\x85")
    ),
    "numpy objects": lambda: opcodes(call(b"numpy", b"dtype", b"X\x01\x00\x00\x00O\x85")),
    "numpy array of another size": lambda: opcodes(
        call(b"numpy._core.multiarray", b"_reconstruct", b"cnumpy\nndarray\nK\x00\x85C\x01b\x87")
        + b"(K\x01J\xff\xff\xff\x7f\x85" + call(b"numpy", b"dtype", b"X\x02\x00\x00\x00f4\x85") + b"\x89C\x04abcdtb"
    ),
    "state for a number": lambda: opcodes(b"K\x01}b"),
    "items for a tuple": lambda: opcodes(b")Na"),
    "protocol 0": lambda: zipped(b"I1\n."),
}  # fmt: skip


def peak_memory(reset=False):
    """The most memory that this process has had, since it was last reset."""
    if reset:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(name):
    data = HOSTILE[name]()
    start, before = time.monotonic(), peak_memory(reset=True)
    with pytest.raises(LoadError):
        tritorch.load(io.BytesIO(data))
    assert peak_memory() - before < 2 * len(data) + 100 * MEGABYTE
    assert time.monotonic() - start < 30


def test_how_many_hostile_files(figure):
    figure("hostile files refused", len(HOSTILE))
    assert len(HOSTILE) >= 50


def test_the_builders_make_loadable_files():
    """Else the hostile files could be refused for another reason than the one they are named for."""
    assert tritorch.load(io.BytesIO(with_tree(["list", [*WINDOW, 4, [2], [2]]])))[0].tolist() == [1, 3]
    assert tritorch.load(io.BytesIO(foreign(a=("U8", [2], [0, 2])) + b"ab"))["a"].tolist() == [97, 98]
    header = {"__metadata__": {"tritorch": "1:00000000", "tritorch.sums": "", "tritorch.tree": '["list",1]'}}
    assert tritorch.load(io.BytesIO(with_header(header))) == [1]
    assert tritorch.load(io.BytesIO(opcodes(tensor(b"K\x01K\x02\x85K\x02\x85")))).tolist() == [0, 0]
    assert tritorch.load(io.BytesIO(opcodes(b"}(K\x01K\x02u"))) == {1: 2}
    array = call(b"numpy._core.multiarray", b"_reconstruct", b"cnumpy\nndarray\nK\x00\x85C\x01b\x87")
    array += b"(K\x01K\x01\x85" + call(b"numpy", b"dtype", b"X\x02\x00\x00\x00f4\x85") + b"\x89C\x04abcdtb"
    assert tritorch.load(io.BytesIO(opcodes(array))).shape == (1,)


def mutate(data, rng):
    """One to four changes: a bit, a byte, a stretch removed, doubled, moved or filled, a number made extreme."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(data) + 1), rng.choice([1, 2, 4, 8, 64])
        piece = data[at : at + length]
        change = rng.randrange(6)
        if change == 0 and piece:
            data[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            data[at : at + length] = rng.randbytes(len(piece))
        elif change == 2:
            del data[at : at + length]
        elif change == 3:
            data[at:at] = piece * rng.choice([1, 3, 50])
        elif change == 4:
            to = rng.randrange(len(data) + 1)
            data[to : to + len(piece)] = piece
        else:
            data[at : at + len(piece)] = rng.choice([b"\xff", b"\x00", b"\x7f", b"9", b"["]) * len(piece)
        data = data or bytearray(b"\0")
    return bytes(data)


def plain_samples():
    state = OrderedDict(a=tritorch.arange(6.0).reshape(2, 3), b=tritorch.ones(3).bfloat16(), c=tritorch.tensor(1))
    nested = {"state": state, "t": state["a"].t(), "epoch": 3, "lr": [0.1, None, "x"], "s": {1, 2}, "b": b"abc"}
    arrays = {"x": np.arange(4.0), "y": np.array([True, False])}
    return {"state dict": saved(state), "nested": saved(nested), "foreign": safetensors.numpy.save(arrays)}


def mutated_files(rng, count):
    """Files with damage on all levels: bytes anywhere, and headers and pickles under checksums that are right."""
    plain = plain_samples()
    torch_file = (FILES / "torch_2_13.pt").read_bytes()
    with zipfile.ZipFile(io.BytesIO(torch_file)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in entries if name.endswith("data.pkl"))
    whole = [*plain.values(), torch_file]
    headers = [(data[8 : 8 + (n := int.from_bytes(data[:8], "little"))], data[8 + n :]) for data in plain.values()]
    for _ in range(count):
        kind = rng.randrange(3)
        if kind == 0:
            yield mutate(rng.choice(whole), rng)
        elif kind == 1:
            header, data = rng.choice(headers)
            yield with_header(mutate(header, rng), data)
        else:
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                for name, data in entries.items():
                    archive.writestr(name, mutate(data, rng) if name == pickled else data)
            yield file.getvalue()


def test_mutated_files(figure):
    rng = random.Random(0)
    before, loaded, refused, slowest = peak_memory(reset=True), 0, 0, 0.0
    for data in mutated_files(rng, COUNT):
        start = time.perf_counter()
        try:
            tritorch.load(io.BytesIO(data), map_location="cpu")
            loaded += 1
        except LoadError:
            refused += 1
        slowest = max(slowest, time.perf_counter() - start)
    grown = (peak_memory() - before) / MEGABYTE
    figure("mutated files", COUNT)
    figure("of these, refused; the rest had harmless changes", refused)
    figure("megabytes that the process grew by meanwhile", grown)
    figure("slowest load of a mutated file, seconds", slowest)
    assert loaded + refused == COUNT and refused > COUNT // 2
    assert grown < 100


def test_nothing_in_a_file_is_run(tmp_path):
    trace = tmp_path / "it ran"

    class Run:
        def __reduce__(self):
            return os.mkdir, (str(trace),)

    for protocol in (2, 4, 5):
        pickled = pickle.dumps([Run()], protocol)
        for data in (pickled, zipped(pickled)):
            for weights_only in (None, True, False):
                with pytest.raises(LoadError):
                    tritorch.load(io.BytesIO(data), weights_only=weights_only)
    assert not trace.exists()
