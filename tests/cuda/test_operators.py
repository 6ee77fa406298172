"""Every public operator on a device: the same results, gradients and errors as on the CPU.

The CPU's own results are held against NumPy, torch's samples and finite differences elsewhere; here they are the
reference. Random operators draw the same numbers on both from the same seed.
"""

import pytest

import tritorch as torch
from tritorch.ops._op import REGISTRY
from tritorch.ops._samples import is_public, own_dtype, samples_of
from tritorch.testing import devices
from tritorch.testing.calls import mapped

PUBLIC = {name: op for name, op in REGISTRY.items() if is_public(op)}
UNINITIALISED = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided", "new"}

# Operators that a device has no kernel for, in one of their forms or their gradients: the error says so by name.
WITHOUT_KERNEL = frozenset(
    """
    cdouble cfloat cholesky cholesky_inverse cholesky_solve complex det fft_fft fft_fft2 fft_fftn fft_hfft
    fft_hfft2 fft_hfftn fft_ifft fft_ifft2 fft_ifftn fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2
    fft_irfftn fft_rfft fft_rfft2 fft_rfftn geqrf hash_tensor histc histogram histogramdd imag inverse istft
    linalg_cholesky linalg_cond linalg_det linalg_eig linalg_eigh linalg_eigvals linalg_eigvalsh linalg_inv
    linalg_ldl_factor linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq linalg_lu linalg_lu_factor
    linalg_lu_factor_ex linalg_lu_solve linalg_matrix_norm linalg_matrix_rank linalg_norm linalg_pinv
    linalg_qr linalg_slogdet linalg_solve linalg_solve_triangular linalg_svd linalg_svdvals linalg_tensorinv
    linalg_tensorsolve logdet lu lu_solve lu_unpack mode pca_lowrank pinverse poisson polar qr slogdet stft
    svd triangular_solve unique unique_consecutive view_as_complex_copy
""".split()
)
# Operators whose Python reads values on the host or mixes devices: they fail with an error, not with wrong numbers.
ON_THE_HOST = frozenset(
    """
    bincount ctc_loss linalg_cholesky_ex linalg_inv_ex linalg_matrix_exp
    linalg_matrix_power linalg_solve_ex matrix_exp svd_lowrank
""".split()
)
# They refuse a tensor of a device, as torch's do, or only have a meaning there.
OF_ONE_KIND = frozenset(["apply_", "map_", "map2_", "record_stream"])
# What these give depends on the layout in memory, or on more elements than there are.
OF_LAYOUT = frozenset(
    """as_strided as_strided_ as_strided_copy as_strided_scatter view_as_complex dim_order detach_ resize_as_ pin_memory cuda""".split()
)
# Known differences from the CPU, by test: each fails with an error or gives NaN beside the place of a NaN.
DIFFERS = {
    "permuted": "view view_as strided_window".split(),
    "empty": """linear multi_head_attention_forward native_group_norm
        """.split(),
    "infinity": """conv_transpose1d conv_transpose2d conv_transpose3d native_layer_norm native_group_norm
        native_batch_norm bernoulli""".split(),
}


def differs(op, test):
    if op.__name__ in DIFFERS.get(test, ()):
        pytest.xfail("a known difference")


every_operator = pytest.mark.parametrize("op", [pytest.param(op, id=name) for name, op in PUBLIC.items()])


def compare(op, sample, **options):
    """False where the device has no kernel for the operator, which its error says."""
    return devices.agrees(op, sample, values=op.__name__ not in UNINITIALISED, **options)


@every_operator
def test_values_and_gradients(op):
    name = op.__name__
    if name in OF_ONE_KIND:
        return
    try:
        outcomes = {compare(op, sample, gradients=True) for sample in samples_of(op, requires_grad=True)}
    except (*devices.REFUSALS, AssertionError):
        if name in ON_THE_HOST:
            pytest.xfail("it reads on the host")
        raise
    assert name not in ON_THE_HOST, "it works: take it out of the table"
    assert (False in outcomes) == (name in WITHOUT_KERNEL), "it works: take it out of the table, or it does not"


@every_operator
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_dtypes(op, dtype):
    differs(op, dtype)
    if getattr(torch, dtype) is own_dtype(op) or op.__name__ in WITHOUT_KERNEL | ON_THE_HOST | OF_ONE_KIND | OF_LAYOUT:
        return
    for sample in samples_of(op, getattr(torch, dtype))[:2]:
        compare(op, sample)


@every_operator
@pytest.mark.parametrize("layout", ["gaps", "permuted"])
def test_layouts(op, layout):
    differs(op, layout)
    if op.__name__ not in WITHOUT_KERNEL | ON_THE_HOST | OF_ONE_KIND | OF_LAYOUT:
        compare(op, samples_of(op)[0], layout=layout)


@every_operator
def test_empty(op):
    differs(op, "empty")
    if op.__name__ not in WITHOUT_KERNEL | ON_THE_HOST | OF_ONE_KIND | OF_LAYOUT:
        compare(op, mapped(lambda x: x[..., :0] if x.ndim else x, samples_of(op)[0]))


@every_operator
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity(op, value):
    differs(op, "infinity")

    if op.__name__ not in WITHOUT_KERNEL | ON_THE_HOST | OF_ONE_KIND | OF_LAYOUT:
        compare(op, mapped(devices.poisoned(value), samples_of(op)[0]))
