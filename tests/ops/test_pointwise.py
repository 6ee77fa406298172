"""Pointwise operators: what samples of torch's do not show. Literal values are torch's, or of tables."""

import math

import numpy as np
import pytest

import tritorch as tt
from tritorch._C import ufuncs
from tritorch.nn import functional as F

INTS, BOOLS, FLOATS = tt.tensor([1, -2, 3]), tt.tensor([True, False, True]), tt.tensor([1.5, -2.5, float("nan")])
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("call", "exception", "text"),
    [
        (lambda: BOOLS - BOOLS, RuntimeError, "with two bool tensors is not supported. Use the `.` or"),
        (lambda: 1 - BOOLS, RuntimeError, "with a bool tensor is not supported. If you are trying to invert a mask"),
        (lambda: -BOOLS, RuntimeError, "Negation, the `-` operator, on a bool tensor is not supported"),
        (lambda: +BOOLS, RuntimeError, "The `.` operator, on a bool tensor is not supported."),
        (lambda: INTS // 0, RuntimeError, "^ZeroDivisionError$"),
        (lambda: INTS % tt.tensor([1, 0, 2]), RuntimeError, "^ZeroDivisionError$"),
        (lambda: tt.fmod(INTS, 0), RuntimeError, "^ZeroDivisionError$"),
        (lambda: tt.div(INTS, 2, rounding_mode="up"), RuntimeError, "one of None, 'trunc', or 'floor' but found 'up'"),
        (lambda: INTS**-1, RuntimeError, "Integers to negative integer powers are not allowed."),
        (lambda: BOOLS**BOOLS, NotImplementedError, "\"pow\" not implemented for 'Bool'"),
        (lambda: tt.add(INTS, INTS, alpha=1.5), RuntimeError, "argument alpha must not be a floating point number"),
        (lambda: tt.add(FLOATS, 1, alpha=True), RuntimeError, "Boolean alpha only supported for Boolean results."),
        (lambda: FLOATS & FLOATS, NotImplementedError, "\"bitwise_and_cpu\" not implemented for 'Float'"),
        (lambda: ~FLOATS, TypeError, "only implemented on integer and Boolean-type tensors"),
        (lambda: FLOATS << 1, NotImplementedError, "\"lshift_cpu\" not implemented for 'Float'"),
        (
            lambda: tt.maximum(FLOATS, 1),
            TypeError,  # pyright: ignore[reportArgumentType]
            r"maximum\(\): argument 'other' \(position 2\) must be Tensor, not int",
        ),
        (lambda: tt.pow(2, 3), TypeError, "invalid combination of arguments - got .int, int."),
        (lambda: tt.clamp(FLOATS), RuntimeError, "At least one of 'min' or 'max' must not be None"),
        (
            lambda: tt.where(FLOATS, 1, 2),
            RuntimeError,
            "condition to be a boolean tensor, but got a tensor with dtype Float",
        ),
        (lambda: tt.lerp(FLOATS, INTS, 0.5), RuntimeError, "expected dtype float for `end` but got dtype long int"),
        (lambda: tt.isclose(FLOATS, FLOATS.double()), RuntimeError, "Float did not match Double"),
        (lambda: tt.addcdiv(INTS, INTS, INTS), RuntimeError, "Integer division with addcdiv is no longer supported"),
        (lambda: INTS.add_(1.5), RuntimeError, "result type Float can't be cast to the desired output type Long"),
        (lambda: tt.relu(BOOLS), RuntimeError, "Boolean inputs not supported for relu"),
        (lambda: F.gelu(INTS), NotImplementedError, "\"GeluKernelImpl\" not implemented for 'Long'"),
        (lambda: F.hardtanh(FLOATS, 2, 1), ValueError, "min_val cannot be greater than max_val"),
        (lambda: F.glu(FLOATS), RuntimeError, "Halving dimension must be even, but dimension 0 is size 3"),
        (lambda: FLOATS < "a", TypeError, "not supported between instances of 'Tensor' and 'str'"),
    ],
)
def test_errors_are_torchs(call, exception, text):
    with pytest.raises(exception, match=text):
        call()


