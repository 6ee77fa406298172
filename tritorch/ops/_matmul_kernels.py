"""Matrix products on a GPU: tiles on the tensor cores, for operands of any strides.

float16 and bfloat16 are multiplied as they are and summed in float32; float32 as three TensorFloat32 products, which
keep float32's own error, unless less is asked for; float64 and integers go through ordinary arithmetic.
"""

import numpy as np

from ..runtime.array import empty
from ..runtime.gpu import is_real
from ..runtime.jit import tl, triton
from ..runtime.launch import launch
from ..runtime.transfer import packed
from ..shape import broadcast

__all__ = ["precision", "product"]

precision = {"float32": "tf32x3"}  # what tl.dot is told: "tf32x3", "tf32" (faster, 10 bits) or "ieee" (no tensor cores)


@triton.jit
def _tile(tiles_m, tiles_n, GROUP: tl.constexpr):
    """The (row, column) of a program's tile: groups of rows go together, so that they share what they read."""
    program = tl.program_id(0)
    first = program // (GROUP * tiles_n) * GROUP
    rows = tl.minimum(tiles_m - first, GROUP)
    within = program % (GROUP * tiles_n)
    return first + within % rows, within // rows


@triton.jit
def matmul_tensor_cores(
    out, a, b, bias, M, N, K, inner, a_outer, a_inner, a_m, a_k, b_outer, b_inner, b_k, b_n,
    BIAS: tl.constexpr, PRECISION: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    row, column = _tile(tl.cdiv(M, BM), tl.cdiv(N, BN), GROUP)
    batch = tl.program_id(1).to(tl.int64)
    m = row * BM + tl.arange(0, BM)
    n = column * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    a += batch // inner * a_outer + batch % inner * a_inner
    b += batch // inner * b_outer + batch % inner * b_inner
    left = a + m.to(tl.int64)[:, None] * a_m + k[None, :] * a_k
    right = b + k[:, None] * b_k + n.to(tl.int64)[None, :] * b_n
    total = tl.zeros([BM, BN], tl.float32)
    for first in range(0, K, BK):
        x = tl.load(left, (m < M)[:, None] & (first + k < K)[None, :], other=0)
        y = tl.load(right, (first + k < K)[:, None] & (n < N)[None, :], other=0)
        total = tl.dot(x, y, total, input_precision=PRECISION)
        left += BK * a_k
        right += BK * b_k
    if BIAS:
        total += tl.load(bias + n, n < N, other=0).to(tl.float32)[None, :]
    place = (batch * M + m)[:, None] * N + n[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty), (m < M)[:, None] & (n < N)[None, :])


@triton.jit
def matmul_plain(
    out, a, b, bias, M, N, K, inner, a_outer, a_inner, a_m, a_k, b_outer, b_inner, b_k, b_n,
    BIAS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    row, column = _tile(tl.cdiv(M, BM), tl.cdiv(N, BN), GROUP)
    batch = tl.program_id(1).to(tl.int64)
    m = row * BM + tl.arange(0, BM)
    n = column * BN + tl.arange(0, BN)
    a += batch // inner * a_outer + batch % inner * a_inner
    b += batch // inner * b_outer + batch % inner * b_inner
    total = tl.zeros([BM, BN], out.dtype.element_ty)
    for k in range(K):
        x = tl.load(a + m.to(tl.int64) * a_m + k * a_k, m < M, other=0)
        y = tl.load(b + k * b_k + n.to(tl.int64) * b_n, n < N, other=0)
        total += x[:, None] * y[None, :]
    if BIAS:
        total += tl.load(bias + n, n < N, other=0)[None, :]
    place = (batch * M + m)[:, None] * N + n[None, :]
    tl.store(out + place, total, (m < M)[:, None] & (n < N)[None, :])


def _batches(x, shape):
    """A matrix or batch of them, broadcast to the batch ``shape``, and the strides of at most two batch dims."""
    size = x.itemsize
    x = np.broadcast_to(x, (*shape, *x.shape[-2:]), subok=True)
    dims = [(n, s // size) for n, s in zip(shape, x.strides[:-2], strict=True) if n != 1]
    while len(dims) < 2:
        dims.insert(0, (1, 0))
    if len(dims) > 2:
        return None
    return dims[-1][0], [dims[0][1], dims[1][1]], [s // size for s in x.strides[-2:]]


def _tiles(M, N, K, kind):
    """(BM, BN, BK, warps, stages) for the sizes of a product."""
    if not is_real():
        return *(min(max(triton.next_power_of_2(n), 16), 256) for n in (M, N, K)), 4, 1
    wide = 32 if kind == np.float32 else 64
    if M <= 16 or N <= 16:
        deep, warps = (32, 8) if kind == np.float32 else (128, 4)  # three products an element: larger ones spill
        return (16, 128, deep, warps, 3) if M <= N else (128, 16, deep, warps, 3)
    if M * N <= 512 * 512:
        return 64, 64, wide, 4, 4
    if kind == np.float32:
        return 128, 64, 32, 8, 3
    return 128, 128, 64, 8, 3


def product(a, b, bias=None):
    """``a @ b + bias`` as NumPy's matmul has it, for arrays on a device of one dtype; ``bias`` is a vector."""
    if a.ndim == 1 and b.ndim == 1:
        return product(a[None], b[:, None], bias)[0, 0]
    if a.ndim == 1:
        return product(a[None], b, bias)[..., 0, :]
    if b.ndim == 1:
        return product(a, b[:, None], bias)[..., 0]
    shape = broadcast(a.shape[:-2], b.shape[:-2])
    (M, K), N = a.shape[-2:], b.shape[-1]
    out = empty((*shape, M, N), a.dtype)
    if not out.size:
        return out
    left, right = _batches(a, shape), _batches(b, shape)
    if left is None or right is None or left[0] != right[0]:
        full = [np.broadcast_to(x, (*shape, *x.shape[-2:]), subok=True) for x in (a, b)]
        a, b = [packed(x).reshape(-1, *x.shape[-2:]) for x in full]
        left, right = _batches(a, (len(a),)), _batches(b, (len(b),))
    inner, a_batch, a_steps = left
    _, b_batch, b_steps = right
    tensor_cores = a.dtype.kind not in "biu" and a.itemsize <= 4
    BM, BN, BK, warps, stages = _tiles(M, N, K, a.dtype)
    options = {"BIAS": bias is not None, "GROUP": 8, "num_warps": warps}
    if tensor_cores:
        options |= {"BK": BK, "num_stages": stages, "PRECISION": precision["float32"] if a.itemsize == 4 else "ieee"}
        kernel = matmul_tensor_cores
    else:
        kernel, BM, BN = matmul_plain, min(BM, 64) if is_real() else BM, min(BN, 64) if is_real() else BN
    grid = triton.cdiv(M, BM) * triton.cdiv(N, BN), out.size // (M * N)
    launch(kernel, grid, out, a, b, out if bias is None else packed(bias), M, N, K, inner, *a_batch, *a_steps, *b_batch,
           *b_steps, BM=BM, BN=BN, **options)  # fmt: skip
    return out
