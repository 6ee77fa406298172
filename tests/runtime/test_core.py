"""The tensor object of the extension: life, sharing, versions, views, and the fast paths."""

import gc
import pickle
import sys
import threading
import weakref

import ml_dtypes
import numpy as np
import pytest

import tritorch
from tritorch import _C
from tritorch.tensor import Tensor


def tensor(*values, grad=False, dtype=np.float32):
    t = _C.wrap(np.array(values, dtype))
    t.requires_grad = grad
    return t


def resident_kib() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4


# ---- wrapping ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.ones((2, 3)), np.float32(3), [1, 2], 4.5, np.ones(())])
def test_wrap_takes_what_asarray_takes(value):
    t = _C.wrap(value)
    assert type(t) is Tensor
    assert isinstance(t._array, np.ndarray)
    assert np.array_equal(t._array, np.asarray(value))
    assert t.shape == np.shape(value) and type(t.shape) is tritorch.Size and t.ndim == np.ndim(value)
    assert (t.requires_grad, t.grad_fn, t._grad, t._base, t._version, t.output_nr) == (False, None, None, None, 0, 0)
    assert t.is_leaf and not t.retains_grad and not t._is_view() and not t.is_inference()


def test_wrap_keeps_the_array_itself():
    a = np.ones(3)
    assert _C.wrap(a)._array is a


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (np.float32, "float32"),
        (np.int64, "int64"),
        (np.longlong, "int64"),
        (np.bool_, "bool"),
        (ml_dtypes.bfloat16, "bfloat16"),
        (ml_dtypes.float8_e5m2, "float8_e5m2"),
        (np.complex64, "complex64"),
    ],
)
def test_dtype_comes_from_the_array(kind, name):
    assert _C.wrap(np.zeros(2, kind)).dtype is getattr(tritorch, name, None) or getattr(tritorch.dtypes, name)


def test_unknown_dtype_is_refused():
    with pytest.raises(TypeError, match=r"can't convert np\.ndarray of type"):
        _ = _C.wrap(np.array(["a"])).dtype


def test_subclass_attributes_and_weak_references():
    class Mine(Tensor):
        pass

    t = _C.wrap_as(Mine, np.ones(2))
    t.note = [1]
    assert type(t) is Mine and t.__dict__ == {"note": [1]}
    alive = weakref.ref(t)
    del t
    assert alive() is None
    with pytest.raises(TypeError, match="subclass of TensorBase"):
        _C.wrap_as(int, np.ones(2))


def test_a_deleted_array_is_an_error_and_no_crash():
    t = tensor(1.0)
    del t._array
    for read in (lambda: t.shape, lambda: t.dtype, lambda: t.ndim, lambda: t._array):
        with pytest.raises((RuntimeError, AttributeError)):
            read()
    assert _C.fast1(_C.Fast(np.exp, "f"), t) is None
    with pytest.raises((RuntimeError, AttributeError)):
        t.requires_grad = True


def test_finalizer_may_bring_a_tensor_back():
    kept = []

    class Phoenix(Tensor):
        def __del__(self):
            kept.append(self)

    t = _C.wrap_as(Phoenix, np.ones(2))
    del t
    assert kept[0].shape == (2,)


def test_cycles_are_collected():
    class Witness:
        pass

    def cycle_by_attribute(w):
        t = tensor(1.0)
        t.me, t.w = t, w

    def cycle_by_grad(w):
        t = tensor(1.0)
        t._grad, t.w = t, w

    def cycle_by_view(w):
        t = tensor(1.0, 2.0)
        t.w, t.view = w, _C.view(t, t._array[:1])

    def cycle_by_hook_of_a_node(w):
        y = tritorch.mul(tensor(1.0, grad=True), 2.0)
        y.grad_fn.register_hook(lambda *_: (y, w))

    for cycle in (cycle_by_attribute, cycle_by_grad, cycle_by_view, cycle_by_hook_of_a_node):
        w = Witness()
        gone = weakref.ref(w)
        cycle(w)
        del w
        gc.collect()
        assert gone() is None, cycle.__name__


# ---- versions, sharing, views --------------------------------------------------------------------------


def test_who_shares_a_version():
    t = tensor(1.0, 2.0)
    before = _C.detach(t)
    view, data = _C.view(t, t._array[:1]), _C.alias_data(t)
    _C.bump(view)
    after = _C.detach(t)
    assert [x._version for x in (t, before, view, after, data)] == [1, 1, 1, 1, 0]
    assert all(x._array is t._array for x in (before, after, data))


def test_views_point_at_the_root():
    base = tensor(1.0, 2.0, 3.0)
    view = _C.view(base, base._array[1:])
    inner = _C.view(view, view._array[1:])
    assert view._base is base and inner._base is base and inner._is_view()
    assert not _C.detach(view)._is_view()


