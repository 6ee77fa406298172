"""The texts of the errors that many operators raise, and the exceptions that torch has no builtin for.

Floor 3. The functions *make* an exception for the caller to raise, so that the traceback ends at the operator::

    raise errors.cant_cast(result, out.dtype)

Where torch has a well-known text it is torch's; shapes print as lists, as they do there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .dtypes import dtype


class OutOfMemoryError(RuntimeError):
    """A device has no memory left for an allocation (``tritorch.cuda.OutOfMemoryError``)."""


class LinAlgError(RuntimeError):
    """A decomposition failed: a singular matrix, or no convergence (``tritorch.linalg.LinAlgError``)."""


def check(condition: Any, exception: type[Exception], message: str) -> None:
    """Raises ``exception(message)`` unless :attr:`condition` holds. For cold paths: the message is always built.

    Example:
        >>> from tritorch.errors import check
        >>> check(False, ValueError, "dropout probability has to be between 0 and 1, but got 2")
        Traceback (most recent call last):
            ...
        ValueError: dropout probability has to be between 0 and 1, but got 2
    """
    if not condition:
        raise exception(message)


# --- Names -----------------------------------------------------------------------------------------------------

_CPP_NAMES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int",
    "int64": "long int", "uint16": "short unsigned int", "uint32": "unsigned int", "uint64": "long unsigned int",
    "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double",
    "float8_e4m3fn": "c10::Float8_e4m3fn", "float8_e5m2": "c10::Float8_e5m2",
    "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


def cpp_name(kind: dtype) -> str:
    """The C++ name that some of torch's texts use: ``"float"``, ``"long int"``, ``"c10::Half"``."""
    return _CPP_NAMES[kind.name]


def tensor_type(kind: dtype, device_type: str = "cpu") -> str:
    """The name of the tensor's type, as ``Tensor.type()`` gives it: ``"tritorch.FloatTensor"``."""
    room = "" if device_type == "cpu" else f"{device_type}."
    return f"tritorch.{room}{kind.type_name}Tensor"


# --- Arguments -------------------------------------------------------------------------------------------------


def argument_type(function: str, argument: str, position: int | None, expected: str, got: Any) -> TypeError:
    """``softmax(): argument 'dim' (position 2) must be int, not float``."""
    place = "" if position is None else f" (position {position})"
    return TypeError(f"{function}(): argument '{argument}'{place} must be {expected}, not {type(got).__name__}")


def expected_tensor(function: str, argument: str, position: int | None, got: Any) -> TypeError:
    """``relu(): argument 'input' (position 1) must be Tensor, not int``."""
    return argument_type(function, argument, position, "Tensor", got)


def invalid_combination(
    function: str, args: Iterable[Any], kwargs: dict[str, Any], expected: Sequence[str]
) -> TypeError:
    """``view() received an invalid combination of arguments - got (str), but expected one of: ...``."""
    got = [type(value).__name__ for value in args]
    got += [f"{name}={type(value).__name__}" for name, value in kwargs.items()]
    head = f"{function}() received an invalid combination of arguments - got ({', '.join(got)}), but expected "
    if len(expected) == 1:
        return TypeError(f"{head}{expected[0]}")
    return TypeError(head + "one of:\n" + "".join(f" * {signature}\n" for signature in expected))


# --- dtypes ----------------------------------------------------------------------------------------------------


def not_implemented(kernel: str, kind: dtype, device_type: str = "cpu") -> NotImplementedError:
    """``"bitwise_and_cpu" not implemented for 'Float'``."""
    return NotImplementedError(f"\"{kernel}_{device_type}\" not implemented for '{kind.type_name}'")


def cant_cast(result: dtype, output: dtype) -> RuntimeError:
    """``result type Float can't be cast to the desired output type Long``."""
    return RuntimeError(f"result type {result.type_name} can't be cast to the desired output type {output.type_name}")


def same_dtype(function: str, first: dtype, second: dtype, what: str = "both tensors") -> RuntimeError:
    """``dot : expected both vectors to have same dtype, but found Float and Long``."""
    return RuntimeError(
        f"{function} : expected {what} to have same dtype, but found {first.type_name} and {second.type_name}"
    )


def index_dtype(function: str, expected: str = "int32 or int64") -> RuntimeError:
    """``index_select(): Expected dtype int32 or int64 for index``."""
    return RuntimeError(f"{function}(): Expected dtype {expected} for index")


# --- Devices ---------------------------------------------------------------------------------------------------


def same_device(function: str, first: Any, second: Any) -> RuntimeError:
    """``add: Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0!``."""
    return RuntimeError(
        f"{function}: Expected all tensors to be on the same device, "
        f"but found at least two devices, {first} and {second}!"
    )


# --- Shapes and indices ----------------------------------------------------------------------------------------


def output_shape(shape: Iterable[int], broadcast: Iterable[int]) -> RuntimeError:
    """``output with shape [2] doesn't match the broadcast shape [3, 2]``: of an in-place write."""
    return RuntimeError(f"output with shape {list(shape)} doesn't match the broadcast shape {list(broadcast)}")


def index_out_of_bounds(index: int, dim: int, size: int) -> IndexError:
    """``index 5 is out of bounds for dimension 0 with size 3``."""
    return IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")


def empty_reduction(function: str, dim: int | None = None) -> Exception:
    """A reduction without an identity met no elements: over all of them, or along one :attr:`dim` of size zero."""
    if dim is not None:
        return IndexError(f"{function}(): Expected reduction dim {dim} to have non-zero size.")
    kind = IndexError if function in ("argmax", "argmin") else RuntimeError
    tail = "" if kind is IndexError else " Specify the reduction dim with the 'dim' argument."
    return kind(f"{function}(): Expected reduction dim to be specified for input.numel() == 0.{tail}")


def not_a_scalar(numel: int) -> RuntimeError:
    """``a Tensor with 2 elements cannot be converted to Scalar``."""
    return RuntimeError(f"a Tensor with {numel} elements cannot be converted to Scalar")


def ambiguous_bool(numel: int) -> RuntimeError:
    """``Boolean value of Tensor with more than one value is ambiguous`` (or with no values)."""
    count = "no values" if numel == 0 else "more than one value"
    return RuntimeError(f"Boolean value of Tensor with {count} is ambiguous")
