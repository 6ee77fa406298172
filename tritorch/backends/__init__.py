"""Switches of libraries that torch can use. Those that tritorch has no use for keep what is written to them."""

from types import SimpleNamespace

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]


def _absent():
    return False


cudnn = SimpleNamespace(
    enabled=False, benchmark=False, deterministic=True, allow_tf32=False, is_available=_absent, version=lambda: None
)
cuda = SimpleNamespace(
    matmul=SimpleNamespace(
        allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True
    ),
    is_built=_absent,
)
mps = SimpleNamespace(is_available=_absent, is_built=_absent)
mkl = SimpleNamespace(is_available=_absent)
mkldnn = SimpleNamespace(is_available=_absent, enabled=False)
openmp = SimpleNamespace(is_available=_absent)
cpu = SimpleNamespace(get_cpu_capability=lambda: "DEFAULT")
