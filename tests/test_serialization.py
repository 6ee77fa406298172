"""Files: what is saved is what is loaded; damage is noticed; an old file is never lost (reliability rows 26 and 27)."""

import argparse
import io
import os
import pathlib
import pickle
import resource
import signal
import time
import types
import warnings
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import tritorch
from tritorch import nn
from tritorch.serialization import (
    LoadError,
    add_safe_globals,
    clear_safe_globals,
    container,
    get_safe_globals,
    safe_globals,
)

FILES = pathlib.Path(__file__).parent / "files"
DTYPES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
]  # fmt: skip


def round_trip(obj, **options):
    file = io.BytesIO()
    tritorch.save(obj, file)
    file.seek(0)
    return tritorch.load(file, **options)


def raw(tensor):
    """A tensor's values as bytes, so that NaN equals NaN."""
    return np.ascontiguousarray(tensor.detach()._array).tobytes()


def same(a, b):
    if isinstance(a, tritorch.Tensor):
        facts = [(t.dtype, t.shape, t.requires_grad, isinstance(t, nn.Parameter), raw(t)) for t in (a, b)]
        return facts[0] == facts[1]
    if isinstance(a, np.ndarray | np.generic):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or a != a


@pytest.fixture
def state():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).state_dict()


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (2, 3)])
def test_every_type(name, shape):
    dtype = getattr(tritorch, name)
    tensor = (tritorch.arange(6)[: int(np.prod(shape))] % 2).reshape(shape).to(dtype)
    assert same(round_trip(tensor), tensor)
    assert round_trip(dtype) is dtype


@pytest.mark.parametrize(
    "obj",
    [
        None, True, 0, -(2**63), 2**63, 2**200, 1.5, -0.0, float("inf"), float("nan"), 1 + 2j, complex("nan+infj"),
        "", "é\0\ud800", b"", b"\x00\xff" * 100, bytearray(b"ab"), range(1, 9, 2), slice(1, None, 2),
        tritorch.Size([2, 3]), tritorch.device("cpu"), [], (), {}, [[]], ((),), {1, "a", (2, 3)}, frozenset([1]),
        {(1, "a"): 1, 2: 3, None: 4, 1.5: 5}, Counter("aab"), defaultdict(list, a=[1]), defaultdict(None, a=1),
        OrderedDict(b=1, a=2), argparse.Namespace(a=[1]), types.SimpleNamespace(b=2), pathlib.Path("/a/b"),
        np.float32(2.5), np.int64(3), np.bool_(True), np.arange(6).reshape(2, 3), np.arange(5)[::-1], np.array(3),
        np.asfortranarray(np.arange(6).reshape(2, 3)), np.zeros((0, 2)), np.arange(4, dtype=np.uint16),
        np.array([1 + 2j]), {"a": [{"b": (1, [2])}]},
    ],
    ids=lambda value: type(value).__name__,  # the repr of a set is another in every process
)  # fmt: skip
def test_every_kind_of_object(obj):
    assert same(round_trip(obj), obj)


def test_state_dict(state, tmp_path):
    tritorch.save(state, tmp_path / "a.pt")
    loaded = tritorch.load(tmp_path / "a.pt")
    assert same(loaded, state) and loaded._metadata == state._metadata
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model.load_state_dict(loaded)
    assert same(OrderedDict(model.state_dict()), OrderedDict(state))


def test_training_state():
    model = nn.Linear(3, 2)
    optimizer = tritorch.optim.AdamW(model.parameters(), lr=0.1)
    model(tritorch.ones(1, 3)).sum().backward()
    optimizer.step()
    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rng": tritorch.get_rng_state()}
    loaded = round_trip(saved)
    assert same(loaded["optimizer"], saved["optimizer"]) and same(loaded["rng"], saved["rng"])
    optimizer.load_state_dict(loaded["optimizer"])
    tritorch.set_rng_state(loaded["rng"])