@pytest.mark.parametrize(
    ("call", "dtype", "values"),
    [
        (lambda: INTS / 2, tt.float32, [0.5, -1.0, 1.5]),
        (lambda: INTS // 2, tt.int64, [0, -1, 1]),
        (lambda: BOOLS + BOOLS, tt.bool, [True, False, True]),
        (lambda: BOOLS + 1, tt.int64, [2, 1, 2]),
        (lambda: BOOLS**2, tt.int64, [1, 0, 1]),
        (lambda: tt.square(BOOLS), tt.int64, [1, 0, 1]),
        (lambda: INTS ** tt.tensor([-1, -1, 2]), tt.int64, [1, 0, 9]),
        (lambda: 2**INTS, tt.int64, [2, 0, 8]),
        (lambda: tt.float_power(INTS, 2), tt.float64, [1.0, 4.0, 9.0]),
        (lambda: tt.exp2(INTS), tt.float32, [2.0, 0.25, 8.0]),
        (lambda: tt.tensor([1, 200], dtype=tt.uint8) + 300, tt.uint8, [45, 244]),
        (lambda: tt.tensor([1, 44], dtype=tt.uint8) == 300, tt.bool, [False, False]),
        (lambda: tt.tensor([1, 44], dtype=tt.uint8) > -1, tt.bool, [True, True]),
        (lambda: tt.tensor([1.5]).half() * 1e-4, tt.float16, [1.5e-4]),
        (lambda: tt.clamp(INTS, min=0.5), tt.float32, [1.0, 0.5, 3.0]),
        (lambda: tt.where(BOOLS, 1, 2.5), tt.float32, [1.0, 2.5, 1.0]),
        (lambda: tt.sign(FLOATS), tt.float32, [1.0, -1.0, 0.0]),
        (lambda: tt.abs(tt.tensor([3 + 4j])), tt.float32, [5.0]),
        (lambda: tt.angle(INTS), tt.float32, [0.0, math.pi, 0.0]),
        (lambda: INTS << 100, tt.int64, [0, 0, 0]),
        (lambda: INTS >> 100, tt.int64, [0, -1, 0]),
        (lambda: F.hardtanh(INTS), tt.int64, [1, -1, 1]),
        (lambda: tt.logaddexp(tt.tensor([INF, -INF]), tt.tensor([INF, -INF])), tt.float32, [INF, -INF]),
        (lambda: tt.round(tt.tensor([0.5, 1.5, 1234.0]), decimals=-2), tt.float32, [0.0, 0.0, 1200.0]),
        (lambda: tt.remainder(tt.tensor([5.0, -5.0]), INF), tt.float32, [5.0, INF]),
    ],
)
def test_dtypes_and_values_are_torchs(call, dtype, values):
    out = call()
    assert out.dtype is dtype
    np.testing.assert_allclose(np.asarray(out.numpy(), np.float64), values, rtol=1e-3 if dtype is tt.float16 else 1e-6)


@pytest.mark.parametrize(
    ("function", "at", "slopes"),
    [
        (tt.abs, [-1, 0, 1, NAN], [-1, 0, 1, 0]),
        (tt.relu, [-1, 0, 1, NAN], [0, 0, 1, 1]),
        (lambda x: tt.clamp(x, -1, 1), [-2, -1, 1, 2, NAN], [0, 1, 1, 0, 0]),
        (F.hardtanh, [-2, -1, 0, 1, NAN], [0, 0, 1, 0, 1]),
        (F.hardswish, [-3, 0, 3, NAN], [0, 0.5, 1, 1]),
        (F.hardsigmoid, [-3, 0, 3, NAN], [0, 1 / 6, 0, 0]),
        (F.softshrink, [-0.5, 0.5, 1, NAN], [0, 0, 1, 1]),
        (F.elu, [0, 1, NAN], [1, 1, 1]),
        (F.leaky_relu, [-1, 0, 1, NAN], [0.01, 0.01, 1, 0.01]),
        (lambda x: x**0, [0, 1], [0, 0]),
        (lambda x: 0**x, [0, 1, -1], [0, 0, -INF]),
        (lambda x: tt.maximum(x, tt.zeros(3)), [-1, 0, 1], [0, 0.5, 1]),
        (lambda x: tt.fmax(x, tt.zeros(4)), [-1, 0, 1, NAN], [0, 1, 1, 0]),
        (tt.sqrt, [0, 4], [INF, 0.25]),
        (tt.special.i1, [0.0], [0.5]),
        (tt.sinc, [0.0], [0.0]),
    ],
)
def test_slopes_at_kinks_are_torchs(function, at, slopes):
    x = tt.tensor([float(v) for v in at], requires_grad=True)
    function(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-6)


SPECIAL = [  # from tables: DLMF, Abramowitz and Stegun
    ("erfinv", (0.5,), 0.47693627620446987338),
    ("erfcx", (10.0,), 0.056140992743822585758),
    ("ndtri", (1e-10,), -6.3613409024040562047),
    ("log_ndtr", (-20.0,), -203.91715537109726394),
    ("digamma", (-0.5,), 0.03648997397857652055),
    ("polygamma", (1.0, 1.0), 1.6449340668482264365),
    ("polygamma", (3.0, 0.5), 97.409091034002437236),
    ("zeta", (3.0, 1.0), 1.2020569031595942854),
    ("igamma", (4.0, 3.0), 0.35276811121776872996),
    ("igammac", (1e-10, 1.0), 2.1938393441796777775e-11),
    ("igamma", (100.0, 100.0), 0.51329879827914866486),
    ("i0e", (30.0,), 0.073145946482237293929),
    ("modified_k0", (2.0,), 0.11389387274953343565),
    ("modified_k1", (0.5,), 1.6564411200033008937),
    ("bessel_y1", (2.0,), -0.10703243154093754689),
    ("airy_ai", (-5.0,), 0.35076100902411431979),
    ("airy_ai", (5.0,), 0.00010834442813607441735),
    ("chebyshev_t", (0.3, 9.0), 0.388827648),
    ("hermite_h", (1.5, 5.0), -117.0),
    ("legendre_p", (0.5, 4.0), -0.2890625),
]


@pytest.mark.parametrize(("name", "at", "value"), SPECIAL)
def test_special_functions_have_the_values_of_tables(name, at, value):
    ufunc = getattr(ufuncs, name)
    assert ufunc(*map(np.float64, at)) == pytest.approx(value, rel=1e-12, abs=0)
    assert ufunc(*map(np.float32, at)) == pytest.approx(value, rel=2e-6, abs=0)


@pytest.mark.parametrize("name", [n for n in vars(ufuncs) if not n.startswith("_")])
def test_loops_agree_on_every_layout(name):
    """Vector loops, their tails and the strided loop are one function."""
    ufunc, rng = getattr(ufuncs, name), np.random.default_rng(0)
    arrays = [rng.uniform(0.1, 3, (37, 2)).astype(np.float32) for _ in range(ufunc.nin)]
    with np.errstate(all="ignore"):
        strided = ufunc(*[a[:, 0] for a in arrays])
        whole = ufunc(*[np.ascontiguousarray(a[:, 0]) for a in arrays])
        single = [ufunc(*[a[i, 0] for a in arrays]) for i in range(37)]
    np.testing.assert_allclose(strided, whole, rtol=1e-6)
    np.testing.assert_allclose(single, whole, rtol=1e-6)


def test_division_is_exact():
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000) * 10.0 ** rng.integers(-30, 30, 2000)
    y = rng.normal(size=2000) * 10.0 ** rng.integers(-30, 30, 2000)
    a, b = tt.from_numpy(x), tt.from_numpy(y)
    assert tt.fmod(a, b).tolist() == [math.fmod(u, v) for u, v in zip(x, y, strict=True)]
    assert tt.remainder(a, b).tolist() == [u % v for u, v in zip(x.tolist(), y.tolist(), strict=True)]
    near = np.abs(x / y) < 1e15
    assert tt.floor_divide(a, b).numpy()[near].tolist() == [
        u // v for u, v in zip(x[near].tolist(), y[near].tolist(), strict=True)
    ]


