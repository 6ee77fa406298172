"""dtypes: the table of promotion, the rule of priorities, the default dtype, limits, identity."""

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest

from tritorch import dtypes
from tritorch.dtypes import ALL, PUBLIC, bool_, complex64, complex128, float16, float32, float64, int32, int64, uint16

# torch.promote_types, every pair; the columns are in the order of the rows.
TABLE = """
bool           b1 u1 i1 i2 i4 i8 -- -- -- f2 bf f4 f8 -- -- c8 cc
uint8          u1 u1 i2 i2 i4 i8 -- -- -- f2 bf f4 f8 -- -- c8 cc
int8           i1 i2 i1 i2 i4 i8 -- -- -- f2 bf f4 f8 -- -- c8 cc
int16          i2 i2 i2 i2 i4 i8 -- -- -- f2 bf f4 f8 -- -- c8 cc
int32          i4 i4 i4 i4 i4 i8 -- -- -- f2 bf f4 f8 -- -- c8 cc
int64          i8 i8 i8 i8 i8 i8 -- -- -- f2 bf f4 f8 -- -- c8 cc
uint16         -- -- -- -- -- -- u2 -- -- f2 bf f4 f8 -- -- -- --
uint32         -- -- -- -- -- -- -- u4 -- f2 bf f4 f8 -- -- -- --
uint64         -- -- -- -- -- -- -- -- u8 f2 bf f4 f8 -- -- -- --
float16        f2 f2 f2 f2 f2 f2 f2 f2 f2 f2 f4 f4 f8 -- -- c8 cc
bfloat16       bf bf bf bf bf bf bf bf bf f4 bf f4 f8 -- -- c8 cc
float32        f4 f4 f4 f4 f4 f4 f4 f4 f4 f4 f4 f4 f8 -- -- c8 cc
float64        f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 -- -- cc cc
float8_e4m3fn  -- -- -- -- -- -- -- -- -- -- -- -- -- e4 -- -- --
float8_e5m2    -- -- -- -- -- -- -- -- -- -- -- -- -- -- e5 -- --
complex64      c8 c8 c8 c8 c8 c8 -- -- -- c8 c8 c8 cc -- -- c8 cc
complex128     cc cc cc cc cc cc -- -- -- cc cc cc cc -- -- cc cc
"""
ROWS = [line.split() for line in TABLE.split("\n") if line]
NAMES = [row[0] for row in ROWS]
CODES = dict(zip("b1 u1 i1 i2 i4 i8 u2 u4 u8 f2 bf f4 f8 e4 e5 c8 cc".split(), NAMES, strict=True))


@pytest.fixture(autouse=True)
def _default_dtype():
    before = dtypes.get_default_dtype()
    yield
    dtypes.set_default_dtype(before)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_promotion_table(row):
    first = PUBLIC[row[0]]
    for name, code in zip(NAMES, row[1:], strict=True):
        if code == "--":
            with pytest.raises(RuntimeError, match=f"attempted to promote {first.type_name} and "):
                dtypes.promote_types(first, PUBLIC[name])
        else:
            assert dtypes.promote_types(first, PUBLIC[name]) is PUBLIC[CODES[code]]


def test_promotion_texts():
    with pytest.raises(
        RuntimeError, match=r"^Promotion for Float8 Types is not supported, attempted to promote Float "
    ):
        dtypes.promote_types(float32, PUBLIC["float8_e5m2"])
    with pytest.raises(RuntimeError, match=r"^Promotion for uint16, uint32, uint64 types is not supported, attempted"):
        dtypes.promote_types(uint16, int32)
    with pytest.raises(
        TypeError, match=r"^promote_types\(\): argument 'type2' \(position 2\) must be .*dtype, not int$"
    ):
        dtypes.promote_types(float32, 3)