def test_parameters_and_requires_grad():
    saved = {"p": nn.Parameter(tritorch.ones(2)), "frozen": nn.Parameter(tritorch.ones(2), requires_grad=False),
             "g": tritorch.ones(2, requires_grad=True), "result": tritorch.ones(2, requires_grad=True) * 2}  # fmt: skip
    loaded = round_trip(saved)
    assert type(loaded["p"]) is nn.Parameter and loaded["p"].requires_grad
    assert type(loaded["frozen"]) is nn.Parameter and not loaded["frozen"].requires_grad
    assert type(loaded["g"]) is tritorch.Tensor and loaded["g"].requires_grad and loaded["result"].is_leaf


def test_shared_memory_is_shared_again():
    w = tritorch.arange(12.0).reshape(3, 4)
    views = {"w": w, "tied": w, "detached": w.detach(), "row": w[1], "t": w.t(), "step": w[:, ::2]}
    views["bits"] = w.view(tritorch.int32)
    loaded = round_trip({**views, "apart": tritorch.zeros(3)})
    for name, tensor in views.items():
        assert same(loaded[name], tensor) and loaded[name].stride() == tensor.stride()
    loaded["w"][1, 2] = 77
    assert [float(loaded[name][1, 2]) for name in ("tied", "detached")] == [77, 77]
    assert float(loaded["row"][2]) == float(loaded["t"][2, 1]) == float(loaded["step"][1, 1]) == 77
    assert int(loaded["bits"][1, 2]) == int(tritorch.tensor(77.0).view(tritorch.int32))
    parts = round_trip([w[0], w[1:]])  # they touch, and do not overlap
    parts[0].fill_(-1)
    assert parts[1].tolist() == w[1:].tolist()


def test_overlapping_views_without_their_base():
    base = tritorch.arange(100.0)
    a, b = round_trip([base[10:60:5], base[40:]])
    assert a.tolist() == base[10:60:5].tolist() and a.stride() == (5,)
    a[6] = -1
    assert b[0] == -1
    mixed = tritorch.arange(16, dtype=tritorch.uint8)
    c, d = round_trip([mixed[3:], mixed.view(tritorch.float32)[1:]])
    assert c.tolist() == mixed[3:].tolist() and d.tolist() == mixed.view(tritorch.float32)[1:].tolist()


def test_strides_are_kept_and_thin_views_are_small():
    for tensor in (tritorch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1), tritorch.ones(1).expand(5)):
        loaded = round_trip(tensor)
        assert same(loaded, tensor) and loaded.stride() == tensor.stride()
    file = io.BytesIO()
    tritorch.save(tritorch.zeros(1000, 1000)[:, 3], file)
    assert len(file.getvalue()) < 5000


def test_other_programs_read_it(tmp_path, state):
    saved = {**state, "half": tritorch.ones(3).bfloat16(), "nested": {"x": tritorch.arange(3)}, "lr": 0.1}
    tritorch.save(saved, tmp_path / "a.safetensors")
    arrays = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert arrays.keys() == {*state, "half", "nested.x"}
    assert all(arrays[name].tobytes() == raw(tensor) for name, tensor in state.items())
    assert arrays["half"].tolist() == [1, 1, 1] and arrays["nested.x"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", DTYPES)
def test_every_type_is_described_as_safetensors_wants(name):
    file = io.BytesIO()
    tritorch.save({"x": tritorch.arange(4).to(getattr(tritorch, name))}, file)
    ((key, entry),) = safetensors.deserialize(file.getvalue())
    assert key == "x" and len(entry["data"]) == 4 * getattr(tritorch, name).itemsize


def test_it_reads_other_programs_files(tmp_path):
    arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([True]), "c": np.zeros((0, 2), np.int8)}
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors", metadata={"by": "someone"})
    for mmap in (None, True):
        loaded = tritorch.load(tmp_path / "a.safetensors", mmap=mmap)
        assert type(loaded) is dict and loaded.keys() == arrays.keys()
        assert all(loaded[name].numpy().tolist() == array.tolist() for name, array in arrays.items())