def test_view_functions_compose_from_the_root():
    base = tensor(1.0, 2.0, 3.0)
    first, second = (lambda t: _C.wrap(t._array[1:])), (lambda t: _C.wrap(t._array[1:] * 10))
    view = _C.view(base, base._array[1:], first)
    inner = _C.view(view, view._array[1:], second)
    assert view._view_fn is first
    assert inner._view_fn(base)._array.tolist() == [30.0]


@pytest.mark.parametrize("value", [1, None, "yes"])
def test_requires_grad_must_be_a_bool(value):
    with pytest.raises(RuntimeError, match="requires_grad must be a bool"):
        tensor(1.0).requires_grad = value


def test_requires_grad_needs_a_floating_leaf():
    with pytest.raises(RuntimeError, match="only Tensors of floating point and complex dtype can require gradients"):
        tensor(1, dtype=np.int64).requires_grad = True
    y = tritorch.mul(tensor(1.0, grad=True), 2.0)
    with pytest.raises(RuntimeError, match=r"you can only change requires_grad flags of leaf variables\.$"):
        y.requires_grad = True
    with pytest.raises(RuntimeError, match=r"use var_no_grad = var.detach\(\)"):
        y.requires_grad = False


def test_a_view_of_what_requires_grad_requires_grad():
    base = tensor(1.0, 2.0, grad=True)
    _C.set_grad_enabled(False)
    try:
        view = _C.view(base, base._array[:1])
    finally:
        _C.set_grad_enabled(True)
    assert view.requires_grad and view.is_leaf and not _C.detach(view).requires_grad


def test_inference_tensors():
    _C.set_inference_mode(True)
    try:
        t = tensor(1.0, 2.0)
        _C.bump(t)
    finally:
        _C.set_inference_mode(False)
    assert t.is_inference() and _C.detach(t).is_inference()
    assert not _C.view(t, t._array[:1])._is_view()
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        _ = t._version
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode is not allowed"):
        _C.bump(t)
    with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor outside InferenceMode"):
        t.requires_grad = True


def test_needs_grad_looks_one_list_deep():
    x, c = tensor(1.0, grad=True), tensor(1.0)
    assert _C.needs_grad(c, [c, x]) and _C.needs_grad(x) and _C.needs_grad(1, (x,))
    assert not _C.needs_grad(c, 2.0, None, [c]) and not _C.needs_grad()
    _C.set_grad_enabled(False)
    try:
        assert not _C.needs_grad(x)
    finally:
        _C.set_grad_enabled(True)


def test_modes_belong_to_the_thread():
    seen = []
    _C.set_grad_enabled(False)
    try:
        t = threading.Thread(target=lambda: seen.append(_C.is_grad_enabled()))
        t.start()
        t.join()
        assert not _C.is_grad_enabled() and seen == [True]
    finally:
        _C.set_grad_enabled(True)


# ---- NumPy's context -----------------------------------------------------------------------------------


def test_run_silences_numpy_and_leaves_the_caller_alone():
    with np.errstate(all="raise"):
        assert np.isinf(_C.run(np.divide, 1.0, 0.0))
        assert np.isinf(_C.run(lambda: _C.run(np.divide, 1.0, 0.0)))
        with pytest.raises(FloatingPointError):
            np.divide(np.ones(1), 0.0)
    with pytest.raises(ZeroDivisionError):
        _C.run(lambda: 1 / 0)
    assert _C.run(dict, a=1) == {"a": 1}
    assert np.geterr()["divide"] == "warn"


def test_run_in_many_threads():
    def work():
        for _ in range(200):
            assert np.isnan(_C.run(np.sqrt, -1.0))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


# ---- fast paths ----------------------------------------------------------------------------------------

ADD, EXP, LESS = _C.Fast(np.add, "fciuV"), _C.Fast(np.exp, "fc"), _C.Fast(np.less, "fiub", True)
SHAPES = [((), ()), ((4,), (4,)), ((3, 4), (4,)), ((4,), (3, 4)), ((40, 20), (20,)), ((3, 1), (1, 4)), ((0, 3), (3,)),
          ((2, 3, 4), (1,)), ((1,), (2, 3)), ((5, 1), (5, 1)), ((0,), ())]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint8, np.int64, np.complex64,
                                   ml_dtypes.bfloat16])  # fmt: skip
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_fast_add_is_numpys(left, right, dtype):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 9, shape).astype(dtype) for shape in (left, right))
    for x, y in ((a, b), (a.T, b.T), (a[::-1] if a.ndim else a, b)):
        try:
            expected = np.asarray(x + y)
        except ValueError:
            continue
        got = _C.fast2(ADD, _C.wrap(x), _C.wrap(y))
        assert type(got) is Tensor and got._array.dtype == dtype and got.shape == expected.shape
        assert np.array_equal(got._array, expected)