@pytest.mark.parametrize("name", ["sigmoid", "silu", "gelu", "elu", "softplus", "mish", "logsigmoid", "erf"])
def test_vector_formulas_are_accurate(name, figure):
    function = getattr(F, name, None) or getattr(tt, name)
    x = tt.linspace(-15, 15, 100_001)
    exact, got = function(x.double()).numpy(), function(x).numpy()
    size = np.maximum(np.abs(exact), 1e-7 if name in ("gelu", "mish") else 0)
    error = np.max(np.abs(got - exact) / np.where(size == 0, 1, size))
    figure(f"largest relative error of {name}, float32", f"{error:.1e}")
    assert error < 1e-6


def test_large_in_place_writes_where_it_may():
    x = tt.arange(1 << 20).float()
    address, expected = x.data_ptr(), x[1:] + x[:-1]
    x[1:].add_(x[:-1])  # each element reads one that was written: a copy is due
    assert tt.equal(x[1:], expected)
    x.mul_(2.0)
    assert x.data_ptr() == address and x._version == 2


def test_second_derivatives():
    x = tt.tensor([-1.3, -0.2, 0.4, 1.7], dtype=tt.float64, requires_grad=True)
    for function in (
        F.gelu, lambda x: F.gelu(x, approximate="tanh"), F.silu, F.mish, F.logsigmoid, F.softplus, F.elu, F.selu,
        tt.sigmoid, tt.tanh, tt.erf, tt.sinc, lambda x: x.abs() ** 1.5, lambda x: tt.lgamma(x.abs()), tt.special.i1e,
    ):  # fmt: skip
        assert tt.autograd.gradgradcheck(function, (x,))
