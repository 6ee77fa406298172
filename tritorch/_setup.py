"""What programs ask of the library itself: threads, determinism, compilation that leaves code as it is."""

import functools
import math

from . import _C, _print
from .dtypes import can_cast, dtype, finfo, get_default_dtype, iinfo, promote_types, result_type_of, set_default_dtype
from .runtime.blocks import get_num_threads, set_num_threads
from .runtime.device import get_default_device, set_default_device

__all__ = [
    "are_deterministic_algorithms_enabled", "can_cast", "compile", "dtype", "e", "finfo", "get_default_device",
    "get_default_dtype", "get_device", "get_num_interop_threads", "get_num_threads", "get_printoptions", "iinfo", "inf",
    "is_complex", "is_conj", "is_floating_point", "is_inference", "is_neg", "is_nonzero", "is_same_size",
    "is_signed", "is_storage", "is_warn_always_enabled", "nan",
    "newaxis", "numel", "pi", "promote_types", "result_type", "set_default_device", "set_default_dtype",
    "set_default_tensor_type", "set_float32_matmul_precision", "get_float32_matmul_precision", "set_num_interop_threads",
    "set_num_threads", "set_printoptions", "use_deterministic_algorithms",
]  # fmt: skip

e, inf, nan, pi, newaxis = math.e, math.inf, math.nan, math.pi, None
set_printoptions, get_printoptions = _print.set_printoptions, _print.get_printoptions


def compile(model=None, **options):
    """``model`` itself, as a decorator or a call: tritorch runs eagerly; fused kernels have their own decorator.

    Example:
        >>> import tritorch
        >>> tritorch.compile(abs) is abs
        True
    """
    return functools.partial(compile, **options) if model is None else model


def result_type(tensor1, tensor2):
    """The dtype in which an operator would compute with these two tensors or numbers."""
    return result_type_of(tensor1, tensor2)


def is_floating_point(input):
    """Whether the tensor's dtype is floating."""
    return input.is_floating_point()


def is_complex(input):
    """Whether the tensor's dtype is complex."""
    return input.is_complex()


def is_signed(input):
    """Whether the tensor's dtype holds negative numbers."""
    return input.is_signed()


def is_conj(input):
    """False: conjugation is done, never deferred."""
    return input.is_conj()


def is_neg(input):
    """False: negation is done, never deferred."""
    return input.is_neg()


def is_same_size(input, other):
    """Whether both tensors have one shape."""
    return input.is_same_size(other)


def get_device(input):
    """The index of the tensor's GPU; -1 on the CPU."""
    return input.get_device()


def is_inference(input):
    """Whether the tensor was made in inference mode."""
    return input.is_inference()


def is_nonzero(input):
    """Whether the one element of the tensor is not zero."""
    if input.numel() != 1:
        count = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {count} is ambiguous")
    return bool(input)


def is_storage(obj):
    """Whether ``obj`` is a storage."""
    return type(obj).__name__ == "UntypedStorage"


def numel(input):
    """The number of elements."""
    return input.numel()


_settings = {"deterministic": True, "precision": "highest", "interop": 1}


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Asks for deterministic results: all of tritorch's are, so that both answers hold."""
    _settings["deterministic"] = bool(mode)


def are_deterministic_algorithms_enabled():
    """What :func:`use_deterministic_algorithms` was last told."""
    return _settings["deterministic"]


def set_float32_matmul_precision(precision):
    """Takes "highest", "high" or "medium"; on the CPU products of float32 are always computed in float32."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"Invalid precision: expected highest, high or medium, got {precision}")
    _settings["precision"] = precision


def get_float32_matmul_precision():
    """What :func:`set_float32_matmul_precision` was last told."""
    return _settings["precision"]


def get_num_interop_threads():
    """Threads between operators: 1."""
    return _settings["interop"]


def set_num_interop_threads(number):
    """Operators run one after another on the CPU; the number is kept."""
    _settings["interop"] = int(number)


def is_warn_always_enabled():
    """False."""
    return False


def set_default_tensor_type(t):
    """The default dtype by a typed tensor's name, as ``"tritorch.DoubleTensor"``."""
    name = (t if isinstance(t, str) else t.__name__).rpartition(".")[2].removesuffix("Tensor").lower()
    from_name = {"float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16"}
    if name not in from_name:
        raise TypeError(f"only floating-point types are supported as the default type, got {t}")
    set_default_dtype(_C.wrap(0.0).dtype.__class__(from_name[name]))