def expected_of_torch():
    w = tritorch.arange(12.0).reshape(3, 4)
    return {
        "state": OrderedDict(weight=w, tied=w, row=w[1], t=w.t()), "p": nn.Parameter(tritorch.ones(2)),
        "grad": tritorch.ones(2, requires_grad=True),
        "types": {name: tritorch.arange(3).to(getattr(tritorch, name)) for name in DTYPES},
        "numpy": [np.arange(3), np.float32(2.5), np.asfortranarray(np.arange(6).reshape(2, 3))],
        "dtype": tritorch.float16, "device": tritorch.device("cpu"), "size": tritorch.Size([1, 2]),
        "args": argparse.Namespace(lr=0.1, name="a"), "counter": Counter("aab"), "default": defaultdict(list, a=[1]),
        "set": {1, 2}, "frozen": frozenset([1]), "bytes": b"abc\xff", "bytearray": bytearray(b"xx"), "complex": 1 + 2j,
        "slice": slice(1, None), "range": range(3), "path": pathlib.Path("/a/b"), "big": 2**100, "none": None,
        "float": 1.5, "tuple": (1, (2, "é")), "long": "x" * 300,
        "list": [True, -5, 70000, -(2**40)], "scalar": tritorch.tensor(3),
        "empty": tritorch.zeros(0, 4),
    }  # fmt: skip


@pytest.mark.parametrize("mmap", [None, True])
@pytest.mark.parametrize("weights_only", [None, True, False])
def test_it_reads_what_torch_wrote(mmap, weights_only):
    """The file was written by torch 2.13 from the object of `expected_of_torch`, with torch's names."""
    loaded, expected = tritorch.load(FILES / "torch_2_13.pt", mmap=mmap, weights_only=weights_only), expected_of_torch()
    assert loaded.keys() == expected.keys()
    assert [key for key in expected if key != "types" and not same(loaded[key], expected[key])] == []
    assert [name for name in DTYPES if not same(loaded["types"][name], expected["types"][name])] == []
    assert loaded["state"]._metadata == {"": {"version": 1}}
    loaded["state"]["weight"][1, 2] = 77
    assert loaded["state"]["tied"][1, 2] == loaded["state"]["row"][2] == loaded["state"]["t"][2, 1] == 77