@pytest.mark.parametrize(
    ("dims", "zero_dims", "numbers", "expected"),
    [
        ("int32", "int64", "", "int32"),
        ("int32", "float64", "", "float64"),
        ("float32", "float64", "", "float32"),
        ("float32", "complex128", "", "complex64"),
        ("float64", "complex64", "", "complex128"),
        ("float16", "complex64", "", "complex64"),
        ("bool", "uint8", "", "uint8"),
        ("bool", "", "int64", "int64"),
        ("uint8", "", "int64", "uint8"),
        ("uint8", "", "float32", "float32"),
        ("", "int32", "int64", "int32"),
        ("", "float16", "float32", "float16"),
        ("", "int32 float16", "", "float16"),
        ("int8 uint8", "", "", "int16"),
        ("int64", "float16", "float32", "float16"),
        ("int64", "bool", "complex64", "complex64"),
        ("uint16", "", "int64", "uint16"),
        ("uint16", "", "complex64", "complex64"),
        ("float8_e4m3fn", "", "float32", "float8_e4m3fn"),
        ("", "", "bool int64 float32", "float32"),
    ],
)
def test_result_dtype(dims, zero_dims, numbers, expected):
    levels = [tuple(PUBLIC[name] for name in level.split()) for level in (dims, zero_dims, numbers)]
    assert dtypes.result_dtype(*levels) is PUBLIC[expected]


class Operand:
    def __init__(self, dtype, ndim):
        self.dtype, self.ndim = dtype, ndim


def test_result_type_of_operands_and_numbers():
    vector, scalar = Operand(int32, 1), Operand(float16, 0)
    assert dtypes.result_type_of(vector, 2) is int32
    assert dtypes.result_type_of(vector, True) is int32
    assert dtypes.result_type_of(vector, 2.0) is float32
    assert dtypes.result_type_of(vector, scalar) is float16
    assert dtypes.result_type_of(vector, scalar, 1j) is complex64
    assert dtypes.result_type_of(2, True) is int64
    dtypes.set_default_dtype(float64)
    assert dtypes.result_type_of(vector, 2.0) is float64
    assert dtypes.result_type_of(vector, 2j) is complex128
    with pytest.raises(TypeError, match=r"expected a number, got str"):
        dtypes.result_type_of(vector, "2")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (True, bool_), (np.bool_(0), bool_), (3, int64), (np.uint8(3), int64), (2.5, float32), (np.float64(1), float32),
        (np.float16(1), float32), (ml_dtypes.bfloat16(1), float32), (2j, complex64), (np.complex128(1), complex64),
    ],
)  # fmt: skip
def test_numbers_stand_for_their_category(number, expected):
    assert dtypes.number_dtype(number) is expected


def test_can_cast_is_a_matter_of_categories():
    order = "biufc"
    for a in ALL:
        for b in ALL:
            ia, ib = (order.index(d.kind.replace("u", "i")) for d in (a, b))
            assert dtypes.can_cast(a, b) is (ia <= ib)
    with pytest.raises(
        TypeError, match=r"can_cast\(\): argument 'from_' \(position 1\) must be tritorch.dtype, not int"
    ):
        dtypes.can_cast(1, float32)


def test_names_and_facts():
    assert str(float32) == repr(float32) == "tritorch.float32"
    assert repr(bool_) == "tritorch.bool"
    aliases = {"half": float16, "float": float32, "double": float64, "int": int32, "long": int64, "cfloat": complex64}
    assert {name: PUBLIC[name] for name in aliases} == aliases
    assert [d.itemsize for d in ALL] == [1, 1, 1, 2, 4, 8, 2, 4, 8, 2, 2, 4, 8, 1, 1, 8, 16]
    assert [d.name for d in ALL if not d.is_signed] == ["bool", "uint8", "uint16", "uint32", "uint64"]
    assert [d.name for d in ALL if d.is_complex] == ["complex64", "complex128"]
    assert sum(d.is_floating_point for d in ALL) == 6
    assert all(d.np.itemsize == d.itemsize for d in ALL)


def test_a_dtype_is_a_constant():
    for d in ALL:
        assert pickle.loads(pickle.dumps(d)) is d
        assert copy.deepcopy(d) is copy.copy(d) is d
    with pytest.raises(AttributeError, match=r"not writable"):
        float32.name = "other"
    with pytest.raises(TypeError, match=r"cannot create"):
        dtypes.dtype("float33")


def test_to_real_and_to_complex():
    assert complex64.to_real() is float32 and int32.to_real() is int32
    assert float64.to_complex() is complex128 and complex64.to_complex() is complex64
    with pytest.raises(RuntimeError, match=r"^Unknown Complex ScalarType for Long$"):
        int64.to_complex()