@pytest.mark.parametrize(
    ("x", "number"),
    [
        (tensor(1.0, 2.0), 2.5),
        (tensor(1.0, 2.0), 3),
        (tensor(1, 2, dtype=np.int64), -3),
        (tensor(1j, dtype=np.complex64), 2.0),
    ],
)
def test_fast_with_a_number(x, number):
    for got in (_C.fast2(ADD, x, number), _C.fast2(ADD, number, x)):
        assert got.dtype is x.dtype and np.array_equal(got._array, x._array + number)


def test_comparison_gives_bool():
    got = _C.fast2(LESS, tensor(1.0, 3.0), 2.0)
    assert got.dtype is tritorch.bool and got._array.tolist() == [True, False]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (tensor(1.0), tensor(1.0, dtype=np.float64)),
        (tensor(1.0), True),
        (tensor(True, dtype=np.bool_), tensor(True, dtype=np.bool_)),
        (tensor(1, dtype=np.int8), 300),
        (tensor(1, dtype=np.uint8), -1),
        (tensor(1, dtype=np.int64), 1.5),
        (tensor(1, dtype=np.int64), 2**70),
        (tensor(1.0, dtype=np.float16), 1.5),
        (tensor(1.0, 2.0), tensor(1.0, 2.0, 3.0)),
        (tensor(1.0), None),
        (tensor(1.0), "a"),
        (1.0, 2.0),
        (_C.wrap(np.zeros(1 << 20, np.float64)), 1.0),
    ],
)
def test_what_is_not_plain_takes_the_slow_path(x, y):
    assert _C.fast2(ADD, x, y) is None
    assert _C.fast2(ADD, y, x) is None


def test_subclasses_take_the_slow_path():
    class Mine(Tensor):
        pass

    assert _C.fast2(ADD, _C.wrap_as(Mine, np.ones(1, np.float32)), tensor(1.0)) is None


def test_fast_into_writes_and_counts():
    a, b = tensor(1.0, 2.0), tensor(10.0, 20.0)
    array = a._array
    assert _C.fast_into(ADD, a, b) is a and _C.fast_into(ADD, a, 1.0) is a and _C.fast_into(ADD, a, a) is a
    assert a._array is array and array.tolist() == [24.0, 46.0] and a._version == 3


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (lambda: _C.wrap(np.broadcast_to(np.float32(1), (3,))), 1.0),
        (lambda: tensor(1.0, 2.0), tensor(1.0)),
        (lambda: tensor(1.0, grad=True), 1.0),
        (lambda: _C.wrap(np.arange(4, dtype=np.float32)[::2]), 1.0),
    ],
)
def test_fast_into_leaves_the_rest_alone(make, other):
    t = make()
    before = t._array.copy()
    assert _C.fast_into(ADD, t, other) is None
    assert np.array_equal(t._array, before) and t._version == 0


def test_fast_into_refuses_partial_overlap():
    memory = np.arange(5, dtype=np.float32)
    assert _C.fast_into(ADD, _C.wrap(memory[:4]), _C.wrap(memory[1:])) is None
    assert memory.tolist() == [0, 1, 2, 3, 4]


def test_fast_refuses_other_ufuncs():
    for ufunc in (np.matmul, np.divmod):
        with pytest.raises(ValueError, match="is not elementwise"):
            _C.Fast(ufunc, "f")
    with pytest.raises(TypeError):
        _C.fast1(ADD, tensor(1.0))


# ---- leaks ---------------------------------------------------------------------------------------------


def test_nothing_leaks(capsys):
    a, b, array = tensor(1.0, 2.0), tensor(3.0, 4.0), np.ones((2, 2), np.float32)

    def round_trip():
        x = _C.wrap(array)
        _C.fast2(ADD, a, b)
        _C.fast2(ADD, x, b)
        _C.fast2(ADD, a, 2.0)
        _C.fast1(EXP, a)
        _C.run(np.add, a._array, b._array)
        v = _C.view(x, array[1:], lambda t: t)
        _C.view(v, array[1:, :1], lambda t: t).note = x.shape
        _C.bump(_C.detach(v))
        _ = (v._base, v._view_fn, v.dtype, v.grad_fn, v._grad)

    for _ in range(20_000):
        round_trip()
    counts, memory = [sys.getrefcount(x) for x in (array, Tensor, tritorch.Size, tritorch.float32)], resident_kib()
    for _ in range(100_000):
        round_trip()
    assert [sys.getrefcount(x) for x in (array, Tensor, tritorch.Size, tritorch.float32)] == counts
    grown = resident_kib() - memory
    with capsys.disabled():
        print(f"\n100,000 rounds over every way to make a tensor: {grown} KiB grown")
    assert grown < 512


def test_tensors_pickle():
    t = pickle.loads(pickle.dumps(tensor(1.0, 2.0, grad=True)))
    assert t._array.tolist() == [1.0, 2.0] and t.requires_grad