def test_it_goes_on_from_torchs_checkpoint():
    loaded = tritorch.load(FILES / "torch_2_13_training.pt")
    model = nn.Linear(2, 2)
    model.load_state_dict(loaded["model"])
    assert model(tritorch.ones(1, 2)).tolist() == [[1.5, 1.5]] and loaded["epoch"] == 3
    optimizer = tritorch.optim.AdamW(model.parameters(), amsgrad=True)
    optimizer.load_state_dict(loaded["optimizer"])
    model(tritorch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert model.bias.tolist()[0] < 0.5


def test_classes_in_torchs_files_are_refused_by_name():
    with pytest.raises(LoadError, match=r"refers to torch\.nn\.modules\.linear\.Linear, which is not data"):
        tritorch.load(FILES / "torch_2_13_module.pt", weights_only=False)


def test_safe_globals():
    names = ["torch.nn.modules.linear.Linear"]
    with safe_globals([(types.SimpleNamespace, name) for name in names]):
        loaded = tritorch.load(FILES / "torch_2_13_module.pt")
    assert loaded.in_features == 2 and loaded._parameters["weight"].shape == (2, 2)
    assert get_safe_globals() == []
    add_safe_globals([Counter])
    assert get_safe_globals() == [Counter]
    clear_safe_globals()
    assert get_safe_globals() == []


def test_map_location(tmp_path):
    w = tritorch.arange(6.0).reshape(2, 3)
    seen = []

    def identity(tensor, device):
        seen.append((tensor.numel(), device))
        return tensor

    for where in ("cpu", tritorch.device("cpu"), {"cuda:0": "cpu"}, identity, lambda tensor, device: None):
        loaded = round_trip({"w": w, "t": w.t(), "p": nn.Parameter(w)}, map_location=where)
        assert same(loaded["t"], w.t()) and same(loaded["p"], nn.Parameter(w))
        loaded["w"][0, 1] = 9
        assert loaded["t"][1, 0] == 9
        other = tritorch.load(FILES / "torch_2_13.pt", map_location=where)["state"]
        other["weight"][0, 0] = 9
        assert other["row"].tolist() == [4, 5, 6, 7] and other["t"][0, 0] == 9
    assert seen[0] == (6, "cpu")
    doubled = round_trip({"w": w}, map_location=lambda tensor, device: tensor * 2)
    assert doubled["w"].tolist() == (w * 2).tolist()
    with pytest.raises(TypeError, match="map_location should be a device, a string, a dict or a callable, not int"):
        round_trip(w, map_location=3)


def test_a_device_that_is_not_here():
    file = io.BytesIO()
    container.write(file, {"x": np.ones(2, np.float32)}, ["on", "cuda:3", ["parameter", ["tensor", "x"], True]])
    file.seek(0)
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on device cuda:3"):
        tritorch.load(file)
    file.seek(0)
    assert tritorch.load(file, map_location="cpu").tolist() == [1, 1]
    file.seek(0)
    assert isinstance(tritorch.load(file, map_location={"cuda:3": "cpu"}), nn.Parameter)


def test_mmap(tmp_path):
    path = tmp_path / "a.pt"
    tritorch.save({"x": tritorch.zeros(1000), "b": tritorch.tensor([True])}, path)
    before = path.read_bytes()
    loaded = tritorch.load(path, mmap=True)
    loaded["x"].add_(1)
    assert loaded["x"].sum() == 1000 and path.read_bytes() == before
    with open(path, "rb") as file, pytest.raises(ValueError, match="f must be a file path in order to use the mmap"):
        tritorch.load(file, mmap=True)


def test_file_objects(tmp_path):
    class OnlyRead:
        def __init__(self, data):
            self.read = io.BytesIO(data).read

    file = io.BytesIO(b"before")
    file.seek(6)
    tritorch.save([tritorch.ones(2)], file)
    file.seek(6)
    assert tritorch.load(file)[0].tolist() == [1, 1]
    assert tritorch.load(OnlyRead(file.getvalue()[6:]))[0].tolist() == [1, 1]
    with open(FILES / "torch_2_13.pt", "rb") as torch_file:
        assert tritorch.load(torch_file)["float"] == 1.5
    with pytest.raises(AttributeError, match="a 'read' attribute"):
        tritorch.load(3)
    with pytest.raises(AttributeError, match="a 'write' attribute"):
        tritorch.save(3, 3)


def test_paths(tmp_path):
    with pytest.raises(RuntimeError, match=r"Parent directory .*nowhere does not exist\."):
        tritorch.save(1, tmp_path / "nowhere" / "a.pt")
    with pytest.raises(FileNotFoundError):
        tritorch.load(tmp_path / "a.pt")
    path, link = tmp_path / "a.pt", tmp_path / "link.pt"
    tritorch.save(1, path)
    path.chmod(0o640)
    link.symlink_to(path)
    tritorch.save(2, str(link))
    assert link.is_symlink() and tritorch.load(path) == 2 and path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["a.pt", "link.pt"]
    tritorch.save(1, os.devnull)
    assert not os.path.isfile(os.devnull)


def test_what_cannot_be_saved():
    class Own:
        pass

    loop = []
    loop.append({"again": loop})
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for obj, error, text in [
        ({"m": [nn.Linear(1, 1)]}, TypeError, r"object of class \w+\.nn\..*Linear \(at 'm\.0'\)"),
        (Own(), TypeError, "cannot store an object of class"),
        (loop, ValueError, "contains itself"),
        (np.array(["a"]), TypeError, "cannot store a NumPy array of type <U1"),
        (defaultdict(lambda: 1), TypeError, "defaultdict whose factory"),
        (deep, ValueError, "nested too deeply"),
        (list(range(10**6)) * 3, ValueError, "keep long lists of numbers in tensors"),
    ]:
        with pytest.raises(error, match=text):
            tritorch.save(obj, io.BytesIO())
    while deep:
        deep = deep.pop()


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.pt"
    tritorch.save("old", path)
    with pytest.raises(TypeError):
        tritorch.save({"x": tritorch.zeros(10**6), "m": object()}, path)
    assert tritorch.load(path) == "old" and os.listdir(tmp_path) == ["a.pt"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.pt"
    tritorch.save("old", path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            tritorch.save(tritorch.zeros(10**6), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert tritorch.load(path) == "old" and os.listdir(tmp_path) == ["a.pt"]
    with pytest.raises(OSError, match="No space left on device"):
        tritorch.save(tritorch.zeros(10), "/dev/full")


def test_killed_while_saving(tmp_path, figure):
    """A child saves version after version and is killed: what is there is one of them, whole (row 26)."""
    path, rng, versions = tmp_path / "a.pt", np.random.default_rng(0), set()
    tritorch.save({"version": 0, "x": tritorch.full((1000,), 0.0)}, path)
    for _ in range(500):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks where BLAS has threads
            child = os.fork()
        if child == 0:
            version = tritorch.load(path)["version"]
            while True:
                version += 1
                tritorch.save({"version": version, "x": tritorch.full((1000,), float(version))}, path)
        time.sleep(rng.uniform(0.0005, 0.008))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        loaded = tritorch.load(path)
        assert (loaded["x"] == loaded["version"]).all()
        versions.add(loaded["version"])
    unfinished = [name for name in os.listdir(tmp_path) if name != "a.pt"]
    assert all(name.startswith(".a.pt.") and name.endswith(".part") for name in unfinished)
    figure("kills while saving, files that load", "500 of 500")
    figure("of these, killed within a save", len(unfinished))
    assert len(versions) > 10 and unfinished


def flips(data, positions):
    for position in positions:
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        yield bytes(damaged)


def noticed(damaged):
    try:
        tritorch.load(io.BytesIO(damaged))
    except LoadError:
        return True
    return False


@pytest.mark.parametrize("kind", ["state dict", "nested"])
def test_flipped_bits_are_noticed(kind, state, figure):
    """Row 27: 1,000 of 1,000; and every bit of the header."""
    file = io.BytesIO()
    nested = {"state": state, "epoch": 3, "half": tritorch.ones(300).half(), "n": [1.5, "a"]}
    obj = state if kind == "state dict" else nested
    tritorch.save(obj, file)
    data = file.getvalue()
    header = 8 * (8 + int.from_bytes(data[:8], "little"))
    anywhere = np.random.default_rng(0).choice(8 * len(data), 1000, replace=False)
    found = sum(map(noticed, flips(data, anywhere)))
    figure(f"single bit flips noticed in a {kind}, of 1000", found)
    assert found == 1000
    assert all(map(noticed, flips(data, range(header))))


def test_truncated_files_are_noticed(state, tmp_path):
    file = io.BytesIO()
    tritorch.save(state, file)
    data = file.getvalue()
    for end in [*range(64), *range(64, len(data), 37), len(data) - 1]:
        with pytest.raises(LoadError, match=r"truncated|corrupted"):
            tritorch.load(io.BytesIO(data[:end]))
    with pytest.raises(LoadError, match="truncated or corrupted"):
        tritorch.load(io.BytesIO(data + b"\0"))
    data = (FILES / "torch_2_13.pt").read_bytes()
    for end in range(4, len(data), 997):
        with pytest.raises(LoadError):
            tritorch.load(io.BytesIO(data[:end]))
    (tmp_path / "empty.pt").touch()
    with pytest.raises(LoadError, match=r"empty\.pt"):
        tritorch.load(tmp_path / "empty.pt")


def test_the_error_says_which_tensor():
    file = io.BytesIO()
    tritorch.save({"a": tritorch.zeros(10), "layer.weight": tritorch.ones(10)}, file)
    data = bytearray(file.getvalue())
    data[-3] ^= 4
    with pytest.raises(LoadError, match=r"the data of 'layer\.weight' do not match their checksum"):
        tritorch.load(io.BytesIO(data))


def test_pickles_are_not_loaded():
    class Run:
        def __reduce__(self):
            return pytest.fail, ("it ran",)

    for protocol in (2, 3, 4, 5):
        with pytest.raises(LoadError, match="this is a pickle"):
            tritorch.load(io.BytesIO(pickle.dumps({"a": [1] * 300}, protocol)), weights_only=False)
    with pytest.raises(LoadError):
        tritorch.load(io.BytesIO(pickle.dumps(Run(), 2)))


def test_load_error_is_what_programs_catch():
    for kind in (ValueError, pickle.UnpicklingError):
        with pytest.raises(kind):
            tritorch.load(io.BytesIO(b"nothing"))