def test_from_numpy():
    for d in ALL:
        assert dtypes.from_numpy(d.np) is dtypes.from_numpy(d.np.type) is d
    assert dtypes.from_numpy(np.longlong) is int64
    text = (
        r"^can't convert np.ndarray of type numpy.object_. The only supported types are: float64, .*, uint8, and bool.$"
    )
    with pytest.raises(TypeError, match=text):
        dtypes.from_numpy(np.dtype(object))
    for other in ("U3", "M8[s]", np.longdouble):
        with pytest.raises(TypeError, match=r"can't convert np.ndarray of type numpy"):
            dtypes.from_numpy(other)
    with pytest.raises(ValueError, match=r"byte order different from the native"):
        dtypes.from_numpy(np.dtype(np.float32).newbyteorder())


def test_from_python_and_dtype_arguments():
    assert [dtypes.from_python(t) for t in (bool, int, float, complex)] == [bool_, int64, float32, complex64]
    with pytest.raises(RuntimeError, match=r"^Could not infer dtype of NoneType$"):
        dtypes.from_python(type(None))
    assert [dtypes.as_dtype(t) for t in (bool, int, float, complex, int32)] == [
        bool_,
        int64,
        float64,
        complex128,
        int32,
    ]
    with pytest.raises(TypeError, match=r"^zeros\(\): argument 'dtype' must be tritorch.dtype, not str$"):
        dtypes.as_dtype("float32", "zeros")
    with pytest.raises(TypeError, match=r"not list"):
        dtypes.as_dtype([float32])


def test_default_dtype():
    assert dtypes.get_default_dtype() is float32
    dtypes.set_default_dtype(float64)
    assert dtypes.get_default_dtype() is dtypes.from_python(float) is float64
    assert dtypes.default_complex() is complex128
    for wrong in (int32, complex64, PUBLIC["float8_e5m2"]):
        with pytest.raises(TypeError, match=r"^only floating-point types are supported as the default type$"):
            dtypes.set_default_dtype(wrong)
    with pytest.raises(TypeError, match=r"^invalid dtype object: only floating-point"):
        dtypes.set_default_dtype("float32")
    assert dtypes.get_default_dtype() is float64


FINFO = """
finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, smallest_normal=6.10352e-05, tiny=6.10352e-05, dtype=float16)
finfo(resolution=0.01, min=-3.38953e+38, max=3.38953e+38, eps=0.0078125, smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=bfloat16)
finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=float32)
finfo(resolution=1e-15, min=-1.79769e+308, max=1.79769e+308, eps=2.22045e-16, smallest_normal=2.22507e-308, tiny=2.22507e-308, dtype=float64)
finfo(resolution=1, min=-448, max=448, eps=0.125, smallest_normal=0.015625, tiny=0.015625, dtype=float8_e4m3fn)
finfo(resolution=1, min=-57344, max=57344, eps=0.25, smallest_normal=6.10352e-05, tiny=6.10352e-05, dtype=float8_e5m2)
"""


def test_finfo():
    assert [repr(dtypes.finfo(d)) for d in ALL if d.is_floating_point] == FINFO.strip().split("\n")
    assert dtypes.finfo() == dtypes.finfo(complex64) == dtypes.finfo(float32) != dtypes.finfo(float16)
    info = dtypes.finfo(float32)
    assert (info.bits, info.eps, info.tiny, info.dtype) == (32, 2.0**-23, 2.0**-126, "float32")
    assert info.max == -info.min == float(np.finfo(np.float32).max)
    with pytest.raises(TypeError, match=r"requires a floating point input type. Use tritorch.iinfo"):
        dtypes.finfo(int32)
    with pytest.raises(TypeError, match=r"^finfo\(\): argument 'type' \(position 1\) must be tritorch.dtype, not str"):
        dtypes.finfo("float32")


def test_iinfo():
    assert repr(dtypes.iinfo(PUBLIC["int8"])) == "iinfo(min=-128, max=127, dtype=int8)"
    assert repr(dtypes.iinfo(int32)) == "iinfo(min=-2.14748e+09, max=2.14748e+09, dtype=int32)"
    info = dtypes.iinfo(PUBLIC["uint64"])
    assert (info.bits, info.min, info.max) == (64, 0, 2**64 - 1)
    with pytest.raises(TypeError, match=r"^tritorch.bool is not supported by tritorch.iinfo$"):
        dtypes.iinfo(bool_)
    with pytest.raises(TypeError, match=r"requires an integer input type. Use tritorch.finfo"):
        dtypes.iinfo(float32)
