"""Packed LU and LDL decompositions, spectrograms and sampled derivatives: what they mean, beyond single numbers."""

import pytest

import tritorch


def matrices(*shape, dtype=tritorch.float64):
    tritorch.manual_seed(0)
    return tritorch.randn(*shape, dtype=dtype)


@pytest.mark.parametrize("shape", [(3, 3), (2, 5, 3), (3, 5), (150, 150), (0, 0), (2, 0, 3)])
@pytest.mark.parametrize("dtype", [tritorch.float64, tritorch.complex128])
def test_lu_multiplies_back(shape, dtype):
    A = matrices(*shape, dtype=dtype)
    P, L, U = tritorch.linalg.lu(A)
    assert tritorch.allclose(P @ L @ U, A)
    assert not L.triu(1).any() and not U.tril(-1).any()


@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 5), (2, 5, 3)])
def test_lu_gradient(shape):
    A = matrices(*shape).requires_grad_()
    assert tritorch.autograd.gradcheck(lambda A: tritorch.linalg.lu(A)[1:], (A,))


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_lu_solve(left, adjoint):
    A, B = matrices(2, 3, 3, dtype=tritorch.complex128), matrices(3, 3, dtype=tritorch.complex128)
    X = tritorch.linalg.lu_solve(*tritorch.linalg.lu_factor(A), B, left=left, adjoint=adjoint)
    turned = A.mH if adjoint else A
    assert tritorch.allclose(turned @ X if left else X @ turned, B.expand(2, 3, 3))


def test_a_zero_pivot_is_named():
    with pytest.raises(tritorch.linalg.LinAlgError, match=r"U\[2,2\] is zero"):
        tritorch.linalg.lu_factor(tritorch.ones(2, 2))
    assert tritorch.linalg.lu_factor_ex(tritorch.ones(2, 2)).info.item() == 2


@pytest.mark.parametrize("hermitian", [True, False])
def test_ldl_solves_an_indefinite_system(hermitian):
    A, B = matrices(2, 9, 9, dtype=tritorch.complex128), matrices(9, 2, dtype=tritorch.complex128)
    A = A + (A.mH if hermitian else A.mT)
    A[..., 0, 0] = 0  # no pivot of one row there
    LD, pivots = tritorch.linalg.ldl_factor(A, hermitian=hermitian)
    assert (pivots < 0).any()
    assert tritorch.allclose(A @ tritorch.linalg.ldl_solve(LD, pivots, B, hermitian=hermitian), B.expand(2, 9, 2))


def test_low_rank():
    A = matrices(2, 20, 3) @ matrices(3, 30)
    for M in (A, A.mT):
        U, S, V = tritorch.svd_lowrank(M, q=3)
        assert tritorch.allclose(U * S.unsqueeze(-2) @ V.mT, M)


@pytest.mark.parametrize("options", [{}, {"onesided": False}, {"normalized": True, "hop_length": 3}])
def test_a_signal_comes_back(options):
    signal, window = matrices(2, 90), tritorch.hann_window(16, dtype=tritorch.float64)
    spectrum = tritorch.stft(signal, 16, window=window, return_complex=True, **options)
    assert tritorch.allclose(tritorch.istft(spectrum, 16, window=window, length=90, **options), signal)


def test_gradient_is_exact_for_parabolas():
    x = tritorch.tensor([0.0, 1.0, 3.0, 4.0], dtype=tritorch.float64)
    (slope,) = tritorch.gradient(x**2, spacing=(x,), edge_order=2)
    assert tritorch.allclose(slope, 2 * x)


def test_hash_of_any_order():
    x = matrices(50)
    assert (
        tritorch.hash_tensor(x).item() == tritorch.hash_tensor(x.flip(0)).item() != tritorch.hash_tensor(x[1:]).item()
    )


def test_gradients_of_complex_matrices():
    A, B = (matrices(4, 3, 3, dtype=tritorch.complex128)[i].requires_grad_() for i in (0, 1))
    det, slogdet = tritorch.linalg.det, tritorch.linalg.slogdet
    for function, arguments in (
        (tritorch.nn.functional.linear, (A, B)),
        (det, (A,)),
        (slogdet, (A,)),
        (tritorch.logdet, (A,)),
    ):
        assert tritorch.autograd.gradcheck(function, arguments)


def test_overlapping_windows_of_complex_numbers_add_up():
    x = matrices(1, 4, 5, dtype=tritorch.complex128)
    whole = tritorch.nn.functional.fold(x, (1, 8), (1, 4))
    parts = [tritorch.nn.functional.fold(part, (1, 8), (1, 4)) for part in (x.real, x.imag)]
    assert tritorch.allclose(whole, tritorch.complex(*parts))
